"""The body of an open response of the CDN: read before a deadline, and decompressed if need be."""

import contextlib
import threading
import time
import zlib
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from requests import Response

from wan_cli.download.ranges import Answer
from wan_cli.download.transfer import Broken, Limits
from wan_cli.http.connect import LIBRARY_ERRORS, failure_reason
from wan_cli.http.deadline import within

T = TypeVar("T")

READ_BYTES = 2**16
SMALL_READ_BYTES = 2**10
DECODED_BYTES = 2**20
# The first bytes of gzip and zlib.
_COMPRESSED = (b"\x1f", b"\x78")


def guarded(call: Callable[[], T]) -> T:
    """Return the result of a call of requests; turn every exception of requests into Broken.

    The exceptions' own messages are dropped, because they hold the whole URL.
    """
    try:
        return call()
    except LIBRARY_ERRORS as error:
        raise Broken(failure_reason(error)) from None


class HttpBody:
    """The body of an open response."""

    def __init__(
        self,
        response: Response,
        answer: Answer,
        resources: contextlib.ExitStack,
        limits: Limits,
    ) -> None:
        self.answer = answer
        self._raw = response.raw
        self._resources = resources
        self._deadline = limits.deadline
        self._pace = limits.pace
        self._lent = False
        self._watch: threading.Thread | None = None
        self._awaited_since: float | None = None
        self._closed = threading.Event()
        # 32 + 15: accept a gzip or a zlib header.
        self._is_first = True
        self._decoder = zlib.decompressobj(47) if answer.encoding else None

    def read(self, *, fill: int = 0) -> bytes:
        """Wait for at least one byte, or for `fill` bytes, and return them; b"" at the end.

        Raises:
            Broken: the connection broke, or ended too early.
        """
        if self.answer.start == self.answer.end:
            return b""  # The body of a 416 is not the video.
        return guarded(partial(self._read, fill) if self._decoder is None else self._read_decoded)

    def _read(self, fill: int = 0) -> bytes:
        left = self._deadline - self._pace.clock()
        if left <= self._pace.window:
            return self._read_within(left)
        if fill and hasattr(self._raw, "shutdown"):
            return self._read_whole(fill)
        return self._read_some()

    def _read_within(self, left: float) -> bytes:
        # The socket's own timeout would end after the deadline.
        self._lent = True
        data = within(
            left,
            self._read_or_close,
            name="wan-read",
            discard=lambda _data: self._resources.close(),
        )
        self._lent = False
        return data

    def _read_whole(self, size: int) -> bytes:
        """Wait for `size` bytes, at most for one window; slow bytes renew the socket's timeout."""
        if self._watch is None:
            self._watch = threading.Thread(target=self._end_stalls, name="wan-watch", daemon=True)
            self._watch.start()
        self._awaited_since = time.monotonic()
        try:
            data: bytes = self._raw.read(size, decode_content=False)
            return data
        finally:
            self._awaited_since = None

    def _end_stalls(self) -> None:
        window = self._pace.window
        while not self._closed.wait(min(1.0, window / 4)):
            since = self._awaited_since
            if since is not None and time.monotonic() - since > window:
                self._raw.shutdown()
                return

    def _read_some(self) -> bytes:
        # urllib3 2.2 and newer can return the bytes that are there; older ones wait for all.
        if hasattr(self._raw, "read1"):
            data: bytes = self._raw.read1(READ_BYTES, decode_content=False)
        else:
            data = self._raw.read(SMALL_READ_BYTES, decode_content=False)
        return data

    def _read_or_close(self) -> bytes:
        try:
            return self._read_some()
        except LIBRARY_ERRORS:
            self._resources.close()
            raise

    def _read_decoded(self) -> bytes:
        decoder = self._decoder
        assert decoder is not None
        while True:
            data = decoder.unconsumed_tail or self._read()
            if self._is_first and data[:1] not in _COMPRESSED:
                self._decoder = None  # The server says compressed, but the bytes are not.
                return data
            self._is_first = False
            if not data:
                if not decoder.eof:
                    raise Broken("the connection ended inside compressed data")
                return b""
            if decoded := decoder.decompress(data, DECODED_BYTES):
                return decoded

    def close(self) -> None:
        """Close the connection; if a read was abandoned, that read closes it when it ends."""
        self._closed.set()
        if not self._lent:
            self._resources.close()
