"""The body of an open answer of the CDN: read in time, unpacked where that was forced on us."""

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
# What gzip and zlib begin with.
_COMPRESSED = (b"\x1f", b"\x78")


def guarded(call: Callable[[], T]) -> T:
    """Return what a call of the library returns; every exception of the library ends here.

    Its words are not passed on: they hold the whole URL.
    """
    try:
        return call()
    except LIBRARY_ERRORS as error:
        raise Broken(failure_reason(error)) from None


class HttpBody:
    """The body of an open answer."""

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
        # 32 + 15: a gzip or a zlib header, whichever there is.
        self._is_first = True
        self._decoder = zlib.decompressobj(47) if answer.encoding else None

    def read(self, *, fill: int = 0) -> bytes:
        """Return what is there, waiting for at least one byte, or `fill` bytes; b"" at the end.

        Raises:
            Broken: the connection broke, or ended too early.
        """
        if self.answer.start == self.answer.end:
            return b""  # What comes with a 416 is not the video.
        return guarded(partial(self._read, fill) if self._decoder is None else self._read_decoded)

    def _read(self, fill: int = 0) -> bytes:
        left = self._deadline - self._pace.clock()
        if left <= self._pace.window:
            return self._read_within(left)
        if fill and hasattr(self._raw, "shutdown"):
            return self._read_whole(fill)
        return self._read_some()

    def _read_within(self, left: float) -> bytes:
        # The socket's own timeout would come after the deadline.
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
        """Wait for so many bytes, as long as a stall may take: a drip renews the socket's limit."""
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
        # Only urllib3 2.2 can return what is there; those before it wait for all that is asked for.
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
                self._decoder = None  # What the server calls compressed is not.
                return data
            self._is_first = False
            if not data:
                if not decoder.eof:
                    raise Broken("the connection ended inside compressed data")
                return b""
            if decoded := decoder.decompress(data, DECODED_BYTES):
                return decoded

    def close(self) -> None:
        """Let go of the connection; where a read was given up, that read does it at its end."""
        self._closed.set()
        if not self._lent:
            self._resources.close()
