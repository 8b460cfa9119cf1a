"""Complete an unfinished file, over several connections as long as each makes progress."""

import contextlib
import threading
import time
from collections.abc import Callable, Generator, Iterator
from typing import NamedTuple, Protocol

from wan_cli import mp4
from wan_cli.download.outcome import Kept, Meter, Reason
from wan_cli.download.part import Part, fetch_hint, local_trouble
from wan_cli.download.ranges import Answer, BadAnswer, RangeRequest
from wan_cli.errors import DriveTrouble

PIECE_BYTES = 2**20
RECORD_BYTES = 2**14
# Wait for a whole piece if the last one came within this time: the progress bar still moves.
FAST_SECONDS = 0.05
MIN_BYTES_PER_SECOND = 1024
# Stop at this size if the length is unknown or the body grows when it is decompressed.
MAX_BYTES = 4 * 2**30
# Reconnect at once only if the broken connection brought at least this much.
WORTH_BYTES = 2**16
# Disk space that must stay free beside the video, for the history and its log.
RESERVE_BYTES = 2**20


class Pace(NamedTuple):
    """The clock of a download, in seconds.

    `connect` limits one connection with its redirects and headers; `window` is how long a
    connection may be slower than MIN_BYTES_PER_SECOND before wan tries another one.
    """

    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    connect: float = 30.0
    window: float = 30.0


class Broken(Exception):
    """A try failed: the message says how, and `reason` says what the caller can do."""

    def __init__(
        self, words: str, reason: Reason = Reason.MAY_PASS, *, wants_url: bool = False
    ) -> None:
        super().__init__(words)
        self.reason = reason
        self.wants_url = wants_url


class Body(Protocol):
    """An open response: what it holds, and its bytes as they arrive; b"" is the end."""

    answer: Answer

    def read(self, *, fill: int = 0) -> bytes:
        """Wait for at least one byte, or for `fill` bytes, and return them.

        Raises Broken; then the bytes that arrived out of `fill` may be lost.
        """

    def close(self) -> None:
        """Close the connection."""


Connect = Callable[[str, RangeRequest], Body]


class Limits(NamedTuple):
    """When to end an unfinished download: a deadline on `pace.clock`, and a flag."""

    deadline: float
    stop: threading.Event
    pace: Pace = Pace()

    @property
    def are_left(self) -> bool:
        """Whether the download may continue."""
        return self.pace.clock() < self.deadline and not self.stop.is_set()


class Transfer:
    """Fills one part from a URL. Only `connect` uses an HTTP library.

    Args:
        part: the unfinished file, locked.
        connect: opens a connection.
        limits: when to end.
        meter: receives the progress.
        kept: what this run knows about the part from an earlier call.
    """

    def __init__(
        self, part: Part, connect: Connect, *, limits: Limits, meter: Meter, kept: Kept
    ) -> None:
        self._part = part
        self._connect = connect
        self._limits = limits
        self._meter = meter
        self._furthest = kept.furthest
        # Without a validator, only this run may continue what is on disk.
        is_same = 0 < kept.size == part.size and kept.total == part.meta.total
        self._is_ours = is_same
        self._tag = kept.tag if is_same else ""

    @property
    def kept(self) -> Kept:
        """What the next call of this run needs to know."""
        size = self._part.size
        total = self._part.meta.total if self._is_ours else None
        return Kept(max(size, self._furthest), size if self._is_ours else 0, total, self._tag)

    def run(self, url: str) -> None:
        """Return when the part is a complete, verified mp4.

        Raises:
            Broken: the part is incomplete, and reconnecting at once would not help much.
            DownloadFailed: wan does not download from this address.
            LocalFileError: the file or its drive failed.
        """
        while True:
            size = self._part.size
            try:
                if not self._is_complete():
                    self._attempt(url)
                if self._is_whole():
                    return
            except BadAnswer as bad:
                with self._local():
                    self._part.begin(None, None)
                raise Broken(f"the server sent {bad}", Reason.GARBAGE) from None
            except Broken as broken:
                if broken.reason is not Reason.MAY_PASS or not self._is_worth_another(size):
                    raise

    def _is_worth_another(self, size_before: int) -> bool:
        """Whether the last connection made enough progress to reconnect at once."""
        size = self._part.size
        moved = size - max(size_before, self._furthest)
        self._furthest = max(size, self._furthest)
        return moved >= WORTH_BYTES and self._limits.are_left

    def _local(self) -> contextlib.AbstractContextManager[None]:
        return local_trouble(self._part.path, self._part.meta.identity)

    def _is_complete(self) -> bool:
        return 0 < self._part.size == self._part.meta.total

    def _range_request(self) -> RangeRequest:
        part, meta = self._part, self._part.meta
        if not part.size or (meta.total is not None and part.size >= meta.total):
            return RangeRequest()
        if part.can_resume or (self._is_ours and meta.total is not None):
            return RangeRequest(part.size, meta.validator, meta.total, self._tag)
        return RangeRequest()

    def _attempt(self, url: str) -> None:
        """Open one connection and receive the missing bytes, or as many as arrive."""
        part = self._part
        if not self._limits.are_left:
            raise self._ended()
        body = self._connect(url, self._range_request())
        with contextlib.closing(body):
            answer, first = body.answer, b""
            if answer.start:
                with self._local():
                    part.resume()
            else:
                # Keep the bytes on disk until the new ones look like a video.
                first = _beginning(body)
                with self._local():
                    part.begin(answer.validator, answer.total)
                self._is_ours, self._tag = True, answer.tag
            self._check_space(answer)
            self._receive(body, answer, first)

    def _check_space(self, answer: Answer) -> None:
        if answer.end is None:
            return
        with self._local():
            free = self._part.free_space()
        if free < answer.end - answer.start:
            needed = answer.end - answer.start
            raise self._nearly_full(f"the video needs {needed} more bytes, {free} are free")

    def _nearly_full(self, why: str) -> DriveTrouble:
        return DriveTrouble(
            f"{self._part.path.parent}: the disk is nearly full: {why}",
            hint=fetch_hint(self._part.meta.identity),
        )

    def _receive(self, body: Body, answer: Answer, first: bytes) -> None:
        clock, window, put = self._limits.pace.clock, self._limits.pace.window, self._meter.put
        received, limit = answer.start, self._limit(answer)
        since, mark = clock(), received
        for piece in self._pieces(body, first):
            received += len(piece)
            if received > limit:
                raise self._too_much(answer, limit)
            with self._local():
                self._part.write(piece)
            put(received, answer.total)
            now = clock()
            if now - since >= window:
                if received - mark < MIN_BYTES_PER_SECOND * window:
                    raise Broken("the download stalled")
                since, mark = now, received
            if now >= self._limits.deadline or self._limits.stop.is_set():
                raise self._ended()
        if answer.end is not None and received < answer.end:
            raise Broken(f"the connection ended at {received} of {answer.end} bytes")

    def _ended(self) -> Broken:
        if self._limits.stop.is_set():
            return Broken("wan was stopped", Reason.STOPPED)
        return Broken("the time is up")

    def _pieces(self, body: Body, first: bytes) -> Iterator[bytes]:
        """Yield the bytes as they arrive, in large pieces if they arrive fast.

        TLS delivers 16 KiB at a time, and writing each and reading the clock costs more than
        receiving it. On a slow connection, received bytes never wait for more.
        """
        if first:
            yield first
        fast, clock = False, self._limits.pace.clock
        while True:
            start = clock()
            if fast:
                piece = body.read(fill=PIECE_BYTES)
            else:
                piece = yield from _gathered(body)
            if not piece:
                return
            fast = len(piece) >= PIECE_BYTES and clock() - start <= FAST_SECONDS
            yield piece

    def _too_much(self, answer: Answer, limit: int) -> Exception:
        if answer.end is None and limit < MAX_BYTES:
            return self._nearly_full(f"the video has more than {limit} bytes")
        return BadAnswer(f"more than the {limit} bytes that it announced")

    def _limit(self, answer: Answer) -> int:
        if answer.end is not None:
            return answer.end
        with self._local():
            return min(MAX_BYTES, answer.start + max(0, self._part.free_space() - RESERVE_BYTES))

    def _is_whole(self) -> bool:
        """Verify the part after a body has ended; empty it if it is not an mp4."""
        part = self._part
        with self._local():
            size = part.size
            if part.meta.total is not None and size < part.meta.total:
                return False  # The server may send less than requested: ask for the rest.
            reason = mp4.check(part.file, size)
            if reason is None:
                return True
            part.begin(None, None)
        raise Broken(f"the server sent {reason}", Reason.GARBAGE)


def _gathered(body: Body) -> Generator[bytes, None, bytes]:
    """Return one piece; if the connection breaks, first yield the bytes that have arrived."""
    gathered: list[bytes] = []
    size = 0
    try:
        while data := body.read():
            gathered.append(data)
            size += len(data)
            # Less than a TLS record means that no more bytes have arrived yet.
            if size >= PIECE_BYTES or len(data) < RECORD_BYTES:
                break
    except Broken:
        yield b"".join(gathered)
        raise
    return b"".join(gathered)


def _beginning(body: Body) -> bytes:
    """Return the first bytes of a video.

    Raises:
        Broken: it is not a video. Some servers send a document to say that a URL has expired.
    """
    head = b""
    while len(head) < 8 or not (mp4.starts_like_mp4(head) or len(head) >= mp4.HEAD_BYTES):
        data = body.read()
        if not data:
            break
        head += data
    if mp4.starts_like_mp4(head):
        return head
    is_document = mp4.is_document(head)
    reason = Reason.EXPIRED if is_document else Reason.GARBAGE
    raise Broken(f"the server sent {mp4.words_for(head)}", reason, wants_url=is_document)
