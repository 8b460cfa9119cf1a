"""HTTP for the API and the CDN: connections, trusted certificates, the trace of -v."""
