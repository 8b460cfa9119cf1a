"""HTTP for the API and the CDN: connections, whom TLS trusts, the trace of -v."""
