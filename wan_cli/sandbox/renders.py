"""Renders videos in the background; a video is a file that appears whole."""

import asyncio
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from wan_cli.errors import SetupError
from wan_cli.sandbox.replies import ApiError
from wan_cli.sandbox.store import StoredGeneration

_WORKERS = 2
# A program that only asks for the state and ends takes its render with it: so the reply to a
# question about a generation that is due waits for the video, or none would ever be whole.
_PATIENCE_S = 20.0
_LOOK_AGAIN_S = 0.02


class Renders:
    """The videos of one folder; what an ended process left unrendered is begun anew on demand."""

    def __init__(self, folder: Path, pictures: Path) -> None:
        """Make the folder where it is missing.

        Args:
            folder: where the videos are.
            pictures: where the pictures of the requests are.

        Raises:
            SetupError: it cannot be made.
        """
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
        except OSError as cause:
            raise SetupError(
                f"the sandbox cannot make its folder {folder}: {cause}",
                hint="check the permissions of the folder above it",
            ) from None
        self._folder = folder
        self._pictures = pictures
        self._stop = threading.Event()
        self._workers = ThreadPoolExecutor(_WORKERS, thread_name_prefix="render")
        self._running: dict[str, Future[None]] = {}

    def path(self, generation_id: str) -> Path:
        """Return where the video of a generation is, or will be."""
        return self._folder / f"{generation_id}.mp4"

    def start(self, generation: StoredGeneration) -> None:
        """Begin to render, unless it is under way in this process or done."""
        running = self._running.get(generation.id)
        path = self.path(generation.id)
        if not path.exists() and (running is None or running.done()):
            self._running[generation.id] = self._workers.submit(
                _render, generation.body, path, self._pictures, self._stop.is_set
            )

    async def wait(self, generation: StoredGeneration) -> bool:
        """Return whether the video is there, after waiting a while for it.

        Raises:
            ApiError: 500, it cannot be rendered, such as on a full drive.
        """
        path = self.path(generation.id)
        self.start(generation)
        deadline = time.monotonic() + _PATIENCE_S
        while not path.exists() and time.monotonic() < deadline:
            running = self._running[generation.id]
            if running.done():
                failure = None if running.cancelled() else running.exception()
                if failure is not None:
                    raise ApiError(500, f"the sandbox cannot render the video: {failure}")
                return path.exists()
            await asyncio.sleep(_LOOK_AGAIN_S)
        return path.exists()

    def close(self) -> None:
        """Let running renders end at their next frame; does not wait for them."""
        self._stop.set()
        self._workers.shutdown(wait=False, cancel_futures=True)


def _render(
    body: Mapping[str, object], path: Path, pictures: Path, is_cancelled: Callable[[], bool]
) -> None:
    # PyAV takes a tenth of a second to load, which is not the caller's to wait for.
    from wan_cli.sandbox.render import RenderCancelled, render

    try:
        render(body, path, pictures=pictures, is_cancelled=is_cancelled)
    except RenderCancelled:
        return
