"""The paths of wan's files."""

from pathlib import Path

import pytest

from wan_cli.config.paths import Paths, paths
from wan_cli.errors import SetupError


def test_wan_home_holds_everything_and_nothing_is_created(tmp_path: Path) -> None:
    home = tmp_path / "home"
    assert paths({"WAN_HOME": str(home)}) == Paths(
        home / "config.toml", home / "history.db", home / "cache", home / "sandbox"
    )
    assert not home.exists()


def test_a_relative_wan_home_is_made_absolute() -> None:
    assert paths({"WAN_HOME": "here"}).config_file == Path.cwd() / "here" / "config.toml"


def test_without_wan_home_the_paths_are_absolute_and_belong_to_the_user() -> None:
    places = paths({})
    assert places.config_file.is_absolute()
    assert "wan" in places.history_file.parts


@pytest.mark.parametrize("home", ["~nobody-of-this-name/wan", "/tmp/\udcff"])
def test_an_impossible_home_is_a_set_up_error(home: str) -> None:
    with pytest.raises(SetupError):
        paths({"WAN_HOME": home})
