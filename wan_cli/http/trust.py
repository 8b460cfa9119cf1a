"""Whom TLS trusts: the certificate authorities, read in the background while requests is imported.

This module does without requests, so that the reading can begin before that import.
"""

import os
import ssl
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import certifi

# What helps if a certificate is not trusted, or if the authorities cannot be read.
TRUST_HINT = (
    "set SSL_CERT_FILE (or REQUESTS_CA_BUNDLE) to a file with the root certificate that this"
    " network needs, then run the same command again"
)


class Authorities:
    """Authorities that are read once for all connections, in a thread of their own.

    Parsing the usual bundle takes 20 ms; meanwhile the caller continues to import. As for requests,
    REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE name another file or folder; after them, SSL_CERT_FILE and
    SSL_CERT_DIR, as for OpenSSL.
    """

    def __init__(self) -> None:
        self._context: ssl.SSLContext | None = None
        self._failure: OSError | None = None
        self._begun = threading.Lock()
        self._done = threading.Event()

    def read_ahead(self) -> None:
        """Begin to read them, unless that was done before."""
        if not self._begun.acquire(blocking=False):
            return
        try:
            threading.Thread(target=self._read, name="wan-trust", daemon=True).start()
        except RuntimeError:
            self._read()  # No thread is left: then here and now.

    def context(self) -> ssl.SSLContext:
        """Return the settings of a TLS connection to whom they vouch for.

        Raises:
            OSError: they cannot be read.
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
    """Return the file or folders of authorities that the environment names, else the bundle's."""
    named = env.get("REQUESTS_CA_BUNDLE") or env.get("CURL_CA_BUNDLE")
    if named:
        return {"capath" if Path(named).is_dir() else "cafile": named}
    ours = {"cafile": env.get("SSL_CERT_FILE"), "capath": env.get("SSL_CERT_DIR")}
    return {name: place for name, place in ours.items() if place} or {"cafile": certifi.where()}
