"""Each model of the family, from its submission to the frames of its video."""

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import av
import pytest

from tests.sandbox.conftest import Api, serving
from tests.sandbox.pictures import (
    Box,
    data_uri,
    difference,
    drawing,
    encoded,
    frames_of,
    noise,
    part,
    pixels,
    ssim,
)
from wan_cli.models import MODELS
from wan_cli.sandbox.schemas import NEW_MODEL
from wan_cli.sandbox.still import url_colour

URL = "https://example.com/cat.png"
CLIP = {"prompt": "a cat", "resolution": "720p", "duration": 5}
PREVIEW = {**CLIP, "resolution": "480p"}
WHOLE: Box = (0, 0, 1, 1)
# A tile is a fifth of the frame; the tall picture is in the middle of the first tile.
TALL_TILE: Box = (84 / 1280, 594 / 720, 86 / 1280, 108 / 720)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("family") / "sandbox"


@pytest.fixture(scope="module")
def api(folder: Path) -> Iterator[Api]:
    """One sandbox for all: these tests do not look at each other's generations."""
    with serving(folder) as client:
        yield client


@pytest.fixture(scope="module")
def tall() -> av.VideoFrame:
    return drawing(200, 250)


@pytest.fixture(scope="module")
def wide() -> av.VideoFrame:
    return drawing(320, 160)


def clip(api: Api, body: dict[str, object], folder: Path) -> list[av.VideoFrame]:
    reply = api.post_body(body)
    assert reply.status_code == 200, reply.text
    url = api.finished(reply.json()["id"])["video"]["url"]
    return frames_of(api.get(url, {}).content, folder)


def begins_with(frames: list[av.VideoFrame], picture: av.VideoFrame, box: Box = WHOLE) -> None:
    """Assert that a part of the first frame is the picture, and that the last one differs."""
    size = (320, round(320 * frames[0].height / frames[0].width))
    first, last = (part(pixels(frame, *size), box) for frame in (frames[0], frames[-1]))
    wanted = pixels(picture, len(first[0]) // 3, len(first))
    assert ssim(first, wanted) >= 0.9
    assert difference(first, wanted) < 8
    assert ssim(last, wanted) < 0.6
    assert difference(last, wanted) > 20


@pytest.mark.parametrize("model", ["alibaba/wan-2-6-i2v", "alibaba/wan-2-7-i2v"])
def test_a_clip_begins_with_its_picture_and_has_its_shape(
    api: Api, tmp_path: Path, tall: av.VideoFrame, model: str
):
    frames = clip(api, {**CLIP, "model": model, "image_url": data_uri(encoded(tall))}, tmp_path)
    assert (frames[0].width, frames[0].height, len(frames)) == (858, 1074, 150)
    begins_with(frames, tall)


def test_a_multi_shot_clip_of_a_picture_has_visible_cuts(
    api: Api, tmp_path: Path, tall: av.VideoFrame
):
    body = {**CLIP, "model": "alibaba/wan-2-6-image-to-video-flash", "shot_type": "multi"}
    frames = clip(api, {**body, "image_url": data_uri(encoded(tall))}, tmp_path)
    small = [pixels(frame, 16, 20) for frame in frames]
    changes = [difference(one, other) for one, other in pairwise(small)]
    assert [n for n, change in enumerate(changes) if change > 15] == [49, 99]
    assert sorted(changes)[-3] < 8


def test_a_picture_of_another_shape_gets_bars(api: Api, tmp_path: Path, tall: av.VideoFrame):
    picture = data_uri(encoded(tall, "mjpeg"), "mjpeg")
    body = {**PREVIEW, "model": "alibaba/wan2.5-i2v-preview", "image_url": picture, "seed": 7}
    frames = clip(api, body, tmp_path)
    assert (frames[0].width, frames[0].height) == (832, 480)
    share = 384 / 832
    begins_with(frames, tall, ((1 - share) / 2, 0, share, 1))
    again = clip(api, body, tmp_path)
    assert [bytes(f.planes[0]) for f in again] == [bytes(f.planes[0]) for f in frames]


def test_references_appear_as_tiles_after_the_first_picture(
    api: Api, tmp_path: Path, tall: av.VideoFrame, wide: av.VideoFrame
):
    body = {
        **CLIP,
        "model": "alibaba/wan-2-7-r2v",
        "first_frame_image": data_uri(encoded(wide, "libwebp"), "libwebp"),
        "image_urls": [data_uri(encoded(tall)), URL],
        "video_urls": [URL + ".mp4"],
        "watermark": True,
    }
    frames = clip(api, body, tmp_path)
    assert (frames[0].width, frames[0].height) == (1280, 720)
    begins_with(frames, wide, (0, 1 / 18, 1, 8 / 9))
    rows = pixels(frames[-1], 1280, 720)
    first = part(rows, TALL_TILE)
    assert ssim(first, pixels(tall, len(first[0]) // 3, len(first))) >= 0.8
    assert _tile_colour(rows, 1) == pytest.approx(url_colour(URL), abs=12)
    assert _tile_colour(rows, 2) == pytest.approx(url_colour(URL + ".mp4"), abs=12)
    mark = part(rows, (1110 / 1280, 22 / 720, 140 / 1280, 20 / 720))
    assert min(b"".join(mark)) > 220


def test_a_video_of_this_sandbox_appears_as_a_tile_of_its_first_frame(
    api: Api, tmp_path: Path, tall: av.VideoFrame
):
    small = {**PREVIEW, "model": NEW_MODEL, "seconds": 4, "style": "ink", "strength": 1, "tags": []}
    del small["duration"]
    reply = api.post_body({**small, "image_url": data_uri(encoded(tall))})
    own = api.finished(reply.json()["id"])["video"]["url"]
    begun = frames_of(api.get(own, {}).content, tmp_path)
    assert (begun[0].width, begun[0].height, len(begun)) == (566, 706, 120)
    begins_with(begun, tall)

    body = {**CLIP, "model": "alibaba/wan-2-6-r2v", "video_urls": [own, URL]}
    frames = clip(api, body, tmp_path)
    assert len(frames) == 150
    rows = pixels(frames[0], 1280, 720)
    first = part(rows, TALL_TILE)
    assert ssim(first, pixels(tall, len(first[0]) // 3, len(first))) >= 0.8
    assert _tile_colour(rows, 1) == pytest.approx(url_colour(URL), abs=12)


def test_the_sandbox_paints_a_picture_for_a_url_instead_of_fetching_it(api: Api, tmp_path: Path):
    body = {**PREVIEW, "model": NEW_MODEL, "image_url": URL}
    del body["duration"]
    frames = clip(api, body, tmp_path)
    assert (frames[0].width, frames[0].height) == (842, 474)
    colours = [row[n : n + 3] for row in pixels(frames[0], 32, 18) for n in range(0, 96, 3)]
    near = [c for c in colours if tuple(c) == pytest.approx(url_colour(URL), abs=12)]
    assert len(near) > len(colours) / 2


def test_wan_2_7_replies_with_usd_and_unsigned_urls(api: Api, tmp_path: Path):
    reply = api.post_body({**CLIP, "model": "alibaba/wan-2-7-t2v", "prompt": "[expired-url] fox"})
    usage = {"credits_used": 1_250_000, "usd_spent": 0.625}
    assert reply.json()["meta"] == {"usage": usage}
    expired = api.finished(reply.json()["id"])
    assert expired["meta"] == {"usage": usage}
    assert api.get(expired["video"]["url"], {}).status_code == 403
    reply = api.post_body({**CLIP, "model": "alibaba/wan-2-7-t2v"})
    url = api.finished(reply.json()["id"])["video"]["url"]
    assert url.endswith(f"/cdn/generations/{reply.json()['id']}.mp4")
    frames = frames_of(api.get(url, {}).content, tmp_path)
    assert (frames[0].width, frames[0].height, len(frames)) == (1280, 720, 150)


def test_each_model_accepts_its_smallest_request(api: Api):
    extra: dict[str, object] = {"image_url": URL, "video_urls": [URL]}
    for model in (*MODELS, NEW_MODEL):
        needed = MODELS[model].required if model in MODELS else ()
        body = {"model": model, "prompt": "[error]", **{name: extra[name] for name in needed}}
        assert api.post_body(body).status_code == 200, model


def test_a_picture_is_kept_once_as_a_file_and_never_in_a_row(api: Api, folder: Path):
    data = encoded(noise(700, 700))
    body = {**CLIP, "model": "alibaba/wan-2-6-i2v", "prompt": "[error]"}
    before = len(api.ledger())
    for _ in range(2):
        assert api.post_body({**body, "image_url": data_uri(data)}).status_code == 200
    assert api.post_body({**body, "image_url": data_uri(data), "seed": "x"}).status_code == 400
    assert [path.read_bytes() == data for path in (folder / "pictures").iterdir()].count(True) == 1
    assert sum(path.stat().st_size for path in folder.glob("sandbox.sqlite3*")) < len(data)
    noted = [post["body"]["image_url"] for post in api.ledger()[before:]]
    assert len(set(noted)) == 1
    assert noted[0].startswith("data:image/png;sha256,")


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("data:image/png;base64,???", "an image/png picture, received data that is not base64"),
        ("data:image/png;base64,AAAA", "an image/png picture, received other data"),
        ("data:image/jpeg;base64,iVBORw0KGgo=", "an image/jpeg picture, received image/png data"),
        ("data:image/png;base64,iVBORw0KGgo=", "received 8 bytes that cannot be decoded"),
    ],
)
def test_data_that_is_not_a_picture_is_refused(api: Api, uri: str, words: str):
    reply = api.post_body({**CLIP, "model": "alibaba/wan-2-7-r2v", "image_urls": [URL, uri]})
    assert reply.status_code == 400
    assert reply.json()["message"].startswith("image_urls[1]: expected an image/")
    assert words in reply.json()["message"]


def _tile_colour(rows: list[bytes], number: int) -> tuple[int, ...]:
    """Return the most frequent colour of a tile, without its pattern."""
    inside = part(rows, ((number * 256 + 24) / 1280, 600 / 720, 208 / 1280, 96 / 720))
    found = [row[n : n + 3] for row in inside for n in range(0, len(row), 3)]
    return tuple(Counter(found).most_common(1)[0][0])
