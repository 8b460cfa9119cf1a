"""The workspace of a command: its settings, and access to the key, the history and the API."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from wan_cli.config import Settings, load
from wan_cli.config.keys import Key, find_key
from wan_cli.config.password import password
from wan_cli.config.paths import Paths, paths
from wan_cli.errors import HistoryReadOnly, SetupError
from wan_cli.journal import Journal
from wan_cli.journal.port import Conninfo, Patience
from wan_cli.numbers import parse_duration
from wan_cli.output import Output
from wan_cli.uri import Place

# Import the API's client only where a command needs it: it would slow `wan list` by half.
if TYPE_CHECKING:
    from wan_cli.api.client import Client
    from wan_cli.core.tools import Timing, Tools
    from wan_cli.database import Address
    from wan_cli.http.trace import Trace
    from wan_cli.sandbox.server import Sandbox as Server

SANDBOX_KEY = "the-sandbox-needs-no-key"
SANDBOX_NOTE = "sandbox: test pictures, nothing is charged"
SANDBOX_INTERVAL_S = 0.5
SANDBOX_MEDIAN_S = 3.0
# How long a command waits for a database that is away: before it pays, and to read.
PATIENCE_S = 30.0
READING_PATIENCE_S = 5.0
_EXTRA_MODULES = frozenset({"av", "starlette", "uvicorn"})


class Workspace(NamedTuple):
    """The places and settings of this run, and whether it talks to the sandbox."""

    paths: Paths
    settings: Settings
    sandbox: bool
    trace: "Trace | None" = None

    @property
    def history_file(self) -> Path:
        """The history file. The sandbox has its own: its videos do not count as spending."""
        return self.sandbox_history if self.sandbox else self.paths.history_file

    @property
    def sandbox_history(self) -> Path:
        """The history file of the embedded sandbox, which may not exist."""
        return self.paths.sandbox_dir / "history.db"

    @property
    def output_dir(self) -> Place:
        """The folder for videos without -o, or a prefix of objects."""
        return self.settings.output_dir or Path()

    @property
    def spool(self) -> Path:
        """The folder for videos on their way to a bucket."""
        return self.paths.cache_dir / "spool"

    def with_defaults(
        self, fields: Mapping[str, object], base: Mapping[str, object] | None = None
    ) -> dict[str, object]:
        """Return the fields of flags; those of another request, else the settings, fill gaps."""
        given = {name: value for name, value in fields.items() if value is not None}
        return dict(self.settings.generate if base is None else base) | given

    def chosen(self, name: str, flag: bool | None) -> bool:
        """Return a flag if it was given, else the setting of that name."""
        return bool(getattr(self.settings, name)) if flag is None else flag

    @contextmanager
    def client(self, *, with_key: bool = True) -> Iterator["Client"]:
        """Open the client without the history.

        Raises:
            SetupError: a key is needed and missing, or the sandbox's extra is not installed.
        """
        if self.sandbox:
            with sandbox_server(self.paths.sandbox_dir) as server:
                yield self._client(server.base_url, SANDBOX_KEY)
            return
        key = find_key(self.settings.keys) if with_key else None
        yield self._client_with(key)

    def _client_with(self, key: Key | None) -> "Client":
        url = self.settings.base_url
        if key is None:
            return self._client(url, None)
        return self._client(url, key.value, key_origin=key.origin, key_remedy=key.remedy)

    def _client(self, url: str, key: str | None, **origin: str) -> "Client":
        from wan_cli.api.client import Client

        return Client(url, key, trace=self.trace, **origin)

    @contextmanager
    def tools(
        self, out: Output, *, keeps: bool = True, timeout: str | None = None
    ) -> Iterator["Tools"]:
        """Open the client and the history.

        Args:
            out: where warnings go.
            keeps: the history must be writable. Otherwise a read-only history is enough.
            timeout: the value of --timeout; wait no longer for a database.

        Raises:
            SetupError: no key, no history, or the sandbox's extra is not installed.
        """
        from wan_cli.core.tools import CLOCK, Tools

        clock = CLOCK.get()
        if self.sandbox:
            with (
                sandbox_server(self.paths.sandbox_dir) as server,
                self.history(out, keeps, timeout) as (journal, written),
            ):
                client = self._client(server.base_url, SANDBOX_KEY)
                yield Tools(client, journal, "sandbox", written, clock, self.spool)
            return
        key = find_key(self.settings.keys)
        with self.history(out, keeps, timeout) as (journal, written):
            client = self._client_with(key)
            yield Tools(client, journal, key.fingerprint, written, clock, self.spool)

    @contextmanager
    def journal(self, out: Output) -> Iterator[Journal]:
        """Open the history to read it; no key is needed."""
        with self.history(out, keeps=False) as (journal, _written):
            yield journal

    @property
    def address(self) -> "Address | None":
        """The database of the history; None: it is a file, as it always is in the sandbox."""
        return None if self.sandbox else self.settings.history

    def _opened(self, out: Output, keeps: bool, timeout: str | None) -> Journal:
        address = self.address
        if address is None:
            return Journal.open(self.history_file)
        spool = self.paths.history_file.parent / "spool"
        most_s = PATIENCE_S if keeps else READING_PATIENCE_S
        patience_s = min(most_s, self._seconds(timeout))
        return self.connected(out, address, patience_s, spool=spool)

    def connected(
        self,
        out: Output,
        address: "Address",
        patience_s: float,
        *,
        spool: Path | None = None,
        creates: bool = True,
    ) -> Journal:
        """Connect to a database; see `Journal.connect`."""
        patience = Patience(patience_s, out.note)
        return Journal.connect(
            address.place, self.conninfo(address), spool=spool, patience=patience, creates=creates
        )

    def conninfo(self, address: "Address") -> Conninfo:
        """Return the parameters of a connection; only the configured database gets its password."""

        def conninfo() -> Mapping[str, str]:
            is_own = address == self.settings.history
            return address.conninfo(os.environ, password(self.settings) if is_own else None)

        return conninfo

    @contextmanager
    def history(
        self, out: Output, keeps: bool, timeout: str | None = None
    ) -> Iterator[tuple[Journal, bool]]:
        """Open the history, and tell whether it can be written. With `keeps` it must be."""
        is_written = True
        try:
            journal = self._opened(out, keeps, timeout)
        except HistoryReadOnly as cause:
            if keeps or self.address:
                raise
            out.warn(f"{cause.message}; wan cannot record this")
            journal, is_written = Journal.open_read_only(self.history_file), False
        with journal:
            out.warn_all(journal.warnings)
            if journal.engine.is_read_only:
                words = f"the history {journal.place} cannot be written: its server is a standby"
                if keeps:
                    raise HistoryReadOnly(words, hint="wan doctor")
                out.warn(f"{words}; wan cannot record this")
                is_written = False
            yield journal, is_written

    def _seconds(self, timeout: str | None) -> float:
        return parse_duration("--timeout", timeout) or self.settings.timeout

    def timing(
        self,
        tools: "Tools",
        timeout: str | None = None,
        poll_interval: str | None = None,
        *,
        each: bool = False,
    ) -> "Timing":
        """Return the deadline of this command, from its flags and the settings.

        With `each`, every generation has its own deadline, counted from its submission.
        """
        interval = parse_duration("--poll-interval", poll_interval) or self.settings.poll_interval
        seconds = self._seconds(timeout)
        median_s = None
        if self.sandbox:
            # Times learned from the service do not apply to the sandbox, which is much faster.
            interval, median_s = interval or SANDBOX_INTERVAL_S, SANDBOX_MEDIAN_S
        timing = tools.timing(seconds, interval, median_s)
        return timing._replace(each_s=seconds) if each else timing


def workspace(out: Output, *, sandbox: bool | None = None) -> Workspace:
    """Read the settings and print their warnings.

    Raises:
        SetupError: the configuration is broken.
    """
    places = paths(os.environ)
    settings = load(places, os.environ)
    out.warn_all(settings.warnings)
    in_sandbox = settings.sandbox if sandbox is None else sandbox
    if in_sandbox:
        out.note(SANDBOX_NOTE)
    return Workspace(places, settings, in_sandbox, out.trace)


def sandbox_server(
    folder: Path,
    *,
    port: int = 0,
    speed: float = 1.0,
    tell: Callable[[str, str, int], None] | None = None,
) -> "Server":
    """Return the sandbox's server, not started yet.

    Raises:
        SetupError: its extra is not installed.
    """
    try:
        # Import the heavy packages of the sandbox only when a command uses it.
        from wan_cli.sandbox.server import Sandbox
    except ModuleNotFoundError as missing:
        if (missing.name or "").partition(".")[0] not in _EXTRA_MODULES:
            raise
        raise SetupError(
            f"the sandbox needs packages that are not installed ({missing.name})",
            hint="pip install 'aimlapi-wan[sandbox]'",
        ) from None
    return Sandbox(folder, port=port, speed=speed, tell=tell)
