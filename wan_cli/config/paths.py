"""Where things live, and how a private file is replaced: whole, readable by its owner only."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from wan_cli.errors import SetupError
from wan_cli.storage import replace_whole

_APP = "wan"


class Paths(NamedTuple):
    """The absolute places of wan's own files; nothing is created by knowing them."""

    config_file: Path
    history_file: Path
    cache_dir: Path
    sandbox_dir: Path


def paths(env: Mapping[str, str]) -> Paths:
    """Return where things live: all in WAN_HOME if it is set, else in the user's own folders.

    The user's folders follow the process's own HOME, XDG_* and uid: platformdirs looks there.

    Raises:
        SetupError: no home folder can be found, or a place is not UTF-8.
    """
    try:
        if home := env.get("WAN_HOME"):
            # Not every shell expands the ~ (env files do not): a folder of that name helps nobody.
            config = data = Path(home).expanduser().absolute()
            cache = data / "cache"
        else:
            # 5 ms, which those with a WAN_HOME are spared.
            import platformdirs

            config = platformdirs.user_config_path(_APP)
            data = platformdirs.user_data_path(_APP)
            cache = platformdirs.user_cache_path(_APP)
    except (RuntimeError, KeyError, OSError):
        raise _homeless("no home folder can be found") from None
    for place in (config, data, cache):
        _check(place)
    return Paths(config / "config.toml", data / "history.db", cache, data / "sandbox")


def _check(place: Path) -> None:
    # Older platformdirs return "~/.config/wan" where there is no home.
    if not place.is_absolute():
        raise _homeless("no home folder can be found")
    try:
        str(place).encode("utf-8")
    except UnicodeEncodeError:
        raise _homeless("the home folder's name is not UTF-8") from None
    if "\0" in str(place):
        raise _homeless("the home folder's name holds a NUL character")


def _homeless(what: str) -> SetupError:
    return SetupError(
        f"{what}: there is no place for the configuration and the history",
        hint="export WAN_HOME=/path/to/a/folder",
    )


def replace_private(file: Path, content: bytes) -> None:
    """Replace a file whole, with mode 0600, in a folder that is made with mode 0700 if missing.

    A reader sees the old file or the new one, also after a crash. A symbolic link stays: the file
    it leads to is replaced (configurations kept in a repository are linked).

    Raises:
        SetupError: it cannot be written; the old file is untouched.
    """
    try:
        replace_whole(file, content, private=True)
    except (OSError, RuntimeError) as cause:
        raise SetupError(
            f"{file} cannot be written: {getattr(cause, 'strerror', None) or cause}",
            hint=f"ls -ld '{file.parent}'",
        ) from None
