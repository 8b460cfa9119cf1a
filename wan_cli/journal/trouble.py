"""The troubles of the journal's file as sentences."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shlex import quote

from wan_cli.errors import HistoryLocked, HistoryReadOnly, SetupError
from wan_cli.journal.place import network
from wan_cli.text import one_line

ELSEWHERE = "export WAN_HOME=DIR (a folder on a local disk that lasts)"


@contextmanager
def trouble(path: Path) -> Iterator[None]:
    """Turn what SQLite and the file system raise into a sentence."""
    try:
        yield
    except sqlite3.IntegrityError as cause:
        # The file is sound: the row contradicts another one.
        raise SetupError(
            f"the history {path} does not take a row: {one_line(str(cause), 100)}",
            hint="wan doctor",
        ) from None
    except sqlite3.Error as cause:
        raise _explained(path, str(cause)) from None
    except OSError as cause:
        # Who asks `wan doctor` gets this too: it must not send him there.
        is_there = os.path.exists(path)  # noqa: PTH110  Path.exists() raises in a closed folder.
        hint = (
            f"chmod u+rw {quote(str(path))}"
            if is_there
            else "export WAN_HOME=DIR (a folder that you can write)"
        )
        raise HistoryReadOnly(
            f"the history {path} cannot be opened: {os.strerror(cause.errno or 0)}", hint=hint
        ) from None
    except (ValueError, KeyError, TypeError) as cause:
        raise SetupError(
            f"the history {path} holds a row that cannot be read: {one_line(str(cause), 100)}",
            hint="wan doctor",
        ) from None


def _explained(path: Path, words: str) -> SetupError:
    if "protocol" in words:
        return unlockable(path, words)
    if "locked" in words or "busy" in words:
        return HistoryLocked(
            f"the history {path} is locked by another process", hint="try again in a moment"
        )
    # Who asks `wan doctor` gets these too: they must not send him there.
    if "I/O" in words:
        return HistoryReadOnly(
            f"the history {path}{_where(path)} cannot be read or written: {words}", hint=ELSEWHERE
        )
    if "full" in words:
        hint = f"df -h {quote(str(path.parent))}"
    elif "readonly" in words or "unable to open" in words:
        hint = f"ls -la {quote(str(path.parent))}"
    else:
        return damaged(path, words)
    return HistoryReadOnly(f"the history {path} cannot be written: {words}", hint=hint)


def unlockable(path: Path, words: str) -> HistoryReadOnly:
    """Return that the file system cannot lock the history: it can be read, if nobody writes."""
    return HistoryReadOnly(
        f"the history {path}{_where(path)} cannot be locked: {one_line(words, 100)}",
        hint=ELSEWHERE,
    )


def warnings(path: Path, name: str | None) -> list[str]:
    """Return what is to be said of a history on a network file system, if it is on one."""
    if name is None:
        return []
    return [
        f"the history {path} is on a network file system ({name}): use it from one machine at a"
        " time, or set WAN_HOME to a local disk that lasts"
    ]


def _where(path: Path) -> str:
    name = network(path)
    return f" on a network file system ({name})" if name else ""


def damaged(path: Path, words: str) -> SetupError:
    """Return that the file is no history, or a broken one."""
    return SetupError(
        f"the history {path} is damaged: {one_line(words, 100)}",
        hint=f"keep it and start anew: mv '{path}' '{path}.damaged'",
    )
