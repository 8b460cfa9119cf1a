"""The paths of wan's files, and the safe replacement of a file that only its owner may read."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from wan_cli.errors import SetupError
from wan_cli.storage import replace_whole

_APP = "wan"


class Paths(NamedTuple):
    """The absolute paths of wan's own files, which may not exist."""

    config_file: Path
    history_file: Path
    cache_dir: Path
    sandbox_dir: Path


def paths(env: Mapping[str, str]) -> Paths:
    """Return the paths: all in WAN_HOME if it is set, else in the user's own folders.

    The user's folders follow the process's own HOME, XDG_* and uid, as platformdirs does.

    Raises:
        SetupError: there is no home folder, or a path is not UTF-8.
    """
    try:
        if home := env.get("WAN_HOME"):
            # Env files and some shells do not expand the ~; nobody wants a folder of that name.
            config = data = Path(home).expanduser().absolute()
            cache = data / "cache"
        else:
            # Takes 5 ms, and only without WAN_HOME.
            import platformdirs

            config = platformdirs.user_config_path(_APP)
            data = platformdirs.user_data_path(_APP)
            cache = platformdirs.user_cache_path(_APP)
    except (RuntimeError, KeyError, OSError):
        raise _no_home("no home folder can be found") from None
    for place in (config, data, cache):
        _check(place)
    return Paths(config / "config.toml", data / "history.db", cache, data / "sandbox")


def _check(place: Path) -> None:
    # Older platformdirs return "~/.config/wan" if there is no home.
    if not place.is_absolute():
        raise _no_home("no home folder can be found")
    try:
        str(place).encode("utf-8")
    except UnicodeEncodeError:
        raise _no_home("the home folder's name is not UTF-8") from None
    if "\0" in str(place):
        raise _no_home("the home folder's name contains a NUL character")


def _no_home(what: str) -> SetupError:
    return SetupError(
        f"{what}: there is no place for the configuration and the history",
        hint="export WAN_HOME=/path/to/a/folder",
    )


def replace_private(file: Path, content: bytes) -> None:
    """Replace a file at once, with mode 0600; create its folder with mode 0700 if missing.

    A reader sees the old file or the new one, even after a crash. A symbolic link stays, and its
    target is replaced: people link configurations that they keep in a repository.

    Raises:
        SetupError: the file cannot be written; the old file is unchanged.
    """
    try:
        replace_whole(file, content, private=True)
    except (OSError, RuntimeError) as cause:
        raise SetupError(
            f"{file} cannot be written: {getattr(cause, 'strerror', None) or cause}",
            hint=f"ls -ld '{file.parent}'",
        ) from None
