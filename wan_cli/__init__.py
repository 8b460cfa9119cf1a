"""wan: a prompt becomes a video file, and what was paid for is never lost and never paid twice."""

__version__ = "0.1.0"
