"""Renders videos in the background; a video's file appears only when it is complete."""

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
# A program that only asks for the state stops its render when it exits. So the reply about a
# generation that is due waits for the video; otherwise no video would ever be complete.
_PATIENCE_S = 20.0
_LOOK_AGAIN_S = 0.02


class Renders:
    """The videos of one folder; starts a render again if an earlier process did not finish it."""

    def __init__(self, folder: Path, pictures: Path) -> None:
        """Create the folder if it is missing.

        Args:
            folder: the folder of the videos.
            pictures: the folder of the requests' pictures.

        Raises:
            SetupError: the folder cannot be created.
        """
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
        except OSError as cause:
            raise SetupError(
                f"the sandbox cannot create its folder {folder}: {cause}",
                hint="check the permissions of the folder above it",
            ) from None
        self._folder = folder
        self._pictures = pictures
        self._stop = threading.Event()
        self._workers = ThreadPoolExecutor(_WORKERS, thread_name_prefix="render")
        self._running: dict[str, Future[None]] = {}

    def path(self, generation_id: str) -> Path:
        """Return the path where a generation's video is or will be."""
        return self._folder / f"{generation_id}.mp4"

    def start(self, generation: StoredGeneration) -> None:
        """Start to render the video, unless this process is rendering it or it is done."""
        running = self._running.get(generation.id)
        path = self.path(generation.id)
        if not path.exists() and (running is None or running.done()):
            self._running[generation.id] = self._workers.submit(
                _render, generation.body, path, self._pictures, self._stop.is_set
            )

    async def wait(self, generation: StoredGeneration) -> bool:
        """Wait up to 20 s for the video and return whether it is there.

        Raises:
            ApiError: 500, the video cannot be rendered, such as on a full drive.
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
        """Stop running renders at their next frame, without waiting for them."""
        self._stop.set()
        self._workers.shutdown(wait=False, cancel_futures=True)


def _render(
    body: Mapping[str, object], path: Path, pictures: Path, is_cancelled: Callable[[], bool]
) -> None:
    # PyAV takes a tenth of a second to load; import it here so that the caller does not wait.
    from wan_cli.sandbox.render import RenderCancelled, render

    try:
        render(body, path, pictures=pictures, is_cancelled=is_cancelled)
    except RenderCancelled:
        return
