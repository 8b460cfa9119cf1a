"""An unfinished file becomes a whole one: resume, start over, renew the URL, give up in time."""

import contextlib
import time
from collections.abc import Callable, Generator
from typing import NamedTuple, Protocol

from wan_cli import mp4
from wan_cli.download.part import Part, fetch_hint, local_trouble
from wan_cli.download.ranges import Answer, Asked, BadAnswer
from wan_cli.errors import DownloadFailed, LocalFileError

PROGRESS_INTERVAL = 0.1
PIECE_BYTES = 2**20
RECORD_BYTES = 2**14
# A piece that comes within this time may be waited for as a whole: no bar stands still for it.
FAST_SECONDS = 0.05
MIN_BYTES_PER_SECOND = 1024
# A body of unknown length, or one that grows while it is unpacked, ends here.
MAX_BYTES = 4 * 2**30
MAX_FAILURES = 6
MAX_BAD_FILES = 3
MAX_RENEWALS = 3
# Space that must stay free on the disk beside the video: the history and its log.
RESERVE_BYTES = 2**20


class Progress(NamedTuple):
    """How far a download is, in bytes."""

    received: int
    total: int | None


class Pace(NamedTuple):
    """The clock of a download, in seconds.

    `connect` bounds one connection with its redirects and headers; `window` is how long a
    connection may be slower than MIN_BYTES_PER_SECOND before another one is tried.
    """

    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    connect: float = 30.0
    window: float = 30.0


class Broken(Exception):
    """A try failed and another may not; the message says how. `renew` asks for a fresh URL."""

    def __init__(self, reason: str, *, renew: bool = False) -> None:
        super().__init__(reason)
        self.renew = renew


class Body(Protocol):
    """An open answer: what it holds, and its bytes as they come in; b"" is the end."""

    answer: Answer

    def read(self, *, fill: int = 0) -> bytes:
        """Return what is there, waiting for at least one byte; or wait until `fill` bytes are.

        Raises Broken, and then what had come of the `fill` bytes may be lost.
        """

    def close(self) -> None:
        """Let go of the connection."""


Connect = Callable[[str, Asked], Body]


class Transfer:
    """Fills one part from a URL and its successors. It knows no HTTP library: `connect` does."""

    def __init__(
        self,
        part: Part,
        connect: Connect,
        *,
        url: str,
        renew: Callable[[], str | None],
        deadline: float,
        pace: Pace,
    ) -> None:
        self._part = part
        self._connect = connect
        self._url = url
        self._renew = renew
        self._deadline = deadline
        self._pace = pace
        self._failures = 0
        self._bad_files = 0
        self._renewals = 0
        self._furthest = part.size
        self._last_progress = float("-inf")

    def run(self) -> Generator[Progress, None, None]:
        """Return when the part is a whole, verified mp4.

        Raises:
            DownloadFailed: it will not become one by the deadline; the message says why.
            LocalFileError: the disk.
        """
        while True:
            try:
                if not self._is_complete():
                    yield from self._attempt()
                if self._is_whole():
                    return
            except Broken as broken:
                self._recover(broken)
            except BadAnswer as bad:
                with self._local():
                    self._part.begin(None, None)
                self._recover(Broken(f"the server sent {bad}"))

    def _local(self) -> contextlib.AbstractContextManager[None]:
        return local_trouble(self._part.path, self._part.meta.identity)

    def _is_complete(self) -> bool:
        return 0 < self._part.size == self._part.meta.total

    def _attempt(self) -> Generator[Progress, None, None]:
        """One connection: receive what is missing, or as much of it as comes."""
        part, meta = self._part, self._part.meta
        resumable = part.can_resume and (meta.total is None or part.size < meta.total)
        asked = Asked(part.size, meta.validator, meta.total) if resumable else Asked()
        body = self._connect(self._url, asked)
        with contextlib.closing(body):
            answer = body.answer
            with self._local():
                if answer.start:
                    part.resume()
                else:
                    part.begin(answer.validator, answer.total)
            self._check_space(answer)
            yield from self._receive(body, answer)

    def _check_space(self, answer: Answer) -> None:
        if answer.end is None:
            return
        with self._local():
            free = self._part.free_space()
        if free < answer.end - answer.start:
            needed = answer.end - answer.start
            raise self._nearly_full(f"the video needs {needed} bytes more, {free} are free")

    def _nearly_full(self, why: str) -> LocalFileError:
        return LocalFileError(
            f"{self._part.path.parent}: the disk is nearly full: {why}",
            hint=fetch_hint(self._part.meta.identity),
        )

    def _receive(self, body: Body, answer: Answer) -> Generator[Progress, None, None]:
        clock, window = self._pace.clock, self._pace.window
        received, limit = answer.start, self._limit(answer)
        since, mark = clock(), received
        for piece in self._pieces(body):
            received += len(piece)
            if received > limit:
                raise self._too_much(answer, limit)
            with self._local():
                self._part.write(piece)
            now = clock()
            if now - self._last_progress >= PROGRESS_INTERVAL:
                self._last_progress = now
                yield Progress(received, answer.total)
            if now - since >= window:
                if received - mark < MIN_BYTES_PER_SECOND * window:
                    raise Broken("the download stalled")
                since, mark = now, received
            if now >= self._deadline:
                raise Broken("the time is up")
        if answer.end is not None and received < answer.end:
            raise Broken(f"the connection ended at {received} of {answer.end} bytes")
        yield Progress(received, answer.total)

    def _pieces(self, body: Body) -> Generator[bytes, None, None]:
        """Yield what comes, in large pieces where it comes fast.

        TLS gives 16 KiB at a time: to look at each, to write it and to look at the clock costs more
        than to receive it. Where it comes slowly, nothing that has come waits for more.
        """
        fast = False
        while True:
            start = self._pace.clock()
            if fast:
                piece = body.read(fill=PIECE_BYTES)
            else:
                piece = yield from self._gathered(body)
            if not piece:
                return
            fast = len(piece) >= PIECE_BYTES and self._pace.clock() - start <= FAST_SECONDS
            yield piece

    def _gathered(self, body: Body) -> Generator[bytes, None, bytes]:
        """Return one piece; yield what of it has come before the connection breaks."""
        gathered: list[bytes] = []
        size = 0
        try:
            while data := body.read():
                gathered.append(data)
                size += len(data)
                # A smaller one than a record of TLS means that there is no more for now.
                if size >= PIECE_BYTES or len(data) < RECORD_BYTES:
                    break
        except Broken:
            yield b"".join(gathered)
            raise
        return b"".join(gathered)

    def _too_much(self, answer: Answer, limit: int) -> Exception:
        if answer.end is None and limit < MAX_BYTES:
            return self._nearly_full(f"the video has more than {limit} bytes")
        return BadAnswer(f"more than the {limit} bytes that were to come")

    def _limit(self, answer: Answer) -> int:
        if answer.end is not None:
            return answer.end
        with self._local():
            return min(MAX_BYTES, answer.start + max(0, self._part.free_space() - RESERVE_BYTES))

    def _is_whole(self) -> bool:
        """Verify a body that came to its end; a part that is no mp4 is emptied."""
        part = self._part
        with self._local():
            size = part.size
            if part.meta.total is not None and size < part.meta.total:
                return False  # The server may send less than the whole rest: ask for the next.
            reason = mp4.check(part.file, size)
            if reason is None:
                return True
            part.begin(None, None)
        self._bad_files += 1
        raise Broken(f"the server sent {reason}")

    def _recover(self, broken: Broken) -> None:
        """Make ready for another try, or give up."""
        size = self._part.size
        if size > self._furthest:
            self._furthest, self._failures, self._renewals = size, 0, 0
        self._failures += 1
        self._renewals += broken.renew
        pause = min(8.0, 0.5 * 2 ** (self._failures - 1))
        over = self._pace.clock() + pause >= self._deadline
        if (
            over
            or self._failures > MAX_FAILURES
            or self._bad_files >= MAX_BAD_FILES
            or self._renewals > MAX_RENEWALS
        ):
            raise self._failed(str(broken), over=over) from None
        self._pace.sleep(pause)
        if broken.renew:
            self._url = self._renew() or self._url

    def _failed(self, reason: str, *, over: bool) -> DownloadFailed:
        kept = f"; {self._part.size} bytes are kept" if self._part.can_resume else ""
        when = ", and the time is up" if over and "time is up" not in reason else ""
        return DownloadFailed(
            f"the video could not be downloaded: {reason}{when}{kept}",
            hint=fetch_hint(self._part.meta.identity),
        )
