"""A scriptable API and CDN over real sockets; independent of wan_cli."""
