"""What `wan --version -v` prints, for a bug report: wan, its commit, Python and the platform."""

import json
import platform
from contextlib import suppress
from pathlib import Path

from wan_cli import __version__


def details() -> str:
    """Return the lines of `wan --version -v`."""
    python = f"{platform.python_implementation()} {platform.python_version()}"
    lines = [f"wan {__version__}", f"Python: {python}", f"platform: {platform.platform()}"]
    commit = _installed_commit() or _commit_of(Path(__file__).parents[1] / ".git")
    if commit:
        lines.append(f"commit: {commit}")
    return "".join(f"{line}\n" for line in lines)


def _installed_commit() -> str:
    """Return the commit that pip, pipx or uv installed from a git URL; "" if it was none."""
    from importlib import metadata

    with suppress(metadata.PackageNotFoundError, ValueError, AttributeError):
        origin = json.loads(
            metadata.distribution("aimlapi-wan").read_text("direct_url.json") or "{}"
        )
        return str(origin.get("vcs_info", {}).get("commit_id", ""))
    return ""


def _commit_of(folder: Path) -> str:
    """Return the commit of a clone by its `.git`; "" if it is none, or cannot be read."""
    with suppress(OSError, ValueError):
        head = (folder / "HEAD").read_text("utf-8").strip()
        if not head.startswith("ref: "):
            return head
        ref = head.removeprefix("ref: ")
        if (folder / ref).is_file():
            return (folder / ref).read_text("utf-8").strip()
        for line in (folder / "packed-refs").read_text("utf-8").splitlines():
            if line.endswith(f" {ref}"):
                return line.partition(" ")[0]
    return ""
