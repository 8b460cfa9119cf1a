"""requests, without the package by which it guesses the encoding of texts.

Importing that takes 10 ms of every command that asks the API, and wan reads bytes. requests can do
without, but warns.
"""

import importlib
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_GUESSERS = ("chardet", "charset_normalizer")


@contextmanager
def _without(*names: str) -> Iterator[None]:
    """Make the import of modules fail, unless they were imported before."""
    hidden = [name for name in names if name not in sys.modules]
    for name in hidden:
        sys.modules[name] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


# A version that cannot do without gets what it wants from the imports below.
with suppress(ImportError), _without(*_GUESSERS), warnings.catch_warnings():
    warnings.simplefilter("ignore")
    importlib.import_module("requests")

# ruff: noqa: E402  What follows is of the requests that was imported above.
from requests import PreparedRequest, Request, Response
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from requests.exceptions import ProxyError, RequestException, SSLError, Timeout
from requests.structures import CaseInsensitiveDict
from requests.utils import get_environ_proxies, select_proxy

__all__ = [
    "AuthBase",
    "CaseInsensitiveDict",
    "HTTPAdapter",
    "PreparedRequest",
    "ProxyError",
    "Request",
    "RequestException",
    "Response",
    "SSLError",
    "Timeout",
    "get_environ_proxies",
    "select_proxy",
]
