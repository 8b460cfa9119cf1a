"""Which service a base URL means, however it is written. Pure."""

import re
from urllib.parse import urlsplit

# Of the embedded sandbox, which serves at another port each time and has a history of its own.
SANDBOX = "sandbox"
_DEFAULT_PORTS = {"http": 80, "https": 443}
_VERSION = re.compile(r"/v[12]$")


def service_of(base_url: str, *, sandbox: bool = False) -> str:
    """Return a base URL in the one form that stands for its service, or that it is the sandbox.

    Scheme and host are lower case; a default port, a slash at the end and a trailing /v1 or /v2 (as
    OpenAI-style clients are configured) are left out.
    """
    if sandbox:
        return SANDBOX
    parts = urlsplit(base_url.strip())
    scheme, host = parts.scheme.lower(), (parts.hostname or "").lower()
    if ":" in host:
        host = f"[{host}]"
    port = parts.port
    if port is not None and port != _DEFAULT_PORTS.get(scheme):
        host = f"{host}:{port}"
    path = _VERSION.sub("", parts.path.rstrip("/")).rstrip("/")
    return f"{scheme}://{host}{path}"


def is_of(base_url: str, service: str) -> bool:
    """Whether a base URL of the history is of a service."""
    return service in (SANDBOX, service_of(base_url))
