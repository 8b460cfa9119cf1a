"""Local pictures: the data that wan sends, keeps and prints."""

import base64
import hashlib
import io
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from PIL import Image

from tests.fake.api import FakeApi
from tests.fake.process import Wan
from tests.trials import batch_file, history_of, rows

MODEL = "alibaba/wan-2-6-i2v"


def photo(path: Path, *, orientation: int = 1, colour: str = "red") -> Path:
    """Write a JPEG of 64 by 48 pixels whose left half has a colour, with EXIF."""
    picture = Image.new("RGB", (64, 48), "white")
    picture.paste(colour, (0, 0, 32, 48))
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = orientation, "secret place"
    picture.save(path, "JPEG", exif=exif, quality=95)
    return path


def sent_picture(api: FakeApi, number: int = 0, name: str = "image_url") -> Image.Image:
    """Return the picture of a POST."""
    value = api.posts[number].body[name]
    uri = value[0] if isinstance(value, list) else value
    head, _, data = str(uri).partition(",")
    assert head in ("data:image/jpeg;base64", "data:image/png;base64")
    raw = base64.b64decode(data, validate=True)
    assert b"secret place" not in raw
    return Image.open(io.BytesIO(raw))


def test_a_picture_is_sent_upright_and_without_metadata(wan: Wan, api: FakeApi, work: Path) -> None:
    file = photo(work / "cat.jpg", orientation=6)
    result = wan("generate", "the cat wakes up", "--image", "cat.jpg")
    assert result.code == 0, result.err
    assert list(api.posts[0].body) == ["model", "prompt", "image_url"]
    assert api.posts[0].body["model"] == MODEL
    picture = sent_picture(api)
    assert picture.size == (48, 64)
    # Turned clockwise, the left half is at the top.
    assert picture.convert("RGB").getpixel((24, 8))[0] > 200  # type: ignore[index]
    assert picture.convert("RGB").getpixel((24, 8))[1] < 60  # type: ignore[index]
    assert not picture.getexif()
    # The history keeps path and hash, never the bytes.
    key = f"sha256:{hashlib.sha256(file.read_bytes()).hexdigest()}"
    assert rows(wan)[0]["request"]["image_url"] == key
    with closing(sqlite3.connect(history_of(wan))) as database:
        (kept,) = database.execute("SELECT pictures FROM generations").fetchone()
    assert json.loads(kept) == {key: str(file)}
    assert b"base64" not in history_of(wan).read_bytes()


def test_a_dry_run_shortens_the_picture_data(wan: Wan, api: FakeApi, work: Path) -> None:
    photo(work / "cat.jpg")
    result = wan("generate", "the cat", "--image", "cat.jpg", "--dry-run")
    assert result.code == 0
    assert "data:image/jpeg;base64,… (" in result.out
    assert len(result.out) < 300
    assert api.posts == []
    verbose = wan("generate", "the cat", "--image", "cat.jpg", "--no-wait", "-v")
    assert max(map(len, verbose.err.splitlines())) < 4000


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("cat.jpg", None, "cat.jpg"),
        ("cat.jpg", b"", "cat.jpg"),
        ("cat.jpg", b"%PDF-1.7 not a picture", "PDF"),
        ("cat.jpg", b"GIF89a" + b"\0" * 64, "GIF"),
    ],
)
def test_a_file_that_is_not_a_picture_is_refused_before_paying(
    wan: Wan, api: FakeApi, work: Path, name: str, data: bytes | None, said: str
) -> None:
    if data is not None:
        (work / name).write_bytes(data)
    result = wan("generate", "the cat", "--image", name)
    assert result.code == 2
    assert said in result.err
    assert api.posts == []


def test_a_batch_recognizes_rows_by_the_hash_of_their_picture(
    wan: Wan, api: FakeApi, work: Path
) -> None:
    (work / "in").mkdir()
    photo(work / "in" / "cat.jpg")
    photo(work / "in" / "dog.jpg", colour="blue")
    table = "prompt,image,model\nit wakes up,cat.jpg,2.6-i2v\nit wakes up,dog.jpg,2.6-i2v\n"
    (work / "in" / "rows.csv").write_text(table)
    assert wan("batch", "in/rows.csv", "--yes").code == 0
    assert [sent_picture(api, number).size for number in (0, 1)] == [(64, 48)] * 2
    # Another checkout with another name for the same picture pays for nothing.
    (work / "elsewhere").mkdir()
    photo(work / "elsewhere" / "kitten.jpg")
    photo(work / "elsewhere" / "dog.jpg", colour="blue")
    (work / "elsewhere" / "rows.csv").write_text(table.replace("cat.jpg", "kitten.jpg"))
    assert wan("batch", "elsewhere/rows.csv", "--yes").code == 0
    assert len(api.posts) == 2
    # The same name with another picture is another request.
    photo(work / "elsewhere" / "dog.jpg", colour="green")
    assert wan("batch", "elsewhere/rows.csv", "--yes").code == 0
    assert len(api.posts) == 3


def test_a_wrong_picture_is_reported_with_its_row(wan: Wan, api: FakeApi, work: Path) -> None:
    photo(work / "cat.jpg")
    name = batch_file(
        work,
        {"prompt": "a cat", "model": "2.6-i2v", "image_url": "cat.jpg"},
        {"prompt": "a dog", "model": "2.6-i2v", "image_url": "dog.jpg"},
    )
    result = wan("batch", name, "--yes")
    assert result.code == 2
    assert f"{name}:2: " in result.err
    assert "dog.jpg" in result.err
    assert api.posts == []


def test_references_and_a_first_frame_can_be_files(wan: Wan, api: FakeApi, work: Path) -> None:
    photo(work / "cat.jpg")
    photo(work / "dog.jpg", colour="blue")
    words = ["--reference", "cat.jpg", "--reference", "https://example.com/hat.png"]
    result = wan("generate", "they meet", "--model", "2.7-r2v", "--first-frame", "dog.jpg", *words)
    assert result.code == 0, result.err
    assert sent_picture(api, 0, "first_frame_image").size == (64, 48)
    assert sent_picture(api, 0, "image_urls").size == (64, 48)
    assert api.posts[0].body["image_urls"][1] == "https://example.com/hat.png"
    command = json.loads(wan("show", "@last", "--json").out)["command"]
    assert f"--reference {work}/cat.jpg --reference https://example.com/hat.png" in command


def test_once_with_another_picture_is_another_request(wan: Wan, api: FakeApi, work: Path) -> None:
    photo(work / "cat.jpg")
    words = ["generate", "the cat", "--image", "cat.jpg", "--once", "K"]
    assert wan(*words).code == 0
    assert wan(*words).code == 0
    assert len(api.posts) == 1
    photo(work / "cat.jpg", colour="green")
    assert wan(*words).code == 2
    assert len(api.posts) == 1
