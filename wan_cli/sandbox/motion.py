"""Clips that begin with a given picture, and tiles that show a request's references."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import NamedTuple

import av

from wan_cli.sandbox.still import even, filled, fitted, paste

# The zoom at the beginning and at the end of each shot.
_ZOOMS = ((1.0, 1.5), (1.9, 1.5), (1.25, 1.7))
_CUT_LUMA = 60  # how much brighter or darker the second shot is
_DRIFT_LUMA = -20
_DRIFT_CHROMA = (12, -14)
_LOW, _HIGH = 16, 235
_TILES_A_ROW = 5
_WATERMARK = (220, 128, 128)
_IMAGE_BORDER, _VIDEO_BORDER = (235, 128, 128), (40, 128, 128)


class Drift:
    """A camera moves into a picture while its colours drift. Frame 0 is the picture itself."""

    def __init__(self, still: av.VideoFrame, total: int, shots: int, random: Random) -> None:
        """Take the picture, which has the size of the clip.

        Args:
            still: the picture, as `fitted` returns it.
            total: the number of frames.
            shots: 1 to 3, with a visible cut between two shots.
            random: chooses the point that the camera moves to.
        """
        self._planes = [(bytes(plane), plane.line_size) for plane in still.planes]
        self._width, self._height = still.width, still.height
        self._total, self._shots = total, shots
        self._aims = [(random.uniform(0.2, 0.8), random.uniform(0.2, 0.8)) for _ in range(shots)]
        luma = self._planes[0][0][::97]
        is_dark = sum(luma) < len(luma) * (_LOW + _HIGH) / 2
        self._cut = _CUT_LUMA if is_dark else -_CUT_LUMA

    def frame(self, number: int) -> av.VideoFrame:
        """Return a frame of the clip."""
        shot = number * self._shots // self._total
        first = -(-shot * self._total // self._shots)
        share = (number - first) * self._shots / self._total
        begin, end = _ZOOMS[shot]
        zoom = begin + (end - begin) * share
        width, height = even(self._width / zoom), even(self._height / zoom)
        across, down = self._aims[shot]
        left = int((self._width - width) * across) // 2 * 2
        top = int((self._height - height) * down) // 2 * 2
        part = self._part((left, top, width, height), number, self._cut if shot == 1 else 0)
        return part.reformat(self._width, self._height, interpolation="BILINEAR")

    def _part(self, box: tuple[int, int, int, int], number: int, light: int) -> av.VideoFrame:
        """Return a part of the picture in the colours of a frame."""
        left, top, width, height = box
        drift = number / max(1, self._total - 1)
        shifts = (light + _DRIFT_LUMA * drift, *(part * drift for part in _DRIFT_CHROMA))
        part = av.VideoFrame(width, height, "yuv420p")
        for index, plane in enumerate(part.planes):
            step = 1 if index == 0 else 2
            pixels, line_size = self._planes[index]
            padding = bytes(plane.line_size - width // step)
            pieces: list[bytes] = []
            for row in range(top // step, (top + height) // step):
                begin = row * line_size + left // step
                pieces += (pixels[begin : begin + width // step], padding)
            plane.update(b"".join(pieces).translate(_shifted(round(shifts[index]))))
        return part


class Reference(NamedTuple):
    """A picture or video that a request refers to, besides its first picture."""

    still: av.VideoFrame
    is_video: bool


@dataclass(frozen=True, slots=True)
class Tile:
    """A small picture at a place of the frame; all numbers are even."""

    frame: av.VideoFrame
    left: int
    top: int

    def show(self, target: av.VideoFrame) -> None:
        """Copy the tile into a frame."""
        paste(self.frame, target, self.left, self.top)


def tiles(references: Sequence[Reference], width: int, height: int) -> list[Tile]:
    """Return a tile for each reference: rows of five, upwards from the lower left corner.

    Images have a white border, videos a dark one.
    """
    cell = (even(width / _TILES_A_ROW - 1), even(height / _TILES_A_ROW - 1))
    margin = even(min(width, height) / 60)
    size = (cell[0] - 2 * margin, cell[1] - 2 * margin)
    found = []
    for number, (still, is_video) in enumerate(references):
        row, column = divmod(number, _TILES_A_ROW)
        frame = filled(*size, _VIDEO_BORDER if is_video else _IMAGE_BORDER)
        border = even(margin / 2)
        inner = fitted(still, size[0] - 2 * border, size[1] - 2 * border)
        paste(inner, frame, border, border)
        found.append(
            Tile(frame, column * cell[0] + margin, height - (row + 1) * cell[1] + margin // 2 * 2)
        )
    return found


def watermark(width: int, height: int) -> Tile:
    """Return the watermark, for models with that field: a light bar at the top right."""
    size, margin = (even(width / 8), even(height / 24)), even(min(width, height) / 40)
    return Tile(filled(*size, _WATERMARK), width - size[0] - margin, margin)


def _shifted(shift: int) -> bytes:
    """Return the table that adds a number to each value, within the limits of video."""
    if shift == 0:
        return bytes(range(256))
    return bytes(min(_HIGH, max(_LOW, value + shift)) for value in range(256))
