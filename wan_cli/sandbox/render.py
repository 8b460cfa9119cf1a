"""Renders a request to a real mp4 file: H.264, and AAC if the request asks for sound."""

import array
import hashlib
import json
import math
import os
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Self

import av
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.video.stream import VideoStream

from wan_cli.sandbox.motion import Drift, Reference, tiles, watermark
from wan_cli.sandbox.picture import PALETTES, Scene
from wan_cli.sandbox.schemas import completed
from wan_cli.sandbox.still import even, fitted, still_of

FRAMES_PER_SECOND = 30
SAMPLES_PER_SECOND = 48_000
# Frame sizes of the models, by resolution and aspect ratio.
FRAME_SIZES: Mapping[tuple[str, str], tuple[int, int]] = {
    ("480p", "16:9"): (832, 480),
    ("480p", "9:16"): (480, 832),
    ("480p", "1:1"): (624, 624),
    ("720p", "16:9"): (1280, 720),
    ("720p", "9:16"): (720, 1280),
    ("720p", "1:1"): (960, 960),
    ("720p", "4:3"): (1088, 832),
    ("720p", "3:4"): (832, 1088),
    ("1080p", "16:9"): (1920, 1080),
    ("1080p", "9:16"): (1080, 1920),
    ("1080p", "1:1"): (1440, 1440),
    ("1080p", "4:3"): (1632, 1248),
    ("1080p", "3:4"): (1248, 1632),
}
# A wider or taller picture gets black bars.
_SHAPE_MAX = 3.0
# Without these settings, players guess the colour space from the frame size.
_COLOURS = "colorprim=bt709:transfer=bt709:colormatrix=bt709:range=tv"
# A fixed number, so that a machine with more cores encodes the same frames.
_ENCODER_THREADS = 4
_NOTES_A_SECOND = 2
_SEMITONES = (0, 4, 7, 9)  # any order of these sounds well


class RenderCancelled(Exception):
    """The server stopped before the video was complete; no file is left on disk."""


@dataclass(frozen=True, slots=True)
class Film:
    """The properties of the file that a request asks for."""

    width: int
    height: int
    seconds: int
    shots: int
    has_audio: bool
    has_watermark: bool
    random_key: str

    @classmethod
    def of(cls, body: Mapping[str, object], picture: tuple[int, int] | None = None) -> Self:
        """Return the film of a valid body; missing fields get the model's defaults.

        Args:
            body: the request.
            picture: width and height of the picture that the film begins with.
        """
        values = completed(body)
        width, height = _frame_size(values, picture)
        # Prompt enhancement plans the shots.
        is_multi = values.get("shot_type") == "multi" and values.get("enhance_prompt") is not False
        names = ["model", "prompt", "negative_prompt", "seed"]
        names += [name for name in ("style", "strength", "tags") if name in body]
        return cls(
            width=width,
            height=height,
            seconds=int(str(values["duration" if "duration" in values else "seconds"])),
            shots=3 if is_multi else 1,
            has_audio=bool(values.get("audio_url")) or values.get("generate_audio") is not False,
            has_watermark=values.get("watermark") is True,
            random_key=json.dumps([body.get(name) for name in names]),
        )


@dataclass(frozen=True, slots=True)
class _Media:
    """The pictures of a request: the first frame, and the references to show as tiles."""

    first: av.VideoFrame | None
    references: Sequence[Reference]

    @classmethod
    def of(cls, body: Mapping[str, object], pictures: Path, videos: Path) -> Self:
        first = body.get("image_url") or body.get("first_frame_image")
        values = [
            (str(value), name == "video_urls")
            for name in ("image_urls", "video_urls")
            for value in _items(body.get(name))
        ]
        return cls(
            still_of(str(first), pictures, videos) if first else None,
            [Reference(still_of(value, pictures, videos), video) for value, video in values],
        )


def render(
    body: Mapping[str, object],
    target: Path,
    *,
    pictures: Path,
    is_cancelled: Callable[[], bool] = lambda: False,
) -> None:
    """Render a valid body to an mp4 file, which appears only when it is complete.

    The same body gives the same frames. `pictures` is the folder of the saved pictures.

    Raises:
        RenderCancelled: `is_cancelled`, called before each frame, returned True.
        OSError: the file could not be written.
    """
    part = target.with_name(f".{target.stem}.{os.getpid()}.{secrets.token_hex(4)}.part")
    media = _Media.of(body, pictures, target.parent)
    film = Film.of(body, (media.first.width, media.first.height) if media.first else None)
    try:
        with av.open(str(part), "w", format="mp4", options={"movflags": "faststart"}) as container:
            _encode(container, film, media, is_cancelled)
        if not target.exists():  # Another process may have been quicker: keep its ETag valid.
            part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def _encode(
    container: OutputContainer, film: Film, media: _Media, is_cancelled: Callable[[], bool]
) -> None:
    seed = hashlib.sha256(film.random_key.encode()).digest()
    video = _video_stream(container, film)
    audio = _audio_stream(container) if film.has_audio else None
    melody = _melody(Random(seed)) if film.has_audio else []  # noqa: S311 - music
    frames_a_note = FRAMES_PER_SECOND // _NOTES_A_SECOND
    for number, frame in enumerate(_frames(film, media, Random(seed))):  # noqa: S311 - pictures
        if is_cancelled():
            raise RenderCancelled
        frame.pts = number
        container.mux(video.encode(frame))
        if audio is not None and number % frames_a_note == 0:
            beat = number // frames_a_note
            container.mux(audio.encode(_audio_frame(melody[beat % len(melody)], beat)))
    container.mux(video.encode(None))
    if audio is not None:
        container.mux(audio.encode(None))


def _frames(film: Film, media: _Media, random: Random) -> Iterator[av.VideoFrame]:
    """Yield the frames; a given picture is the first frame, and tiles appear later."""
    total = film.seconds * FRAMES_PER_SECOND
    tiled = tiles(media.references, film.width, film.height)
    if film.has_watermark:
        tiled.append(watermark(film.width, film.height))
    if media.first is None:
        frames, tiles_from = _scenes(film, total, random), 0
    else:
        still = fitted(media.first, film.width, film.height)
        drift = Drift(still, total, film.shots, random)
        frames, tiles_from = map(drift.frame, range(total)), FRAMES_PER_SECOND // 2
    for number, frame in enumerate(frames):
        for tile in tiled if number >= tiles_from else ():
            tile.show(frame)
        yield frame


def _scenes(film: Film, total: int, random: Random) -> Iterator[av.VideoFrame]:
    """Yield the frames of a film without a first picture."""
    first_palette = random.randrange(len(PALETTES))
    for shot in range(film.shots):
        palette = PALETTES[(first_palette + shot) % len(PALETTES)]
        scene = Scene(film.width, film.height, palette, random)
        for number in range(-(-shot * total // film.shots), -(-(shot + 1) * total // film.shots)):
            yield _video_frame(scene, film, number)


def _video_stream(container: OutputContainer, film: Film) -> VideoStream:
    stream = container.add_stream(
        "libx264",
        rate=FRAMES_PER_SECOND,
        options={"preset": "ultrafast", "crf": "21", "g": "60", "x264-params": _COLOURS},
    )
    stream.width, stream.height, stream.pix_fmt = film.width, film.height, "yuv420p"
    stream.codec_context.thread_count = _ENCODER_THREADS
    return stream


def _audio_stream(container: OutputContainer) -> AudioStream:
    return container.add_stream(
        "aac", rate=SAMPLES_PER_SECOND, layout="stereo", options={"aac_coder": "fast"}
    )


def _video_frame(scene: Scene, film: Film, number: int) -> av.VideoFrame:
    frame = av.VideoFrame(film.width, film.height, "yuv420p")
    for index, plane in enumerate(frame.planes):
        plane.update(scene.plane(index, number, plane.line_size))
    return frame


def _audio_frame(note: bytes, beat: int) -> av.AudioFrame:
    samples = SAMPLES_PER_SECOND // _NOTES_A_SECOND
    frame = av.AudioFrame("fltp", "stereo", samples)
    for plane in frame.planes:
        plane.update(note)
    frame.sample_rate = SAMPLES_PER_SECOND
    frame.pts = beat * samples
    return frame


def _melody(random: Random) -> list[bytes]:
    """Return a tune of eight notes, each as 32-bit float samples that fade."""
    samples = SAMPLES_PER_SECOND // _NOTES_A_SECOND
    base = random.choice((220.0, 246.94, 261.63))
    sounds = {}
    for step in _SEMITONES:
        turn = math.tau * base * 2 ** (step / 12) / SAMPLES_PER_SECOND
        sounds[step] = array.array(
            "f",
            (
                0.3 * math.sin(turn * n) * (1 - n / samples) ** 2 * min(1, n / 400)
                for n in range(samples)
            ),
        ).tobytes()
    return [sounds[random.choice(_SEMITONES)] for _ in range(8)]


def _frame_size(values: Mapping[str, object], picture: tuple[int, int] | None) -> tuple[int, int]:
    """Return the size of a film; a model without `aspect_ratio` takes the picture's shape."""
    resolution = str(values["resolution"])
    width, height = FRAME_SIZES[resolution, str(values.get("aspect_ratio", "16:9"))]
    if picture is None or "aspect_ratio" in values:
        return width, height
    shape = min(_SHAPE_MAX, max(1 / _SHAPE_MAX, picture[0] / picture[1]))
    across = math.sqrt(width * height * shape)
    return even(across), even(across / shape)


def _items(value: object) -> Sequence[object]:
    return value if isinstance(value, list) else ()
