"""The output of -v on stderr: the versions, then each request and response, from any thread."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import UTC, datetime
from threading import Lock
from typing import TYPE_CHECKING

from wan_cli.http.trace import Answered, Ended, Fact, Failed, Sent, Trace
from wan_cli.output.streams import talk
from wan_cli.text import one_line
from wan_cli.version import details

if TYPE_CHECKING:
    from wan_cli.output.plain import Stage

# The longest line above the live display.
LINE_MAX_CHARS = 1000


class Verbose:
    """Prints the facts of the trace, above the live display if there is one."""

    def __init__(self) -> None:
        self.trace = Trace(self._tell)
        self._lock = Lock()
        self._say: Callable[[str], None] = talk
        # Consecutive failures of each request, and the request of each exchange.
        self._failures: dict[str, int] = {}
        self._requests: dict[int, str] = {}

    def begin(self) -> None:
        """Print the versions."""
        self._print([", ".join(details().splitlines())])

    @contextmanager
    def above(self, stage: "AbstractContextManager[Stage]") -> "Iterator[Stage]":
        """Enter a live display, and print above it through the display itself until it ends."""
        from wan_cli.events import Note

        with stage as screen:
            self._say = lambda text: screen.show(Note(text))
            try:
                yield screen
            finally:
                self._say = talk

    def _tell(self, fact: Fact) -> None:
        now = datetime.now(UTC).strftime("%H:%M:%S.%f")[:-3]
        with self._lock:
            if isinstance(fact, Sent):
                lines = _sent(fact, self._tries(fact))
            else:
                self._count(fact)
                lines = _outcome(fact)
            self._print([f"{now} [{fact.number}] {line}" for line in lines])

    def _print(self, lines: list[str]) -> None:
        # A closed terminal must not make a request fail.
        with suppress(OSError, ValueError):
            for line in lines:
                self._say(one_line(line, LINE_MAX_CHARS))

    def _tries(self, sent: Sent) -> int:
        """Return the number of this try: 1, or more after failures of the same request."""
        label = sent.headers.get("X-Client-Request-Id", "").partition(".")[0]
        request = f"{sent.method} {sent.url} {sorted(sent.params.items())} {label}"
        self._requests[sent.number] = request
        return self._failures.get(request, 0) + 1

    def _count(self, fact: Answered | Ended | Failed) -> None:
        if isinstance(fact, Ended):
            return
        request = self._requests.pop(fact.number, "")
        failed = isinstance(fact, Failed) or fact.status >= 400
        if request and failed:
            self._failures[request] = self._failures.get(request, 0) + 1
        elif request:
            self._failures.pop(request, None)


def _sent(sent: Sent, tries: int) -> list[str]:
    words = [sent.method, sent.url, *(f"{name}={value}" for name, value in sent.params.items())]
    if tries > 1:
        words.append(f"(try {tries})")
    lines = [f"> {' '.join(words)}"]
    lines += [f"> {name}: {value}" for name, value in sent.headers.items()]
    return [*lines, f"> {sent.body}"] if sent.body else lines


def _outcome(fact: Answered | Ended | Failed) -> list[str]:
    took = f"after {fact.seconds:.3f} s"
    match fact:
        case Answered(status=status, headers=headers, body=body):
            shown = "; ".join(f"{name}: {value}" for name, value in headers.items())
            return [f"< {line}" for line in (f"{status} {took}", shown, body) if line]
        case Ended(received=received):
            return [f"< closed {took}: {received} bytes"]
        case Failed(reason=reason):
            return [f"! failed {took}: {reason}"]
