"""Ids for shell completion: asked at each key, so that nothing slow is imported."""

import os
import sqlite3
from collections.abc import Mapping

MAX_IDS = 50
# The submissions whose id is not known are named by their ref.
_NEWEST = (
    "SELECT coalesce(id, ref) AS handle FROM generations"
    " WHERE substr(handle, 1, length(:prefix)) = :prefix ORDER BY seq DESC LIMIT :limit"
)


def newest_ids(prefix: str, env: Mapping[str, str]) -> list[str]:
    """Return the newest ids of the history, then of the sandbox's; none where it cannot be read."""
    folder = _data_folder(env)
    files = (os.path.join(folder, *names) for names in (("history.db",), ("sandbox", "history.db")))  # noqa: PTH118
    return [found for file in files for found in _ids_in(file, prefix)]


def _data_folder(env: Mapping[str, str]) -> str:
    """Return what config.paths says; that module, and pathlib, would cost more than the answer."""
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
            return [str(handle) for (handle,) in connection.execute(_NEWEST, asked)]
        finally:
            connection.close()
    except (sqlite3.Error, ValueError):
        return []
