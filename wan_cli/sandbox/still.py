"""The pictures of a request as frames: decoded, or made from a URL, and fitted to a size."""

import hashlib
import re
from pathlib import Path
from random import Random
from urllib.parse import urlsplit

import av
from av.video.codeccontext import VideoCodecContext

from wan_cli.sandbox.pictures import kept_data

# Refuse larger pictures: they may be decompression bombs.
_PIXELS_MAX = 100_000_000
_CODECS = {"image/png": "png", "image/jpeg": "mjpeg", "image/webp": "webp"}
_FILLS_FROM = 0.95
_PLACEHOLDER_SIZE = (1280, 720)
_PLACEHOLDER_CELLS = (16, 9)
_OWN_VIDEO = re.compile(r"/cdn/generations/([A-Za-z0-9_-]{21})\.mp4")
_OWN_HOSTS = ("127.0.0.1", "localhost", "::1")
BLACK = (16, 128, 128)


def media_type(data: bytes) -> str | None:
    """Return the media type of a picture by its first bytes, or None if it is not a picture."""
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    return "image/webp" if data[:4] == b"RIFF" and data[8:12] == b"WEBP" else None


def decode(data: bytes) -> av.VideoFrame | None:
    """Return a picture as an RGB frame, or None if it cannot be decoded."""
    kind = media_type(data)
    if kind is None:
        return None
    codec = av.CodecContext.create(_CODECS[kind], "r")
    assert isinstance(codec, VideoCodecContext)
    codec.options = {"max_pixels": str(_PIXELS_MAX)}
    try:
        frames = codec.decode(av.Packet(data)) or codec.decode(None)
    except (av.FFmpegError, MemoryError):
        return None
    return frames[0].reformat(format="rgb24") if frames else None


def still_of(value: str, pictures: Path, videos: Path) -> av.VideoFrame:
    """Return the frame for a value of a request.

    It is the saved picture, the first frame of a video of this sandbox, or a placeholder.

    Args:
        value: the reference of a saved picture, or a URL; the sandbox fetches no URL.
        pictures: the folder of the saved pictures.
        videos: the folder of this sandbox's videos.
    """
    data = kept_data(pictures, value)
    found = decode(data) if data else _own_frame(value, videos)
    return found or _placeholder(value)


def url_colour(url: str) -> tuple[int, int, int]:
    """Return the red, green and blue of a URL's placeholder."""
    red, green, blue = (64 + part // 2 for part in hashlib.sha256(url.encode()).digest()[:3])
    return red, green, blue


def fitted(frame: av.VideoFrame, width: int, height: int) -> av.VideoFrame:
    """Return a picture as a frame for the encoder: whole and centred, with black bars beside it.

    A picture of almost the same shape fills the frame, since the models' 16:9 is 26:15 at 480p.
    """
    scale = min(width / frame.width, height / frame.height)
    wide, high = even(frame.width * scale), even(frame.height * scale)
    inner = (
        width if wide > width * _FILLS_FROM else wide,
        height if high > height * _FILLS_FROM else high,
    )
    picture = frame.reformat(
        *inner,
        format="yuv420p",
        dst_colorspace="ITU709",
        dst_color_range="MPEG",
        interpolation="BICUBIC",
    )
    if inner == (width, height):
        return picture
    target = filled(width, height, BLACK)
    paste(picture, target, (width - inner[0]) // 4 * 2, (height - inner[1]) // 4 * 2)
    return target


def filled(width: int, height: int, colour: tuple[int, int, int]) -> av.VideoFrame:
    """Return a frame of one colour (Y, U, V)."""
    frame = av.VideoFrame(width, height, "yuv420p")
    for plane, value in zip(frame.planes, colour, strict=True):
        plane.update(bytes([value]) * plane.buffer_size)
    return frame


def paste(picture: av.VideoFrame, target: av.VideoFrame, left: int, top: int) -> None:
    """Copy a frame into a larger one; all numbers are even."""
    for index, (source, plane) in enumerate(zip(picture.planes, target.planes, strict=True)):
        step = 1 if index == 0 else 2
        pixels, view = bytes(source), memoryview(plane)
        width = picture.width // step
        for row in range(picture.height // step):
            begin = (top // step + row) * plane.line_size + left // step
            view[begin : begin + width] = pixels[row * source.line_size :][:width]


def even(number: float) -> int:
    """Return the nearest even number, 2 or more."""
    return max(2, round(number / 2) * 2)


def _own_frame(url: str, videos: Path) -> av.VideoFrame | None:
    """Return the first frame of a video of this sandbox, by its URL, or None."""
    parts = urlsplit(url)
    match = _OWN_VIDEO.fullmatch(parts.path)
    path = videos / f"{match[1]}.mp4" if match else None
    if path is None or parts.hostname not in _OWN_HOSTS or not path.exists():
        return None
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0))
    # PyAV 14 ignores the first colour space unless the second one differs.
    return frame.reformat(format="rgb24", src_colorspace="ITU709", dst_colorspace="ITU601")


def _placeholder(url: str) -> av.VideoFrame:
    """Return a symmetric pattern in a URL's colour; the same URL always gives the same pattern."""
    random = Random(hashlib.sha256(url.encode()).digest())  # noqa: S311 - pictures
    colour = bytes(url_colour(url))
    dark = bytes(part // 2 for part in colour)
    columns, rows = _PLACEHOLDER_CELLS
    frame = av.VideoFrame(columns, rows, "rgb24")
    plane = frame.planes[0]
    pixels = bytearray(plane.buffer_size)
    for row in range(rows):
        half = [dark if random.random() < 0.25 else colour for _ in range(columns // 2)]
        line = b"".join([*half, *reversed(half)])
        pixels[row * plane.line_size : row * plane.line_size + len(line)] = line
    plane.update(bytes(pixels))
    return frame.reformat(*_PLACEHOLDER_SIZE, interpolation="POINT")
