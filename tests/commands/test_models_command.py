"""wan models, run as a real command."""

from tests.fake.api import FakeApi
from tests.fake.process import Wan
from tests.terminal import on_terminal, screen
from wan_cli.models import MODELS
from wan_cli.output.table import width_of

NO_KEY = {"AIMLAPI_API_KEY": None}
MODEL = "alibaba/wan-2-6-t2v"


def test_models_prints_a_complete_row_for_each_model(wan: Wan, api: FakeApi) -> None:
    result = wan("models", env=NO_KEY)
    assert result.code == 0
    rows = [line.split("\t") for line in result.out.splitlines()]
    assert [len(row) for row in rows] == [4] * len(MODELS)
    assert rows[0][:3] == [MODEL, "10 s", "720p $1.05, 1080p $1.575"]
    assert rows[0][3].startswith("--audio-url URL, --aspect-ratio 16:9 9:16 1:1 4:3 3:4, ")
    assert "unknown" in result.out


def test_models_prints_a_table_with_prices_on_a_terminal(wan: Wan, api: FakeApi) -> None:
    for columns in (40, 80, 160):
        code, written = on_terminal(wan, "models", columns=columns, env={"NO_COLOR": "1"})
        lines = screen(written)
        assert code == 0
        assert max(map(width_of, lines)) <= columns
        assert [line.split()[0] for line in lines[:2]] == [
            "MODEL",
            "2.6" if columns < 90 else MODEL,
        ]
        assert "$1.575" in lines[1]
    heads, first, *_, last = lines
    assert heads.split() == ["MODEL", "CLIP", "480p", "720p", "1080p", "ACCEPTS"]
    assert first.split(maxsplit=6)[:6] == [MODEL, "10", "s", "-", "$1.05", "$1.575"]
    assert "  audio-url, aspect-ratio, resolution, duration, " in first
    assert last.endswith("wan models MODEL")


def test_models_all_on_a_terminal_fits_the_screen(wan: Wan) -> None:
    for columns in (40, 80, 160):
        code, written = on_terminal(
            wan, "models", "--all", "--sandbox", "-q", columns=columns, env={"NO_COLOR": "1"}
        )
        heads, first, *_ = lines = screen(written)
        assert code == 0
        assert max(map(width_of, lines)) <= columns
        assert heads.split() == ["MODEL", "DEVELOPER", "PRICE"][: 1 if columns == 40 else 3]
        assert first.split()[0] == MODEL


def test_models_can_print_json(wan: Wan, api: FakeApi) -> None:
    lines = {line["model"]: line for line in wan("models", "--json", env=NO_KEY).json_lines}
    assert lines[MODEL]["prices_usd"] == {"720p": 1.05, "1080p": 1.575}
    assert lines[MODEL]["fields"]["duration"] == [5, 10, 15]
    assert set(lines) == {*MODELS}
    assert lines["alibaba/wan-2-6-i2v"]["fields"]["image_url"] == "image"


def test_without_the_api_models_still_prints_what_each_model_accepts(
    wan: Wan, api: FakeApi, closed_port: int
) -> None:
    result = wan("models", env={"WAN_BASE_URL": f"http://127.0.0.1:{closed_port}"})
    assert result.code == 0
    assert MODEL in result.out
    assert "warning: " in result.err
