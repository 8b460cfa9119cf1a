"""The certificate authorities that TLS trusts, read in the background during other imports.

This module does not import requests, so that reading can begin before that import.
"""

import os
import ssl
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import certifi

# The hint if a certificate is not trusted, or if the authorities cannot be read.
TRUST_HINT = (
    "set SSL_CERT_FILE (or REQUESTS_CA_BUNDLE) to a file with the root certificate that this"
    " network needs, then run the same command again"
)


class Authorities:
    """The certificate authorities, read once for all connections in their own thread.

    Parsing the usual bundle takes 20 ms, while the caller imports other modules. As in requests,
    REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE can name another file or folder; if neither is set,
    SSL_CERT_FILE and SSL_CERT_DIR can, as in OpenSSL.
    """

    def __init__(self) -> None:
        self._context: ssl.SSLContext | None = None
        self._failure: OSError | None = None
        self._begun = threading.Lock()
        self._done = threading.Event()

    def read_ahead(self) -> None:
        """Begin to read the authorities, unless reading has begun already."""
        if not self._begun.acquire(blocking=False):
            return
        try:
            threading.Thread(target=self._read, name="wan-trust", daemon=True).start()
        except RuntimeError:
            self._read()  # No thread can start: read them in this one.

    def context(self) -> ssl.SSLContext:
        """Return the TLS settings, which trust these authorities.

        Raises:
            OSError: the authorities cannot be read.
        """
        self.read_ahead()
        self._done.wait()
        if self._context is None:
            raise OSError("no certificate authorities") from self._failure
        return self._context

    def _read(self) -> None:
        try:
            self._context = ssl.create_default_context(**_places(os.environ))
        except OSError as cause:
            self._failure = cause
        finally:
            self._done.set()


def _places(env: Mapping[str, str]) -> Mapping[str, Any]:
    """Return the file or folders of authorities from the environment, else certifi's bundle."""
    named = env.get("REQUESTS_CA_BUNDLE") or env.get("CURL_CA_BUNDLE")
    if named:
        return {"capath" if Path(named).is_dir() else "cafile": named}
    ours = {"cafile": env.get("SSL_CERT_FILE"), "capath": env.get("SSL_CERT_DIR")}
    return {name: place for name, place in ours.items() if place} or {"cafile": certifi.where()}
