"""Ids for shell completion, which runs at every key press: import nothing slow here."""

import os
import sqlite3
from collections.abc import Mapping, Sequence

MAX_IDS = 50
PROMPT_MAX_CHARS = 50
# Every command that takes an id takes this word for the newest.
_LAST = "@last"
_YES = ("1", "true", "yes", "on")
# Submissions with an unknown id are listed by their ref.
_NEWEST = (
    "SELECT coalesce(id, ref) AS handle, CASE WHEN file IS NOT NULL THEN 'saved'"
    " WHEN status = 'completed' THEN 'ready' WHEN status = 'error' THEN 'failed' ELSE status END,"
    " CASE WHEN json_valid(request) THEN json_extract(request, '$.prompt') END FROM generations"
    " WHERE substr(handle, 1, length(:prefix)) = :prefix ORDER BY seq DESC LIMIT :limit"
)


def newest_ids(args: Sequence[str], env: Mapping[str, str]) -> list[str]:
    """Return @last and the newest ids of the history, each with its state and prompt after a tab.

    Args:
        args: the words after `--complete-ids`: `--sandbox` or `--no-sandbox` if the command line
            has it, and the beginning of an id.
        env: the environment.
    """
    *flags, prefix = args or [""]
    sandbox = env.get("WAN_SANDBOX", "").strip().lower() in _YES
    if flags:
        sandbox = flags[-1] == "--sandbox"
    names = ("sandbox", "history.db") if sandbox else ("history.db",)
    return _ids_in(os.path.join(_data_folder(env), *names), prefix)  # noqa: PTH118


def _data_folder(env: Mapping[str, str]) -> str:
    """Return the folder that config.paths gives; importing it and pathlib would take longer."""
    if home := env.get("WAN_HOME"):
        return os.path.abspath(os.path.expanduser(home))  # noqa: PTH100, PTH111
    import platformdirs

    return platformdirs.user_data_dir("wan")


def _ids_in(file: str, prefix: str) -> list[str]:
    if not os.path.isfile(file):  # noqa: PTH113
        return []
    try:
        connection = sqlite3.connect(file, timeout=0.2)
        try:
            connection.execute("PRAGMA query_only = ON")
            asked = {"prefix": prefix, "limit": MAX_IDS}
            rows = connection.execute(_NEWEST, asked).fetchall()
            if _LAST.startswith(prefix):
                newest = connection.execute(_NEWEST, {"prefix": "", "limit": 1})
                rows[:0] = [(_LAST, *row[1:]) for row in newest]
            return [_line(*row) for row in rows]
        finally:
            connection.close()
    except (sqlite3.Error, ValueError):
        return []


def _line(handle: object, state: object, prompt: object) -> str:
    """Return an id and its description for the shell, in one printable line."""
    text = " ".join(f"{prompt or ''}"[: 4 * PROMPT_MAX_CHARS].split())
    if len(text) > PROMPT_MAX_CHARS:
        text = f"{text[: PROMPT_MAX_CHARS - 1]}…"
    shown = "".join(letter if letter.isprintable() else "?" for letter in f"{state}: {text}")
    return f"{handle}\t{shown}"
