"""The settings of a shared history: stored, masked wherever they are shown, and its password."""

import json
import stat
from pathlib import Path

import pytest

from tests.fake.process import Wan
from wan_cli import config
from wan_cli.config.password import password
from wan_cli.config.paths import paths
from wan_cli.errors import SetupError

SECRET = "hunter2secret"
URL = f"postgresql://wan:{SECRET}@db.example.com/wan?sslmode=verify-full"
MASKED = "postgresql://wan:***@db.example.com/wan?sslmode=verify-full"


def test_a_url_is_stored_privately_and_shown_without_its_password(wan: Wan, home: Path) -> None:
    file = home / "config.toml"
    home.mkdir(exist_ok=True)
    file.write_text("# of the team\nhistory = 'postgresql://old'  # see the wiki\n")
    file.chmod(0o644)
    done = wan("config", "set", "history", URL)
    assert (done.code, done.out) == (0, "")
    assert file.read_text() == f'# of the team\nhistory = "{URL}"  # see the wiki\n'
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    shown = [
        wan("config", "get", "history"),
        wan("config", "get", "history", "--json"),
        wan("config", "list"),
        wan("config", "list", "--json", "-v"),
    ]
    assert shown[0].out == MASKED + "\n"
    assert json.loads(shown[1].out) == {"key": "history", "value": MASKED, "source": "config file"}
    assert f"history = {MASKED}  (config file)\n" in shown[2].out
    for each in [done, *shown]:
        assert each.code == 0
        assert SECRET not in each.out + each.err


def test_the_variable_overrides_the_file(wan: Wan) -> None:
    wan("config", "set", "history", "postgresql://old.example.com/wan")
    wan.env["WAN_HISTORY"] = URL
    done = wan("config", "get", "history", "--json")
    assert json.loads(done.out) == {"key": "history", "value": MASKED, "source": "WAN_HISTORY"}
    assert SECRET not in done.out + done.err


@pytest.mark.parametrize("bad", [f"wan:{SECRET}@db/wan", f"postgresql://wan:{SECRET}@x@db/wan"])
def test_a_malformed_url_is_refused_everywhere_without_its_password(
    wan: Wan, home: Path, bad: str
) -> None:
    refused = wan("config", "set", "history", bad)
    assert refused.code == 2
    assert "error: history: the database URL " in refused.err
    assert not (home / "config.toml").exists()
    wan.env["WAN_HISTORY"] = bad
    variable = wan("list")
    assert variable.code == 3
    assert "error: WAN_HISTORY: the database URL " in variable.err
    assert "unset WAN_HISTORY" in variable.err
    del wan.env["WAN_HISTORY"]
    home.mkdir(exist_ok=True)
    (home / "config.toml").write_text(f"history = '{bad}'\n")
    in_file = wan("list", "-v")
    assert in_file.code == 3
    assert "config.toml: history: the database URL " in in_file.err
    assert "wan config unset history" in in_file.err
    for done in (refused, variable, in_file):
        assert SECRET not in done.out + done.err


def test_a_file_with_a_password_that_others_can_read_is_reported(wan: Wan, home: Path) -> None:
    wan("config", "set", "history", URL)
    (home / "config.toml").chmod(0o644)
    done = wan("config", "list")
    assert "config.toml has a password and others can read it (mode 0644): chmod 600" in done.err
    wan("config", "set", "history", "postgresql://wan@db.example.com/wan")
    (home / "config.toml").chmod(0o644)
    assert wan("config", "list").err == ""


@pytest.mark.parametrize("key", ["budget_day", "budget_month"])
def test_a_budget_is_an_amount(wan: Wan, key: str) -> None:
    assert wan("config", "set", key, "20").code == 0
    assert wan("config", "get", key).out == "20\n"
    for wrong in ("-1", "much", "nan"):
        done = wan("config", "set", key, wrong)
        assert done.code == 2
        assert f"{key}: '{wrong}' is not an amount in USD" in done.err


def settings_of(tmp_path: Path, **env: str) -> config.Settings:
    return config.load(paths({"WAN_HOME": str(tmp_path)}), env)


def test_no_secret_is_in_the_repr_of_the_settings(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, WAN_HISTORY=URL, WAN_HISTORY_COMMAND=f"echo {SECRET}")
    assert SECRET not in f"{settings!r} {settings}"
    assert MASKED in repr(settings)
    assert settings.history is not None
    assert settings.history.conninfo({})["password"] == SECRET


def test_the_password_is_that_of_the_url_or_of_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = tmp_path / "ran"
    command = f"touch '{ran}'; printf ' token%s \\r\\nother' \"$AIMLAPI_API_KEY\""
    monkeypatch.setenv("AIMLAPI_API_KEY", "key-for-tests")
    assert password(settings_of(tmp_path, WAN_HISTORY_COMMAND=command)) is None
    with_both = settings_of(tmp_path, WAN_HISTORY=URL, WAN_HISTORY_COMMAND=command)
    assert password(with_both) == SECRET
    assert not ran.exists()
    url = "postgresql://wan@db.example.com/wan"
    assert password(settings_of(tmp_path, WAN_HISTORY=url, WAN_HISTORY_COMMAND=command)) == "token"
    assert ran.exists()
    assert password(settings_of(tmp_path, WAN_HISTORY=url)) is None


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ("echo secret; exit 3", "exited with status 3"),
        ("echo; echo secret", "printed nothing on its first line"),
        ("printf 'secret\\0'", "printed a NUL character"),
    ],
)
def test_a_failing_command_is_reported_without_its_output(
    tmp_path: Path, command: str, says: str
) -> None:
    url = "postgresql://wan@db.example.com/wan"
    by_variable = settings_of(tmp_path, WAN_HISTORY=url, WAN_HISTORY_COMMAND=command)
    file = tmp_path / "config.toml"
    file.write_text(
        f'history = "{url}"\nhistory_command = """{command.replace(chr(92), chr(92) * 2)}"""\n'
    )
    for settings, source, hint in (
        (by_variable, "WAN_HISTORY_COMMAND", "$WAN_HISTORY_COMMAND"),
        (settings_of(tmp_path), "history_command", "wan config get history_command"),
    ):
        with pytest.raises(SetupError) as caught:
            password(settings)
        assert caught.value.message == f"the command of {source} {says}"
        assert caught.value.hint.endswith(hint)


@pytest.mark.parametrize(
    "argv",
    [
        ("config", "set", "history", URL, "--jsn"),
        ("config", "set", "history", URL, "more"),
        ("config", "set", URL),
        ("config", "get", "history", URL),
        ("config", "get", "history", f"postgresql://wan:x {SECRET}@y@db.example.com/wan"),
        ("config", f"history={URL}"),
        ("confg", "set", "history", URL),
        ("-q", "config", "set", "history", URL),
        ("list", URL),
        ("list", f"postgresql:///wan?user=wan&password={SECRET}"),
        (URL,),
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("json_too", [(), ("--json",)], ids=["text", "json"])
def test_no_message_repeats_the_password_of_a_mistyped_command(
    wan: Wan, argv: tuple[str, ...], json_too: tuple[str, ...]
) -> None:
    done = wan(*argv, *json_too)
    assert done.code == 2
    assert "error: " in done.err
    assert SECRET not in done.out + done.err
