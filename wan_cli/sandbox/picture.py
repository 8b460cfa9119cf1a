"""Paints the frames: a sky of moving waves, a smiling sun or moon, two rows of hills.

Each frame consists of slices of rows that are painted once for each shot. So plain Python paints a
1080p frame in a few milliseconds and needs no array library.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random

Rgb = tuple[int, int, int]
Span = tuple[int, int]

_SKY, _FAR, _NEAR = range(3)
_SPEEDS = (4, 2, 6)  # of sky and hills, in pixels a frame; even, for the half-size chroma
_WAVE_DEPTH = 16  # how much brighter the crest of a wave is than its trough
# _LEVELS[value + level]: the luma of a wave of that level around a value.
_LEVELS = bytes(min(235, max(16, luma - _WAVE_DEPTH // 2)) for luma in range(512))
_OUTSIDE, _DISC, _FEATURE = range(3)


@dataclass(frozen=True, slots=True)
class Palette:
    """The colours of one shot."""

    sky_top: Rgb
    sky_low: Rgb
    light: Rgb
    far: Rgb
    near: Rgb


# The brightness differs a lot, so that tools that detect cuts find them.
PALETTES = (
    Palette((84, 44, 132), (255, 158, 96), (255, 228, 120), (128, 64, 112), (66, 32, 76)),
    Palette((6, 10, 32), (34, 48, 98), (236, 236, 214), (18, 28, 58), (8, 14, 30)),
    Palette((84, 172, 244), (222, 244, 255), (255, 240, 130), (126, 200, 150), (66, 156, 92)),
)


@dataclass(frozen=True, slots=True)
class _Row:
    """The contents of one row of a plane: a base that fills it, and hills in front of it.

    The pixels are two periods long, so that each offset is a plain slice.
    """

    base: bytes
    layer: int
    phase: int
    hills: Sequence[tuple[int, bytes, Sequence[Span]]]


class Scene:
    """One shot. The same size, palette and random state give the same frames."""

    def __init__(self, width: int, height: int, palette: Palette, random: Random) -> None:
        self._width, self._height = width, height
        colours = _jittered(palette, random)
        self._radius = min(width, height) // 8
        self._phase = random.uniform(0, math.tau)
        sway = [
            round(width / 10 * math.sin(math.tau * y / height * 1.5 + self._phase)) // 2 * 2
            for y in range(height)
        ]
        wave = _wave(width, random.randint(2, 4))
        far = _skyline(width, height * 0.62, height * 0.09, random)
        near = _skyline(width, height * 0.80, height * 0.10, random)
        face = _face(self._radius)
        self._rows: list[list[_Row]] = []
        self._discs: list[list[bytes]] = []
        for plane in range(3):
            step = 1 if plane == 0 else 2
            canvas = _Canvas(plane, wave[::step], colours, height // step)
            hills = [
                _spans([top // step for top in line[::step]], height // step)
                for line in (far, near)
            ]
            self._rows.append(canvas.rows([x // step for x in sway[::step]], hills))
            self._discs.append([canvas.disc_row(row[::step]) for row in face[::step]])

    def plane(self, plane: int, frame: int, stride: int) -> bytes:
        """Return plane 0, 1 or 2 (Y, U, V) of a frame, each row `stride` bytes long."""
        step = 1 if plane == 0 else 2
        width = self._width // step
        scroll = [frame * speed // step % width for speed in _SPEEDS]
        centre, top = (value // step for value in self._sun(frame))
        disc = self._discs[plane]
        padding = bytes(stride - width)
        pieces: list[bytes | bytearray] = []
        for y, row in enumerate(self._rows[plane], start=-top):
            start = (scroll[row.layer] + row.phase) % width
            pixels: bytes | bytearray = row.base[start : start + width]
            if row.layer == _SKY and 0 <= y < len(disc):
                pixels = bytearray(pixels)
                begin = centre - len(disc[y]) // 2
                pixels[begin : begin + len(disc[y])] = disc[y]
            if row.hills:
                pixels = bytearray(pixels)
                _draw(pixels, row, scroll)
            pieces += (pixels, padding)
        return b"".join(pieces)

    def _sun(self, frame: int) -> tuple[int, int]:
        """Return the x of the disc's centre and the y of its top, in even pixels."""
        angle = self._phase + frame / 90
        free = self._width - 2 * self._radius
        centre = self._radius + free * (0.5 + 0.45 * math.sin(angle))
        top = self._height * (0.22 + 0.12 * math.cos(angle * 1.3))
        return round(centre) // 2 * 2, round(top) // 2 * 2


@dataclass(frozen=True, slots=True)
class _Canvas:
    """The colours of one plane, and the rows painted with them."""

    plane: int
    wave: bytes
    colours: Palette
    height: int

    def rows(self, sway: Sequence[int], hills: Sequence[Sequence[Sequence[Span]]]) -> list[_Row]:
        """Return all rows: the sky or the hills that hide it, and the hills in front."""
        return [self._row(y, sway[y], [spans[y] for spans in hills]) for y in range(self.height)]

    def _row(self, y: int, phase: int, spans: Sequence[Sequence[Span]]) -> _Row:
        share = y / self.height
        row = _Row(
            self._pixels(_mix(self.colours.sky_top, self.colours.sky_low, share * 1.4)),
            _SKY,
            phase,
            (),
        )
        for layer, colour in ((_FAR, self.colours.far), (_NEAR, self.colours.near)):
            visible = spans[layer - 1]
            if not visible:
                continue
            pixels = self._pixels(_mix(colour, (0, 0, 0), share * 0.3))
            if visible[0] == (0, len(pixels)):
                row = _Row(pixels, layer, 0, ())
            else:
                row = replace(row, hills=(*row.hills, (layer, pixels, visible)))
        return row

    def disc_row(self, kinds: bytes) -> bytes:
        """Return the chord of the disc in one row; features of the face are darker."""
        table = bytearray(256)
        table[_DISC] = _to_yuv(self.colours.light)[self.plane]
        table[_FEATURE] = _to_yuv(_mix(self.colours.light, (70, 20, 30), 0.8))[self.plane]
        return kinds.strip(bytes([_OUTSIDE])).translate(table)

    def _pixels(self, colour: Rgb) -> bytes:
        # Waves change the brightness rather than the colour, so chroma stays the same.
        value = _to_yuv(colour)[self.plane]
        if self.plane:
            return bytes([value]) * (2 * len(self.wave))
        return self.wave.translate(_LEVELS[value : value + 256]) * 2


def _draw(pixels: bytearray, row: _Row, scroll: Sequence[int]) -> None:
    width = len(pixels)
    for layer, source, spans in row.hills:
        start = scroll[layer]
        for begin, end in spans:
            # In this innermost loop, min() and max() would double the time.
            left = begin if begin > start else start  # noqa: FURB136
            right = end if end < start + width else start + width  # noqa: FURB136
            if left < right:
                pixels[left - start : right - start] = source[left:right]


def _wave(width: int, crests: int) -> bytes:
    """Return one period of brightness levels, 0 to `_WAVE_DEPTH`."""
    return bytes(
        round(_WAVE_DEPTH / 2 * (1 + math.sin(math.tau * crests * x / width))) for x in range(width)
    )


def _skyline(width: int, middle: float, amplitude: float, random: Random) -> list[int]:
    """Return the top of the hills for each column of one period."""
    waves = [
        (random.uniform(0.3, 1.0) / count, count, random.uniform(0, math.tau))
        for count in (1, 2, 3, 5)
    ]
    return [
        round(
            middle
            + amplitude
            * sum(size * math.sin(math.tau * n * x / width + turn) for size, n, turn in waves)
        )
        for x in range(width)
    ]


def _spans(skyline: Sequence[int], height: int) -> list[list[Span]]:
    """Return, for each row, the runs of columns in two periods where the hills reach the row."""
    period = len(skyline)
    edges: list[list[int]] = [[0] if skyline[0] <= y else [] for y in range(height)]
    for x in range(1, 2 * period):
        before, here = skyline[x - 1 if x <= period else x - 1 - period], skyline[x % period]
        for y in range(min(before, here), min(max(before, here), height)):
            edges[y].append(x)
    return [list(zip(row[::2], [*row[1::2], 2 * period], strict=False)) for row in edges]


def _face(radius: int) -> list[bytes]:
    """Return a smiling disc as rows of pixel kinds."""
    return [
        bytes(_face_kind(x / radius, y / radius) for x in range(-radius, radius))
        for y in range(-radius, radius)
    ]


def _face_kind(x: float, y: float) -> int:
    distance = x * x + y * y
    if distance > 0.99:
        return _OUTSIDE
    is_eye = (abs(x) - 0.33) ** 2 + (y + 0.22) ** 2 < 0.012
    is_smile = y > 0.15 and 0.30 < distance < 0.40
    return _FEATURE if is_eye or is_smile else _DISC


def _jittered(palette: Palette, random: Random) -> Palette:
    def near(colour: Rgb) -> Rgb:
        red, green, blue = (min(255, max(0, part + random.randint(-14, 14))) for part in colour)
        return red, green, blue

    return Palette(
        near(palette.sky_top),
        near(palette.sky_low),
        near(palette.light),
        near(palette.far),
        near(palette.near),
    )


def _mix(one: Rgb, other: Rgb, share: float) -> Rgb:
    share = min(1.0, share)
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue


def _to_yuv(colour: Rgb) -> tuple[int, int, int]:
    """Return a colour in limited-range BT.709."""
    red, green, blue = (part / 255 for part in colour)
    luma = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    return (
        round(16 + 219 * luma),
        round(128 + 224 * (blue - luma) / 1.8556),
        round(128 + 224 * (red - luma) / 1.5748),
    )
