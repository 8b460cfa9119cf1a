"""The SHA-256 of a saved video: the history keeps it, to recognize the video at another place."""

from pathlib import Path


def checksum(path: Path) -> str | None:
    """Return the SHA-256 of a file in hex, or None if the file cannot be read."""
    # hashlib loads OpenSSL, which takes 3 ms: only commands that save a video import it.
    import hashlib

    try:
        with path.open("rb", buffering=0) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None
