"""Programs for the tests, such as PostgreSQL, in a folder of their own that ends with pytest."""

import contextlib
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Self

# Waits until its stdin is closed, even if pytest is killed. Then it ends each program whose pid is
# in the folder, waits until the program is gone, and removes the folder. A zombie has removed its
# file, or has nobody who reaps it: then the wait ends after a second.
_KEEPER = """
read -r _
for file in "$1"/*.pid; do
  [ -f "$file" ] || continue
  pid=$(head -n 1 "$file")
  kill -QUIT "$pid"
  for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    [ -f "$file" ] && kill -0 "$pid" && sleep 0.05
  done
done
cd /
rm -rf "$1"
"""
# PostgreSQL and PgBouncer refuse to run as root.
_SERVICE_USER = "postgres"


class Absent(Exception):
    """A program is not installed, or cannot run here; the message says what to do."""


class Keeper:
    """A folder for programs, and the user who runs them.

    Each program writes its pid to `NAME.pid` in the folder.
    """

    def __init__(self, name: str) -> None:
        """Make the folder.

        Raises:
            Absent: root runs the tests, and there is no other user for the programs.
        """
        self._user: int | None = None
        if os.getuid() == 0:
            try:
                self._user = pwd.getpwnam(_SERVICE_USER).pw_uid
            except KeyError:
                raise Absent(f"it does not run as root, and no user is {_SERVICE_USER}") from None
        # A socket has a path of at most 104 bytes, so the folder cannot be in tmp_path.
        self.folder = Path(tempfile.mkdtemp(prefix=f"wan-{name}-"))
        if self._user is not None:
            os.chown(self.folder, self._user, pwd.getpwuid(self._user).pw_gid)
        self._process = subprocess.Popen(
            ["sh", "-c", _KEEPER, "sh", str(self.folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C ends pytest, and then this.
            user=self._user,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        """End the programs and remove the folder."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()

    def run(self, *argv: str | Path, env: Mapping[str, str] | None = None) -> None:
        """Run a program to its end, or until it runs in the background.

        Raises:
            RuntimeError: it fails; the message has what it printed.
        """
        words = [str(word) for word in argv]
        # A program in the background keeps the streams open, so they are a file.
        with (self.folder / "output").open("w+b") as output:
            code = subprocess.run(
                words,
                cwd=self.folder,
                env={"PATH": os.environ["PATH"], "LC_ALL": "C", **(env or {})},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                user=self._user,
                check=False,
            ).returncode
            if code:
                output.seek(0)
                raise RuntimeError(f"{' '.join(words)}: {output.read().decode()}")

    def write(self, name: str, text: str) -> Path:
        """Write a file that the programs can read; return its path."""
        path = self.folder / name
        path.write_text(text)
        path.chmod(0o644)
        return path

    def pid(self, name: str) -> int | None:
        """Return the pid of a program that runs, else None."""
        with contextlib.suppress(FileNotFoundError, ValueError):
            return int((self.folder / f"{name}.pid").read_text().split()[0])
        return None


def find_program(name: str, *folders: str) -> Path | None:
    """Return the path of a program in PATH or in one of the folders, which may have a `*`."""
    found = shutil.which(name)
    if found:
        return Path(found)
    for pattern in folders:
        # Of several versions, the newest.
        paths = Path("/").glob(f"{pattern}/{name}".lstrip("/"))
        for path in sorted(paths, key=lambda path: [len(path.parts), str(path)], reverse=True):
            return path
    return None
