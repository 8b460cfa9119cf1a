"""wan: turn a prompt into a video file; never lose a paid video, and never pay for it twice."""

__version__ = "0.2.0"
