"""Pictures to send, and functions that compare pictures, in plain Python."""

import base64
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from random import Random

import av
from av.video.codeccontext import VideoCodecContext

_PIXELS = {"png": "rgb24", "mjpeg": "yuvj420p", "libwebp": "yuv420p"}
_TYPES = {"png": "png", "mjpeg": "jpeg", "libwebp": "webp"}
Box = tuple[float, float, float, float]


def drawing(width: int, height: int) -> av.VideoFrame:
    """A red disc on coloured checks, whose parts all look different."""

    def pixel(x: int, y: int) -> bytes:
        if (x - width * 0.3) ** 2 + (y - height * 0.5) ** 2 < (height * 0.25) ** 2:
            return bytes((230, 60, 40))
        check = (x // 12 + y // 12) % 2 * 60
        return bytes((x * 255 // width, 120 + check, y * 255 // height))

    return _frame(
        width, height, (b"".join(pixel(x, y) for x in range(width)) for y in range(height))
    )


def noise(width: int, height: int) -> av.VideoFrame:
    """A picture that no codec can compress well."""
    random = Random(1)
    return _frame(width, height, (random.randbytes(3 * width) for _ in range(height)))


def encoded(frame: av.VideoFrame, codec: str = "png") -> bytes:
    encoder = av.CodecContext.create(codec, "w")
    assert isinstance(encoder, VideoCodecContext)
    encoder.width, encoder.height, encoder.time_base = frame.width, frame.height, Fraction(1)
    encoder.pix_fmt = _PIXELS[codec]
    packets = encoder.encode(frame.reformat(format=_PIXELS[codec])) + encoder.encode(None)
    return b"".join(bytes(packet) for packet in packets)


def data_uri(data: bytes, codec: str = "png") -> str:
    return f"data:image/{_TYPES[codec]};base64,{base64.b64encode(data).decode()}"


def frames_of(content: bytes, folder: Path) -> list[av.VideoFrame]:
    path = folder / "clip.mp4"
    path.write_bytes(content)
    with av.open(str(path)) as container:
        return list(container.decode(video=0))


def pixels(frame: av.VideoFrame, width: int, height: int) -> list[bytes]:
    """Return the rows of a frame as RGB, scaled."""
    # PyAV 14 ignores the first colour space unless the second one differs.
    colours = ("ITU709" if frame.format.name == "yuv420p" else "DEFAULT", "ITU601")
    scaled = frame.reformat(width, height, "rgb24", *colours)
    plane = scaled.planes[0]
    data = bytes(plane)
    return [data[y * plane.line_size :][: 3 * width] for y in range(height)]


def part(rows: list[bytes], box: Box) -> list[bytes]:
    """Return a part of the rows; the box is left, top, width and height as shares of the whole."""
    across, down = len(rows[0]) // 3, len(rows)
    left, width = round(box[0] * across), round(box[2] * across)
    top, height = round(box[1] * down), round(box[3] * down)
    return [row[3 * left : 3 * (left + width)] for row in rows[top : top + height]]


def difference(one: list[bytes], other: list[bytes]) -> float:
    """Return the mean difference of two pictures of the same size: 0 to 255."""
    pairs = zip(b"".join(one), b"".join(other), strict=True)
    return sum(abs(a - b) for a, b in pairs) / len(b"".join(one))


def ssim(one: list[bytes], other: list[bytes]) -> float:
    """Return the structural similarity of two pictures of one size, in grey, in 8-pixel windows."""
    found = [_window(a, b) for a, b in zip(_windows(one), _windows(other), strict=True)]
    return sum(found) / len(found)


def _window(one: list[float], other: list[float]) -> float:
    count = len(one)
    mean_1, mean_2 = sum(one) / count, sum(other) / count
    var_1 = sum((a - mean_1) ** 2 for a in one) / count
    var_2 = sum((b - mean_2) ** 2 for b in other) / count
    both = sum((a - mean_1) * (b - mean_2) for a, b in zip(one, other, strict=True)) / count
    c_1, c_2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    return ((2 * mean_1 * mean_2 + c_1) * (2 * both + c_2)) / (
        (mean_1**2 + mean_2**2 + c_1) * (var_1 + var_2 + c_2)
    )


def _windows(rows: list[bytes]) -> Iterator[list[float]]:
    grey = [
        [0.299 * r + 0.587 * g + 0.114 * b for r, g, b in zip(*[iter(row)] * 3, strict=True)]
        for row in rows
    ]
    for y in range(0, len(grey) - 7, 8):
        for x in range(0, len(grey[0]) - 7, 8):
            yield [value for row in grey[y : y + 8] for value in row[x : x + 8]]


def _frame(width: int, height: int, rows: Iterator[bytes]) -> av.VideoFrame:
    frame = av.VideoFrame(width, height, "rgb24")
    plane = frame.planes[0]
    plane.update(b"".join(row + bytes(plane.line_size - len(row)) for row in rows))
    return frame
