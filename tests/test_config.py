"""The values of the settings, and how wan writes their file."""

import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wan_cli import config
from wan_cli.config import Settings
from wan_cli.config.paths import Paths, paths
from wan_cli.config.setting import SETTINGS, setting_named
from wan_cli.errors import SetupError, UsageError

KEY = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def places(tmp_path: Path) -> Paths:
    return paths({"WAN_HOME": str(tmp_path / "home")})


def write(places: Paths, text: str | bytes) -> None:
    places.config_file.parent.mkdir(mode=0o700, exist_ok=True)
    places.config_file.write_bytes(text if isinstance(text, bytes) else text.encode())
    places.config_file.chmod(0o600)


def refused(places: Paths, env: dict[str, str]) -> str:
    with pytest.raises(SetupError) as caught:
        config.load(places, env)
    assert caught.value.hint
    return caught.value.message


def test_a_missing_file_means_the_built_in_values(places: Paths) -> None:
    settings = config.load(places, {})
    assert settings.base_url == "https://api.aimlapi.com"
    assert settings.timeout == 1800
    assert settings.generate == {}
    assert set(settings.sources.values()) == {"default"}


def test_the_environment_overrides_the_file_which_overrides_the_defaults(places: Paths) -> None:
    write(places, "timeout = 60\nwait = false\n[generate]\nduration = 5\nseed = 0\n")
    settings = config.load(places, {"WAN_TIMEOUT": "7.5", "WAN_DURATION": "15", "WAN_WAIT": ""})
    assert (settings.timeout, settings.wait) == (7.5, False)
    assert settings.generate == {"duration": 15, "seed": 0}
    assert settings.sources["timeout"] == "WAN_TIMEOUT"
    assert settings.sources["wait"] == "config file"
    assert settings.sources["sidecar"] == "default"


RIGHT = {
    "api_key_command": "pass show aimlapi",
    "base_url": "http://127.0.0.1:8080",
    "output_dir": "/tmp/videos",
    "name_template": "{date}/{slug}.mp4",
    "wait": "0",
    "timeout": "1e3",
    "poll_interval": "0.5",
    "max_cost": "2.5",
    "budget_day": "20",
    "budget_month": "300",
    "sidecar": "yes",
    "sandbox": "ON",
    "history": "postgresql://wan@db.example.com/wan?sslmode=verify-full",
    "history_command": "pass show wan-history",
    "generate.model": "alibaba/wan-2-7-t2v",
    "generate.audio_url": "https://example.com/a.mp3",
    "generate.aspect_ratio": "9:16",
    "generate.resolution": "720p",
    "generate.duration": "15",
    "generate.negative_prompt": "fog – neblige Töne",
    "generate.shot_type": "multi",
    "generate.generate_audio": "false",
    "generate.seed": "-1",
    "generate.enhance_prompt": "true",
    "generate.watermark": "true",
    "generate.enable_prompt_expansion": "false",
}


@pytest.mark.parametrize("key", RIGHT)
def test_each_key_is_the_same_from_the_environment_and_from_the_file(
    places: Paths, key: str
) -> None:
    setting = setting_named(key)
    from_environment = config.load(places, {setting.variable: RIGHT[key]})
    config.store(places.config_file, setting, RIGHT[key])
    from_file = config.load(places, {})
    assert config.entry(from_environment, setting).value == config.entry(from_file, setting).value
    assert config.entry(from_environment, setting).source == setting.variable
    assert config.entry(from_file, setting).source == "config file"
    assert config.remove(places.config_file, setting)
    assert config.entry(config.load(places, {}), setting).source == "default"


def test_the_table_of_right_values_has_each_key() -> None:
    assert {*RIGHT, "api_key"} == set(SETTINGS)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("timeout = ", "line 1"),
        ("wait = true\ntimeout = 5\ntimeout = 6", "line 3"),
        ("a = " + "[" * 5000, "not valid TOML"),
        (b"output_dir = '\xff'", "not UTF-8"),
        ("tiemout = 5", "tiemout"),
        ("[generate]\nprompt = 'x'", "generate.prompt"),
        ("[other]\nx = 1", "other"),
        ("generate = 5", "[generate]"),
        ("timeout = true", "timeout"),
        ("timeout = '5'", "number"),
        ("timeout = 0", "duration"),
        ("timeout = inf", "duration"),
        ("poll_interval = nan", "duration"),
        ("wait = 1", "boolean"),
        ("output_dir = ''", "empty"),
        ("name_template = '{nothing}.mp4'", "name_template"),
        ("[generate]\nduration = '5'", "integer"),
        ("[generate]\nduration = 7", "5, 10, 15"),
        ("[generate]\nseed = 1.5", "integer"),
        ("[generate]\nmodel = 'sora'", "alibaba/wan-2-6-t2v"),
        ("[generate]\naudio_url = 'file:///x'", "http"),
    ],
)
def test_a_broken_file_is_refused_with_its_name_and_line_or_key(
    places: Paths, text: str | bytes, words: str
) -> None:
    write(places, text)
    message = refused(places, {})
    assert str(places.config_file) in message
    assert words in message


def test_a_folder_instead_of_the_file_is_refused(places: Paths) -> None:
    places.config_file.mkdir(parents=True)
    assert "cannot be read" in refused(places, {})


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_an_unreadable_file_is_refused(places: Paths) -> None:
    write(places, "wait = true")
    places.config_file.chmod(0)
    assert "cannot be read" in refused(places, {})


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("WAN_TIMEOUT", "-5"),
        ("WAN_POLL_INTERVAL", "soon"),
        ("WAN_WAIT", "maybe"),
        ("WAN_DURATION", "7"),
        ("WAN_MODEL", "sora"),
        ("WAN_OUTPUT_DIR", "/tmp/\udcff"),
        ("WAN_API_KEY_COMMAND", "  "),
    ],
)
def test_a_wrong_value_in_the_environment_names_the_variable(
    places: Paths, variable: str, text: str
) -> None:
    assert variable in refused(places, {variable: text})


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("https://api.example.com/", "https://api.example.com"),
        ("https://api.example.com:8443/proxy/", "https://api.example.com:8443/proxy"),
        ("http://127.8.9.1:80", "http://127.8.9.1"),
        ("HTTPS://API.example:443/v1/", "https://api.example"),
        ("https://api.example/proxy/v2", "https://api.example/proxy"),
        ("http://[::1]:5000", "http://[::1]:5000"),
        ("http://localhost", "http://localhost"),
    ],
)
def test_a_safe_base_url_is_used_without_its_last_slash(
    places: Paths, given: str, used: str
) -> None:
    assert config.load(places, {"WAN_BASE_URL": given}).base_url == used


@pytest.mark.parametrize(
    "url",
    [
        "http://api.aimlapi.com",
        "http://localhost.example.com",
        "http://128.0.0.1",
        "http://10.0.0.1",
        "https://user:secret@api.aimlapi.com",
        "https://api.aimlapi.com?x=secret",
        "https://api.aimlapi.com#secret",
        "https://api.aimlapi.com\\@secret.com",
        "https://api.aimlapi.com:0",
        "https://api.aimlapi.com:65536",
        "https://api.aimlapi.com:",
        "https://[::::]",
        "https://",
        "https://a b",
        "https://a\n",
        "ftp://a",
        "api.aimlapi.com",
    ],
)
def test_an_unsafe_base_url_is_refused_and_not_shown(places: Paths, url: str) -> None:
    assert "secret" not in refused(places, {"WAN_BASE_URL": url})


def test_the_file_is_replaced_whole_and_private(places: Paths) -> None:
    config.store(places.config_file, setting_named("api_key"), KEY)
    config.store(places.config_file, setting_named("seed"), "7")
    assert stat.S_IMODE(places.config_file.stat().st_mode) == 0o600
    assert stat.S_IMODE(places.config_file.parent.stat().st_mode) == 0o700
    assert [path.name for path in places.config_file.parent.iterdir()] == ["config.toml"]
    assert config.load(places, {}).generate == {"seed": 7}


def test_a_linked_file_stays_a_link(places: Paths, tmp_path: Path) -> None:
    real = tmp_path / "dotfiles" / "wan.toml"
    places.config_file.parent.mkdir()
    places.config_file.symlink_to(real)
    config.store(places.config_file, setting_named("wait"), "no")
    assert places.config_file.is_symlink()
    assert real.read_text() == "wait = false\n"


def test_an_unwritable_file_is_a_set_up_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SetupError):
        config.store(tmp_path / "file" / "config.toml", setting_named("wait"), "no")


@pytest.mark.parametrize("text", ["timeout = ", "timeout = -1", "unknown = 1"])
def test_a_broken_file_is_not_overwritten(places: Paths, text: str) -> None:
    write(places, text)
    with pytest.raises(SetupError):
        config.store(places.config_file, setting_named("wait"), "no")
    assert places.config_file.read_text() == text


def test_a_wrong_value_can_be_corrected_or_removed(places: Paths) -> None:
    write(places, "timeout = -1\nwait = 5\n")
    assert config.remove(places.config_file, setting_named("wait"))
    config.store(places.config_file, setting_named("timeout"), "60")
    assert config.load(places, {}).timeout == 60


def test_unset_of_a_missing_key_writes_nothing(places: Paths) -> None:
    assert not config.remove(places.config_file, setting_named("generate.seed"))
    assert not places.config_file.exists()


def test_a_readable_file_with_a_key_is_reported(places: Paths) -> None:
    write(places, f"api_key = '{KEY}'")
    assert config.load(places, {}).warnings == ()
    places.config_file.chmod(0o644)
    (warning,) = config.load(places, {}).warnings
    assert "0644" in warning
    assert KEY not in warning


def test_no_key_is_in_the_settings_repr_or_in_the_entries(places: Paths) -> None:
    write(places, f"api_key = '{KEY}'\napi_key_command = 'echo {KEY}'")
    settings = config.load(places, {"AIML_API_KEY": KEY + "0"})
    assert KEY not in repr(settings)
    entry = config.entry(settings, setting_named("api_key"))
    assert (entry.value, entry.source) == ("0123…def0", "AIML_API_KEY")


def test_a_key_of_a_wrong_type_is_not_shown(places: Paths) -> None:
    write(places, "api_key = 123456789")
    assert "123456789" not in refused(places, {})


def test_an_unknown_key_lists_the_keys_but_no_pasted_secret() -> None:
    with pytest.raises(UsageError, match=r"'tiemout'.*generate\.duration"):
        setting_named("tiemout")
    with pytest.raises(UsageError) as caught:
        setting_named(f"api_key={KEY}")
    assert KEY not in caught.value.message


@given(key=st.sampled_from(sorted(SETTINGS.keys() - {"api_key"})), text=st.text(max_size=30))
def test_any_text_is_stored_as_a_valid_value_or_is_a_usage_error(key: str, text: str) -> None:
    setting = setting_named(key)
    try:
        value = setting.stored(text)
    except UsageError:
        return
    assert setting.parse(value) == setting.parse(text)


def test_settings_are_built_without_an_environment() -> None:
    assert Settings() == Settings()
