"""Errors for the user: each has a message, a hint with the next command, and an exit code.

    WanError (1)
    ├── UsageError (2)          wrong usage or value
    ├── SetupError (3)          no key, broken configuration or history
    │   ├── HistoryReadOnly     the history can be read but not written
    │   └── HistoryLocked       another process is writing the history; try again later
    │       └── HistoryAway     the history's database cannot be reached (11)
    ├── KeyRefused (4)          the API refused the key (401)
    │   └── KeyNotAllowed       the API refused the key for this request only (403)
    ├── NoCredits (5)           no credits
    ├── OverBudget (5)          over --max-cost, or the price is unknown
    ├── Rejected (6)            the API refused the request
    │   ├── NotFound            the API does not know the id
    │   └── NotTheApi           something other than the API refused the request
    ├── RateLimited (7)         rate limited for longer than wan waits
    ├── Unfinished (8)          still queued or generating
    ├── GenerationFailed (9)    the generation failed on the server
    ├── OutcomeUnknown (10)     it is unknown whether the submission was accepted
    ├── Unreachable (11)        the API cannot be reached; nothing was submitted
    ├── DownloadFailed (12)     the video could not be downloaded
    ├── NotAboutIt              a reply is about another generation
    └── LocalFileError (13)     disk full, permission
        ├── DriveTrouble        no file can be written: the drive is full, read-only or broken
        └── NotRecorded         the history could not be written after a submission

`Interrupted` is separate: it is not an Exception, so that no retry can swallow a signal.
"""

import errno
import re
from collections.abc import Collection
from typing import Self

# The drive is full or over its quota, read-only, broken, or no longer connected.
_DRIVE_ERRNOS = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.ENXIO, errno.ENODEV}
    | {errno.ENOTCONN, errno.ESTALE, errno.EHOSTDOWN}
)

# In a batch, or with several ids, the command exits with the first of these codes that occurred.
EXIT_CODE_PRIORITY = (10, 1, 3, 4, 5, 7, 11, 13, 12, 9, 6, 8, 2, 0)
RUN_AGAIN = "run the same command again"


def exit_code_of(codes: Collection[int]) -> int:
    """Return the exit code of a command that had several outcomes."""
    return next((code for code in EXIT_CODE_PRIORITY if code in codes), max(codes, default=0))


# A command and its words up to the end of the clause; a quoted comma does not end it.
# Compiled only for an error in the sandbox: compiling takes 1 ms.
_COMMAND = (
    r"\bwan (?:generate|status|fetch|list|show|recover|batch|models|balance|doctor)\b"
    r"(?:'[^']*'|\"[^\"]*\"|(?!, | \(|; )[^'\"])*"
)


class WanError(Exception):
    """A failure to report: a message, a hint, an exit code, and a code word for programs."""

    exit_code = 1
    code = "bug"
    # If there are several mistakes: one line for each, shown before the message.
    details: tuple[str, ...] = ()

    def __init__(self, message: str, *, hint: str, stdout: str = "") -> None:
        """Keep the message, the next command, and the text to print to stdout all the same."""
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.stdout = stdout

    def with_hint(self, hint: str) -> Self:
        """Return a copy with another hint."""
        return self._changed(hint=hint)

    def with_message(self, message: str) -> Self:
        """Return a copy with another message."""
        return self._changed(message=message)

    def with_details(self, details: tuple[str, ...]) -> Self:
        """Return a copy with details: one line for each mistake, shown before the message."""
        return self._changed(details=details)

    def with_code(self, code: str, exit_code: int) -> Self:
        """Return a copy with another code word for programs and another exit code."""
        return self._changed(code=code, exit_code=exit_code)

    def _changed(self, **changes: object) -> Self:
        other = type(self).__new__(type(self))
        other.__dict__.update(self.__dict__, **changes)
        other.args = (other.message,)
        return other


class UsageError(WanError):
    """Wrong usage or a wrong value; nothing was sent."""

    exit_code = 2
    code = "usage"


class SetupError(WanError):
    """No key, broken configuration or history on this machine; nothing was sent."""

    exit_code = 3
    code = "setup"


class HistoryReadOnly(SetupError):
    """The history can be read but not written."""


class HistoryLocked(SetupError):
    """Another process is writing the history; a later try can succeed."""


class HistoryAway(HistoryLocked):
    """The database of the history cannot be reached now; nothing more was sent."""

    exit_code = 11
    code = "unreachable"


class KeyRefused(WanError):
    """The API refused the key (401)."""

    exit_code = 4
    code = "key_refused"


class KeyNotAllowed(KeyRefused):
    """The API refused the key for this request (403); other requests may be allowed."""


class NoCredits(WanError):
    """The account has no credits left."""

    exit_code = 5
    code = "no_credits"


class OverBudget(WanError):
    """The price is over --max-cost, or unknown; nothing was sent."""

    exit_code = 5
    code = "over_budget"


class Rejected(WanError):
    """The API refused the request (400, 404, 413, 422 …); nothing was spent."""

    exit_code = 6
    code = "rejected"


class NotFound(Rejected):
    """The API does not know this id (404)."""


class NotTheApi(Rejected):
    """Something between here and the API refused: a firewall, a proxy, a bot check."""

    code = "not_the_api"


class RateLimited(WanError):
    """Rate limited for longer than wan waits; nothing was spent."""

    exit_code = 7
    code = "rate_limited"


class Unfinished(WanError):
    """The generation is still queued or generating; it is safe."""

    exit_code = 8
    code = "unfinished"


class GenerationFailed(WanError):
    """The generation failed on the server."""

    exit_code = 9
    code = "generation_failed"


class OutcomeUnknown(WanError):
    """It is unknown whether the submission was accepted; nothing was sent twice."""

    exit_code = 10
    code = "outcome_unknown"


class Unreachable(WanError):
    """The API could not be reached; nothing was submitted.

    `retry_after_s` is how long the API asks to wait, None if it does not say. `is_final` is true
    if another try would fail too, as with an untrusted certificate.
    """

    exit_code = 11
    code = "unreachable"

    def __init__(
        self, message: str, *, hint: str, retry_after_s: float | None = None, is_final: bool = False
    ) -> None:
        """Keep, besides the message, the server's Retry-After and whether a retry can help."""
        super().__init__(message, hint=hint)
        self.retry_after_s = retry_after_s
        self.is_final = is_final


class DownloadFailed(WanError):
    """The video could not be downloaded; it can be fetched later.

    `is_final`: another try of this command would fail too.
    """

    exit_code = 12
    code = "download_failed"
    is_final = False


class NotAboutIt(WanError):
    """A reply is about another generation, so wan ignores all of it."""

    def __init__(self, other_id: str) -> None:
        super().__init__(f"the reply is about {other_id}", hint=f"wan status {other_id}")
        self.other_id = other_id


class LocalFileError(WanError):
    """Local file trouble (disk full, permission); the generation is safe."""

    exit_code = 13
    code = "local_file"


class DriveTrouble(LocalFileError):
    """The drive cannot be written at all: it is full, read-only, broken or disconnected."""


def local_file_error(
    message: str, cause: OSError, *, hint: str, stdout: str = ""
) -> LocalFileError:
    """Return the error of a file that cannot be used; DriveTrouble if the whole drive cannot."""
    kind = DriveTrouble if is_drive_trouble(cause) else LocalFileError
    return kind(message, hint=hint, stdout=stdout)


def is_drive_trouble(cause: OSError) -> bool:
    """Whether a failure affects the whole drive."""
    return cause.errno in _DRIVE_ERRNOS


class NotRecorded(LocalFileError):
    """A generation was accepted, but not written to the history: stdout has its id too."""


class StdoutClosed(Exception):
    """The reader of standard output has closed it: the program ends quietly."""


class Interrupted(BaseException):
    """A signal asked the program to end."""

    def __init__(self, signal_number: int) -> None:
        super().__init__(signal_number)
        self.signal_number = signal_number
        self.message = "interrupted; nothing was submitted"
        self.hint = RUN_AGAIN
        self.record: object = None
        self.is_explained = False

    def explain(self, message: str, *, hint: str, record: object) -> None:
        """Set the message about what happens to the generation, and its record."""
        self.message = message
        self.hint = hint
        self.record = record
        self.is_explained = True


def in_sandbox(hint: str) -> str:
    """Return a hint with `--sandbox` in its commands, which would find nothing without it."""
    return re.sub(_COMMAND, _with_flag, hint)


def _with_flag(command: re.Match[str]) -> str:
    # The words after `--` are a prompt.
    before, dashes, after = command[0].partition(" -- ")
    given = "--sandbox" in command[0] or "--help" in command[0]
    return command[0] if given else f"{before} --sandbox{dashes}{after}"
