"""The checks behind `wan doctor`: key, files, API, clock, balance, unresolved submissions."""

import stat
import sys
import time
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, cast

from wan_cli import __version__
from wan_cli.account import VIDEO_SCOPE
from wan_cli.api.client import Client
from wan_cli.checkup import Check, fine, problem, warning
from wan_cli.config import Settings, load
from wan_cli.config.keys import find_key, mask
from wan_cli.config.paths import Paths
from wan_cli.config.setting import SETTINGS
from wan_cli.core.balance import Extra
from wan_cli.core.lease import is_under_way
from wan_cli.errors import SetupError, Unreachable, WanError
from wan_cli.journal import Journal
from wan_cli.journal.checks import examine
from wan_cli.journal.schema import VERSION
from wan_cli.journal.trouble import ELSEWHERE
from wan_cli.objects import Wanted, try_objects
from wan_cli.uri import Uri

if TYPE_CHECKING:
    from wan_cli.journal.postgres import Postgres

CLOCK_OFF_MAX_S = 120.0
# The price of one clip of 10 s in 1080p.
BALANCE_MIN_USD = 1.58


def examine_config(
    paths: Paths, env: Mapping[str, str], *, sandbox: bool | None
) -> tuple[list[Check], Settings | None]:
    """Check the configuration and the key; return the settings too, if they can be read."""
    file = paths.config_file
    checks = [_mode("config file", file) if file.exists() else fine("config file", f"{file}: none")]
    try:
        settings = load(paths, env)
    except WanError as error:
        return [*checks, problem("configuration", error)], None
    checks += [
        warning("configuration", words, hint="wan config list") for words in settings.warnings
    ]
    if settings.sandbox if sandbox is None else sandbox:
        return [*checks, fine("key", "the sandbox needs none")], settings
    try:
        key = find_key(settings.keys)
    except WanError as error:
        return [*checks, problem("key", error)], settings
    return [*checks, fine("key", f"{mask(key.value)} from {key.source}")], settings


def examine_environment(env: Mapping[str, str]) -> Iterator[Check]:
    """Report the versions, and WAN_ variables that wan does not know, such as misspelled ones."""
    python = ".".join(str(part) for part in sys.version_info[:3])
    yield fine("versions", f"wan {__version__}, Python {python}, history schema {VERSION}")
    known = {setting.variable for setting in SETTINGS.values()} | {"WAN_HOME", "WAN_DEBUG"}
    for name in sorted(env):
        if name.startswith("WAN_") and name not in known:
            near = get_close_matches(name, sorted(known), n=1)
            hint = f"did you mean {near[0]}?" if near else f"unset {name}"
            yield warning("environment", f"{name} is not a variable of wan", hint=hint)


def examine_history(file: Path) -> Iterator[Check]:
    """Check the history: its mode, damage, and unresolved submissions."""
    if file.exists():
        yield _mode("history file", file)
    try:
        with Journal.open(file) as journal:
            damage = journal.check()
            if damage:
                yield problem("history", _damaged(file, damage))
                return
            yield fine("history", "intact and writable")
            for words in journal.warnings:
                yield warning("history", words, hint=ELSEWHERE)
            yield from _generations(journal)
    except WanError as error:
        yield problem("history", error)


def examine_shared(journal: Journal) -> Iterator[Check]:
    """Check the database that holds the history, the rights of this role, and the generations.

    Raises:
        SetupError: the database is away, or refuses a question.
    """
    # Only the engine of a database is shared.
    yield from examine(cast("Postgres", journal.engine))
    yield from _generations(journal)


def _generations(journal: Journal) -> Iterator[Check]:
    now = time.time()
    unresolved = [one for one in journal.unresolved() if not is_under_way(journal, one, now)]
    if unresolved:
        words = f"{len(unresolved)} with unknown outcome"
        yield warning("submissions", words, hint="wan recover")
    waiting = len(journal.to_fetch())
    if waiting and journal.is_shared:
        # Other machines may be working on them.
        yield fine("videos", f"{waiting} under way or not saved yet")
    elif waiting:
        yield warning("videos", f"{waiting} not on disk yet", hint="wan fetch --all")


def _damaged(file: Path, damage: str) -> WanError:
    return SetupError(f"{file} is damaged: {damage}", hint=f"mv '{file}' '{file}.damaged'")


def _mode(name: str, file: Path) -> Check:
    try:
        mode = stat.S_IMODE(file.stat().st_mode)
    except OSError as cause:
        return problem(name, SetupError(f"{file}: {cause.strerror}", hint=f"ls -l '{file}'"))
    words = f"{file} (mode {mode:04o})"
    if mode & 0o077:
        return warning(name, f"{words} can be read by others", hint=f"chmod 600 '{file}'")
    return fine(name, words)


def examine_bucket(prefix: Uri) -> Check:
    """Check that videos can be saved below the prefix that `output_dir` names."""
    try:
        (error,) = try_objects([Wanted(prefix)])
    except SetupError as missing:
        return problem("bucket", missing)
    return problem("bucket", error) if error else fine("bucket", f"{prefix} can be written")


def examine_api(client: Client, now: float) -> Iterator[Check]:
    """Ask the API for the balance; the reply also shows that API, key and clock are right.

    `now` is seconds since the epoch.
    """
    try:
        balance, currency = client.balance()
    except Unreachable as error:
        # The error's own hint may be `wan doctor`, which is already running.
        hint = "check the network and the proxy" if error.hint == "wan doctor" else error.hint
        yield problem("API", error)._replace(hint=hint)
        return
    except WanError as error:
        yield problem("API", error)
        return
    yield fine("API", f"{client.base_url} answers")
    offset = client.server_offset_s
    if offset is None:
        yield warning("clock", "the API's reply has no date", hint="date")
    elif abs(offset) > CLOCK_OFF_MAX_S:
        words = f"{abs(offset):.0f} s off the API's clock"
        yield warning("clock", words, hint="timedatectl status")
    else:
        yield fine("clock", f"within {abs(offset):.0f} s of the API's clock")
    yield _examine_key(client, now)
    words = f"{balance:.2f} {currency}".strip()
    if balance < BALANCE_MIN_USD:
        hint = "top up the account before the next wan generate"
        yield warning("balance", f"{words}: less than one clip", hint=hint)
    else:
        yield fine("balance", words)


def _examine_key(client: Client, now: float) -> Check:
    """Check what the key may do. The API need not say it."""
    extra = Extra(client, now)
    key = extra.key()
    if key is None:
        return fine("key limit", f"unknown ({extra.why or 'the API does not say'})")
    left = extra.left(key)
    words = f"{key.limit_words(left)}; scopes: {key.scope_words}"
    other = "use another key: wan config set api_key"
    if key.disabled:
        return warning("key limit", f"the key is disabled; {words}", hint=other)
    if not key.may_make_videos:
        hint = f"add the scope {VIDEO_SCOPE} to the key, or {other}"
        return warning("key limit", f"the key may not make videos; {words}", hint=hint)
    if left is not None and left.usd < BALANCE_MIN_USD:
        hint = "raise the limit of the key before the next wan generate"
        return warning("key limit", f"{words}: less than one clip", hint=hint)
    return fine("key limit", words)
