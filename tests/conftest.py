"""Fixtures: a fake API, a home, and the command as a real process with its invariants checked."""

import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.fake.api import FakeApi
from tests.fake.invariants import KEY, check
from tests.fake.keeper import Absent
from tests.fake.pooler import Pooler
from tests.fake.postgres import Postgres
from tests.fake.process import Wan
from tests.fake.proxy import Proxy

# A busy machine must not fail a test, and each run must have the same result.
# For new examples: pytest --hypothesis-profile=explore
settings.register_profile("explore", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("wan", settings.get_profile("explore"), derandomize=True)
settings.load_profile("wan")
# These run for seconds each. They start first, so that no process of pytest is left alone with one.
_LONG = (
    "tests/test_docs_examples.py",
    "tests/fleet/test_fleet.py",
    "tests/test_recipes.py",
    "tests/test_sandbox_family.py",
    "tests/test_state_machine.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start with the long tests; the others keep their order."""
    items.sort(key=lambda item: not item.nodeid.startswith(_LONG))


@pytest.fixture
def api() -> Iterator[FakeApi]:
    """A fake API with its CDN."""
    with FakeApi() as server:
        yield server


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The folder of WAN_HOME; wan creates it."""
    return tmp_path / "home"


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """The working folder of the commands."""
    folder = tmp_path / "work"
    folder.mkdir()
    return folder


@pytest.fixture
def engine(request: pytest.FixtureRequest) -> str:
    """Where the history is: in a `file`, or in `postgres`, if a test or WAN_TEST_ENGINE says so."""
    return str(getattr(request, "param", os.environ.get("WAN_TEST_ENGINE", "file")))


@pytest.fixture
def env(
    request: pytest.FixtureRequest, engine: str, api: FakeApi, home: Path, tmp_path: Path
) -> dict[str, str]:
    """The environment of the commands."""
    variables = {
        "HOME": str(tmp_path / "user"),  # so that wan does not read the developer's ~/.netrc
        "LANG": "C.UTF-8",
        "WAN_HOME": str(home),
        "AIMLAPI_API_KEY": KEY,
        "WAN_BASE_URL": api.base_url,
        "WAN_POLL_INTERVAL": "0.05",
    }
    if engine == "postgres":
        variables["WAN_HISTORY"] = request.getfixturevalue("history_url")
    return variables


@pytest.fixture
def wan(api: FakeApi, env: dict[str, str], work: Path, tmp_path: Path) -> Iterator[Wan]:
    """Run `wan` as a process: `wan("generate", "a fox")`; afterwards the invariants must hold."""
    talk = tmp_path / "talk"
    talk.mkdir()
    command = Wan(env, work, talk)
    try:
        yield command
    finally:
        command.stop()
    broken = check(api, command, tmp_path / "copy")
    if broken:
        pytest.fail("\n".join(broken), pytrace=False)


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A reserved port of 127.0.0.1 on which nobody listens."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        yield sock.getsockname()[1]


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Postgres | str]:
    """The server of this process of pytest, or the reason why there is none."""
    try:
        server = Postgres()
    except Absent as reason:
        yield str(reason)
        return
    with server:
        yield server


@pytest.fixture
def postgres(postgres_server: Postgres | str) -> Postgres:
    """A running PostgreSQL, whatever the test before did to it."""
    if isinstance(postgres_server, str):
        pytest.skip(postgres_server)
    postgres_server.start()
    return postgres_server


@pytest.fixture
def history_url(postgres: Postgres) -> Iterator[str]:
    """The URL of an empty database, for WAN_HISTORY."""
    url = postgres.create()
    yield url
    postgres.start()
    postgres.drop(url)


@pytest.fixture
def role(postgres: Postgres, history_url: str) -> Iterator[Callable[..., str]]:
    """Make a role that has only these rights; return its URL. It goes with the test."""
    name = f"worker_{os.getpid()}"

    def make(*grants: str) -> str:
        postgres.execute(history_url, f"CREATE ROLE {name} LOGIN")
        for grant in grants:
            postgres.execute(history_url, f"{grant} TO {name}")
        return history_url.replace("wan@", f"{name}@", 1)

    yield make
    postgres.execute(history_url, f"DROP OWNED BY {name}; DROP ROLE {name}")


@pytest.fixture
def proxy(postgres: Postgres) -> Iterator[Proxy]:
    """A proxy before the server; `proxy.url(history_url)` goes through it."""
    with Proxy(postgres.address) as server:
        yield server


@pytest.fixture
def pooler(postgres: Postgres) -> Iterator[Pooler]:
    """PgBouncer in transaction mode; `pooler.url(history_url)` goes through it."""
    try:
        server = Pooler(postgres)
    except Absent as reason:
        pytest.skip(str(reason))
    with server:
        yield server
