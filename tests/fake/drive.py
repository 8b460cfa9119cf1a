"""A real exFAT drive: an image on a loop device, if this machine can mount one."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

IMAGE_BYTES = 48 * 2**20


class NoDrive(Exception):
    """This machine cannot mount an exFAT drive; the message says why."""


@contextmanager
def exfat(folder: Path) -> Iterator[Path]:
    """Mount an empty exFAT drive below a folder while the block runs.

    Raises:
        NoDrive: this machine cannot.
    """
    if os.geteuid() != 0:
        raise NoDrive("only root can mount a drive")
    for program, package in (("mkfs.exfat", "exfatprogs"), ("losetup", "mount")):
        if shutil.which(program) is None:
            raise NoDrive(f"{program} is not installed (Debian: {package})")
    image, place = folder / "drive.img", folder / "drive"
    place.mkdir()
    with image.open("wb") as file:
        file.truncate(IMAGE_BYTES)
    _run("mkfs.exfat", str(image))
    with ExitStack() as undo:
        device = _run("losetup", "--find", "--show", str(image)).strip()
        undo.callback(_run, "losetup", "--detach", device)
        # Use the kernel's own driver if it has one, else exfat-fuse.
        try:
            _run("mount", "-t", "exfat", device, str(place))
        except NoDrive:
            if shutil.which("mount.exfat-fuse") is None:
                raise NoDrive("the kernel has no exFAT, and exfat-fuse is not installed") from None
            _run("mount.exfat-fuse", device, str(place))
        undo.callback(_run, "umount", str(place))
        yield place


def _run(*argv: str) -> str:
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=30)
    if done.returncode:
        raise NoDrive(f"{argv[0]} does not work here: {done.stderr.strip()}")
    return done.stdout
