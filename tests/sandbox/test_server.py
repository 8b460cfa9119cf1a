import signal
import socket
import stat
import threading
from pathlib import Path

import pytest
import requests

from tests.sandbox.conftest import GENERATIONS, Api, serving
from wan_cli.errors import Interrupted, SetupError, UsageError
from wan_cli.sandbox.server import Sandbox


def test_two_sandboxes_on_one_folder_find_each_other_s_generations(api: Api, folder: Path):
    found = api.post(prompt="[rate-limit]").status_code, api.post().json()["id"]
    with serving(folder) as other:
        assert other.post(prompt="[rate-limit]").status_code == 200
        url = other.finished(found[1])["video"]["url"]
        assert url.startswith(other.base_url)
        here = url.replace(other.base_url, api.base_url)
        assert api.get(here, {}).content == other.get(url, {}).content
        assert len(other.ledger()) == len(api.ledger()) == 3


def test_an_abandoned_render_starts_again_on_demand(folder: Path):
    with serving(folder) as first:
        found = first.post_wan_2_6(resolution="720p", duration=5).json()["id"]
    # The sandbox stopped at once, so the render is unfinished.
    assert not list(folder.rglob("*.mp4"))
    with serving(folder) as second:
        assert second.finished(found)["status"] == "completed"
    assert [path.name for path in (folder / "videos").iterdir()] == [f"{found}.mp4"]


def test_a_video_that_cannot_be_written_is_answered_with_500(api: Api, folder: Path):
    (folder / "videos").rmdir()
    made = api.post().json()["id"]
    while (reply := api.get(GENERATIONS, generation_id=made)).status_code == 200:
        assert reply.json()["status"] in ("queued", "generating")
    assert reply.status_code == 500
    assert reply.json()["message"].startswith("the sandbox cannot render the video: ")


def test_the_folder_is_private(api: Api, folder: Path):
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_port_in_use_is_reported_with_a_hint(folder: Path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SetupError, match=f"127.0.0.1:{port}") as caught:
            Sandbox(folder, port=port).__enter__()
    assert "--port" in caught.value.hint


@pytest.mark.parametrize("speed", [0.0, -1.0, float("nan")])
def test_an_impossible_speed_is_refused(folder: Path, speed: float):
    with pytest.raises(UsageError):
        Sandbox(folder, speed=speed)


def test_a_broken_file_is_reported_and_not_deleted(folder: Path):
    folder.mkdir()
    broken = folder / "sandbox.sqlite3"
    broken.write_bytes(b"not a database, but long enough to be read as one" * 100)
    with pytest.raises(SetupError, match="cannot use its folder"):
        Sandbox(folder).__enter__()
    assert broken.exists()


def test_the_sandbox_listens_only_on_loopback_and_stops_at_once(folder: Path):
    with Sandbox(folder) as running:
        assert running.base_url.startswith("http://127.0.0.1:")
        assert requests.get(running.base_url + "/sandbox/ledger", timeout=30).ok
    with pytest.raises(requests.ConnectionError):
        requests.get(running.base_url, timeout=30)


def test_serve_forever_ends_with_the_exception_of_a_signal_handler(folder: Path):
    interrupt = _InterruptSoon(folder)
    with pytest.raises(Interrupted), interrupt.sandbox:
        interrupt.serve()
    assert "sandbox" not in [thread.name for thread in threading.enumerate()]


class _InterruptSoon:
    """Serves in the main thread until a real signal's handler raises."""

    def __init__(self, folder: Path) -> None:
        self.sandbox = Sandbox(folder)

    def serve(self) -> None:
        def interrupt(number: int, _frame: object) -> None:
            raise Interrupted(number)

        before = signal.signal(signal.SIGALRM, interrupt)
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        try:
            self.sandbox.serve_forever()
        finally:
            signal.signal(signal.SIGALRM, before)


def test_the_folders_created_above_it_are_private_too(tmp_path: Path):
    with serving(tmp_path / "home" / "sandbox"):
        assert stat.S_IMODE((tmp_path / "home").stat().st_mode) == 0o700
