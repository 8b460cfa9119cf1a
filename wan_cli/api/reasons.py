"""Why there is no reply, in plain words: one table for what the HTTP libraries raise."""

from wan_cli.api.exchange import ExchangeFailed

TRUST_HINT = (
    "set SSL_CERT_FILE (or REQUESTS_CA_BUNDLE) to a file with the root certificate that this"
    " network needs, then run the same command again"
)
_REASONS: tuple[tuple[str, str], ...] = (
    # First: its words hold those of what befell the proxy.
    ("ProxyError", "the proxy does not connect"),
    ("NameResolutionError", "the host name cannot be resolved"),
    ("Failed to resolve", "the host name cannot be resolved"),
    ("Connection refused", "the connection was refused"),
    ("ConnectTimeout", "the connection timed out"),
    ("CERTIFICATE_VERIFY_FAILED", "its TLS certificate is not trusted"),
    ("SSL", "TLS failed"),
    ("certificate authorities", "the file of certificate authorities cannot be read"),
    ("SOCKS", "a SOCKS proxy needs the package pysocks"),
    ("reset by peer", "the connection was reset"),
    ("Broken pipe", "the connection was closed"),
    ("RemoteDisconnected", "the connection was closed without an answer"),
    ("timed out", "no answer in time"),
    ("BadStatusLine", "the answer is not HTTP"),
    ("unreachable", "the network is unreachable"),
)


# Another try fails alike until somebody changes something here.
_FINAL = (
    "its TLS certificate is not trusted",
    "the file of certificate authorities cannot be read",
)


def failed(cause: BaseException) -> ExchangeFailed:
    """Return what a library's error means for an exchange."""
    reason = _reason(cause)
    return ExchangeFailed(reason, is_final=reason in _FINAL)


def _reason(cause: BaseException) -> str:
    """Return a library's error in plain words; its own may hold URLs, and queries with ids."""
    words = f"{type(cause).__name__} {cause!r}"
    found = next((reason for sign, reason in _REASONS if sign in words), None)
    return found or f"the connection failed ({type(cause).__name__})"


def hint_for(reason: str) -> str:
    """Return the next step for a reason why the API cannot be reached."""
    return TRUST_HINT if reason in _FINAL else "wan doctor"
