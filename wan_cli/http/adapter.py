"""How requests reaches a server: whom it trusts is read once, not for each connection."""

from typing import Any

from requests.adapters import HTTPAdapter

from wan_cli.http.authorities import Authorities


class Adapter(HTTPAdapter):
    """Connections to servers that the authorities vouch for. It verifies always."""

    def __init__(self, authorities: Authorities) -> None:
        self._authorities = authorities
        super().__init__()

    def build_connection_pool_key_attributes(
        self, request: Any, verify: Any, cert: Any = None
    ) -> Any:
        """Return what tells connections apart, and the settings of those with TLS."""
        host, settings = super().build_connection_pool_key_attributes(request, verify, cert)
        if host["scheme"] == "https":
            settings = {"cert_reqs": "CERT_REQUIRED", "ssl_context": self._authorities.context()}
        return host, settings

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        """Leave the connection as it is: requests would have it parse the bundle anew."""

    def proxy_manager_for(self, proxy: Any, **settings: Any) -> Any:
        """Return the connections through a proxy; the authorities vouch for that too."""
        if proxy.lower().startswith("https"):
            settings["proxy_ssl_context"] = self._authorities.context()
        return super().proxy_manager_for(proxy, **settings)
