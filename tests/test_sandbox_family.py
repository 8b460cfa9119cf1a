"""The family in the sandbox through `wan`: local pictures, and a model that wan does not know."""

import io
from collections.abc import Mapping
from pathlib import Path

import pytest
import requests

from tests.fake.api import FakeApi
from tests.fake.process import Wan

pytest.importorskip("av")

from PIL import Image

from tests.sandbox.pictures import drawing, encoded, frames_of, pixels, ssim
from tests.test_pictures import ORIENTATION, TURNS
from wan_cli.sandbox.schemas import NEW_MODEL
from wan_cli.sandbox.server import Sandbox

SMALL = ("--duration", "5", "--resolution", "480p", "--sandbox", "-o", "clip.mp4")


@pytest.fixture(autouse=True)
def _videos_are_the_sandbox_s(api: FakeApi) -> None:
    api.check_files = False


def received(home: Path) -> list[Mapping[str, object]]:
    """The bodies that the sandbox received, oldest first."""
    with Sandbox(home / "sandbox") as running:
        posts = requests.get(f"{running.base_url}/sandbox/ledger", timeout=30).json()["posts"]
    return [post["body"] for post in posts]


def test_a_local_picture_is_the_first_frame(wan: Wan, home: Path, work: Path, tmp_path: Path):
    picture = drawing(640, 360)
    (work / "cat.png").write_bytes(encoded(picture))
    made = wan("generate", "it yawns", "--model", "2.5-i2v", "--image", "cat.png", *SMALL)
    assert made.code == 0, made.err
    frames = frames_of((work / "clip.mp4").read_bytes(), tmp_path)
    assert ssim(pixels(frames[0], 320, 184), pixels(picture, 320, 184)) >= 0.9
    assert str(received(home)[0]["image_url"]).startswith("data:image/png;sha256,")


def test_a_jpeg_of_each_exif_orientation_is_the_first_frame_upright(
    wan: Wan, work: Path, tmp_path: Path
):
    picture = drawing(640, 360)
    with Image.open(io.BytesIO(encoded(picture))) as upright:
        for orientation, turn in TURNS.items():
            exif = Image.Exif()
            exif[ORIENTATION] = orientation
            turn(upright.convert("RGB")).save(
                work / f"{orientation}.jpg", "JPEG", exif=exif, quality=95, subsampling=0
            )
    rows = [f"a fox {number},{number}.jpg,{number}.mp4" for number in TURNS]
    (work / "rows.csv").write_text("\n".join(["prompt,image,output", *rows]))
    words = ["--model", "2.5-i2v", "--duration", "5", "--resolution", "480p", "--sandbox"]
    made = wan("batch", "rows.csv", *words, timeout=120)
    assert made.code == 0, made.err
    wanted = pixels(picture, 320, 184)
    for orientation in TURNS:
        frames = frames_of((work / f"{orientation}.mp4").read_bytes(), tmp_path)
        assert ssim(pixels(frames[0], 320, 184), wanted) >= 0.9, orientation


def test_a_model_that_wan_does_not_know_is_used_by_its_schema(
    wan: Wan, home: Path, work: Path, tmp_path: Path
):
    fields = ["style=ink", "strength=0.25", 'tags=["dusk", "snow"]', "resolution=480p"]
    flags = [word for field in fields for word in ("--field", field)]
    command = ("generate", "a fox", "--model", NEW_MODEL, *flags, "--sandbox", "-o", "clip.mp4")
    assert "style" in wan(*command, "--field", "glow=1").err
    assert received(home) == []
    made = wan(*command)
    assert made.code == 0, made.err
    assert "$0.50" in made.err
    assert len(frames_of((work / "clip.mp4").read_bytes(), tmp_path)) == 120
    wanted: dict[str, object] = {"model": NEW_MODEL, "prompt": "a fox", "resolution": "480p"}
    wanted |= {"style": "ink", "strength": 0.25, "tags": ["dusk", "snow"]}
    assert received(home) == [wanted]


def test_a_batch_in_the_sandbox_needs_no_consent_but_keeps_to_a_limit(wan: Wan, work: Path):
    (work / "two.txt").write_text("a fox\nan owl\n")
    command = ("batch", "two.txt", "--sandbox", "--no-wait")
    limited = wan(*command, "--max-cost", "2")
    assert (limited.code, "more than --max-cost 2" in limited.err) == (5, True)
    assert wan("list", "--sandbox").out == ""
    assert len(wan(*command).out.splitlines()) == 2
