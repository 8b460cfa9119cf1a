import hashlib
import itertools
from dataclasses import dataclass
from pathlib import Path

import av
import pytest

from wan_cli.models import DEFAULT_MODEL, MODELS
from wan_cli.sandbox.render import FRAME_SIZES, Film, RenderCancelled, render

SMALL = {"model": "alibaba/wan2.5-t2v-preview", "prompt": "a fox", "duration": 5}
SMALL |= {"resolution": "480p", "aspect_ratio": "1:1", "seed": 7}
CLIP = {"model": DEFAULT_MODEL, "prompt": "a fox", "duration": 5, "resolution": "720p", "seed": 7}


@dataclass(frozen=True)
class Decoded:
    size: tuple[int, int]
    rate: float
    frames: list[bytes]
    differences: list[float]
    codecs: list[str]
    seconds: list[float]


def decode(path: Path) -> Decoded:
    with av.open(str(path)) as container:
        video = container.streams.video[0]
        samples, hashes = [], []
        for frame in container.decode(video):
            luma = bytes(frame.planes[0])
            samples.append(luma[::499])
            hashes.append(hashlib.sha256(b"".join(bytes(p) for p in frame.planes)).digest())
        differences = [
            sum(abs(a - b) for a, b in zip(one, two, strict=True)) / len(one)
            for one, two in itertools.pairwise(samples)
        ]
        return Decoded(
            size=(video.width, video.height),
            rate=float(video.average_rate or 0),
            frames=hashes,
            differences=differences,
            codecs=[stream.codec_context.name for stream in container.streams],
            seconds=[
                float((stream.duration or 0) * (stream.time_base or 0))
                for stream in container.streams
            ],
        )


def rendered(tmp_path: Path, body: dict[str, object]) -> Decoded:
    target = tmp_path / "video.mp4"
    target.unlink(missing_ok=True)
    render(body, target, pictures=tmp_path)
    return decode(target)


def test_a_multi_shot_clip_with_sound_fits_its_request(tmp_path: Path):
    film = rendered(tmp_path, {**CLIP, "shot_type": "multi"})
    assert film.size == (1280, 720)
    assert film.rate == 30
    assert len(film.frames) == 150
    assert film.codecs == ["h264", "aac"]
    assert film.seconds == pytest.approx([5, 5], abs=0.05)
    assert [n for n, change in enumerate(film.differences) if change > 15] == [49, 99]
    assert all(change > 0 for change in film.differences)


def test_a_single_shot_has_no_cuts_and_silence_has_no_track(tmp_path: Path):
    film = rendered(tmp_path, {**CLIP, "generate_audio": False})
    assert film.codecs == ["h264"]
    assert max(film.differences) < 10
    assert len(set(film.frames)) == 150


def test_the_same_seed_gives_the_same_frames_and_another_seed_others(tmp_path: Path):
    first = rendered(tmp_path, SMALL)
    assert first.size == (624, 624)
    assert rendered(tmp_path, SMALL).frames == first.frames
    assert not set(rendered(tmp_path, {**SMALL, "seed": 8}).frames) & set(first.frames)
    assert Film.of({**SMALL, "prompt": "an owl"}).random_key != Film.of(SMALL).random_key


@pytest.mark.parametrize(
    ("fields", "has_audio", "shots"),
    [
        ({}, True, 1),
        ({"generate_audio": False}, False, 1),
        ({"generate_audio": False, "audio_url": "https://example.com/a.mp3"}, True, 1),
        ({"shot_type": "multi"}, True, 3),
        ({"shot_type": "multi", "enhance_prompt": False}, True, 1),
    ],
)
def test_a_film_follows_the_fields_that_have_effect(
    fields: dict[str, object], has_audio: bool, shots: int
):
    film = Film.of({"model": DEFAULT_MODEL, "prompt": "a fox", **fields})
    assert (film.width, film.height, film.seconds) == (1920, 1080, 10)
    assert (film.has_audio, film.shots) == (has_audio, shots)


def test_every_resolution_and_ratio_of_every_model_has_a_frame_size():
    for schema in MODELS.values():
        resolutions, ratios = (schema.field(name) for name in ("resolution", "aspect_ratio"))
        assert resolutions is not None
        for resolution in resolutions.choices:
            for ratio in ratios.choices if ratios else ("16:9",):
                assert (resolution, ratio) in FRAME_SIZES


def test_a_cancelled_render_leaves_no_file(tmp_path: Path):
    with pytest.raises(RenderCancelled):
        render(CLIP, tmp_path / "video.mp4", pictures=tmp_path, is_cancelled=lambda: True)
    assert list(tmp_path.iterdir()) == []
