"""Draw docs/frames.jpg: a picture, and the frames of the sandbox's clips that begin with it.

python docs/frames.py     (`make screens`)
"""
# ruff: noqa: INP001  A script.

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import av
from PIL import Image, ImageDraw

FOLDER = Path(__file__).parent
SIZE, TILE = (640, 480), (280, 210)
GAP = 8
LABELS = ("cat.jpg", "first frame", "last frame", "references as tiles")


def picture() -> Image.Image:
    """Return the face of a cat."""
    cat = Image.new("RGB", SIZE, "#7fb7d8")
    draw = ImageDraw.Draw(cat)
    draw.rectangle((0, 380, 640, 480), fill="#5d8a4e")
    draw.polygon([(210, 190), (240, 60), (310, 160)], fill="#e08a3c")
    draw.polygon([(330, 160), (400, 60), (430, 190)], fill="#e08a3c")
    draw.ellipse((190, 120, 450, 380), fill="#e08a3c")
    for x in (265, 375):
        draw.ellipse((x - 28, 205, x + 28, 261), fill="white")
        draw.ellipse((x - 10, 213, x + 10, 253), fill="#203020")
    draw.polygon([(305, 285), (335, 285), (320, 303)], fill="#a04050")
    draw.arc((285, 290, 320, 325), 10, 150, fill="#402010", width=4)
    draw.arc((320, 290, 355, 325), 30, 170, fill="#402010", width=4)
    return cat


def frames(folder: Path, *words: str) -> tuple[Image.Image, Image.Image]:
    """Return the first and the last frame of a clip of the sandbox."""
    video = folder / "clip.mp4"
    command = [sys.executable, "-m", "wan_cli", "generate", *words, "--sandbox", "-q", "--force"]
    size = ["--resolution", "720p", "--duration", "5", "-o", str(video)]
    env = os.environ | {"WAN_HOME": str(folder / "home")}
    subprocess.run(  # noqa: S603  Its own command.
        [*command, *size], check=True, cwd=folder, env=env, stdout=subprocess.DEVNULL
    )
    with av.open(str(video)) as container:
        every = list(container.decode(video=0))
    return every[0].to_image(), every[-1].to_image()


def main() -> None:
    """Write the picture."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        cat = picture()
        cat.save(folder / "cat.jpg", quality=95)
        first, last = frames(folder, "the cat wakes up", "--image", "cat.jpg")
        words = ["--model", "2.7-r2v", "--reference", "cat.jpg"]
        _, tiles = frames(folder, "the cat on a beach", *words)
    sheet = Image.new("RGB", (2 * TILE[0] + 3 * GAP, 2 * (TILE[1] + 18) + 3 * GAP), "white")
    draw = ImageDraw.Draw(sheet)
    for number, (label, image) in enumerate(zip(LABELS, (cat, first, last, tiles), strict=True)):
        x = GAP + number % 2 * (TILE[0] + GAP)
        y = GAP + number // 2 * (TILE[1] + 18 + GAP)
        fitted = image.copy()
        fitted.thumbnail(TILE)
        sheet.paste(fitted, (x, y))
        draw.text((x, y + TILE[1] + 3), label, fill="black")
    sheet.save(FOLDER / "frames.jpg", quality=85, optimize=True)


if __name__ == "__main__":
    main()
