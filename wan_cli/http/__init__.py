"""What api and download share of HTTP: the library, and whom TLS trusts."""
