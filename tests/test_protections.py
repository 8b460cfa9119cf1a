"""Protections that are hard to see: each test here fails if its protection is removed."""

import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from tests.fake.api import FakeApi
from tests.fake.process import Wan
from tests.fake.script import Reply, forever, refusal
from tests.fake.waiting import wait_until
from tests.trials import (
    SPEED,
    all_right,
    animals,
    batch_file,
    change_rows,
    history_of,
    log_reads,
    submitted,
)
from wan_cli.api.client import Client
from wan_cli.core.engine import Engine
from wan_cli.core.items import Goal, Item, Step
from wan_cli.core.lanes import ABANDONED_MAX, Job, Lane, Ticket
from wan_cli.core.tools import Tools
from wan_cli.core.watch import Watching
from wan_cli.journal import Journal

BUNDLES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


# --- the authorities that TLS trusts ---


@pytest.mark.parametrize("variable", ["SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_wan_reads_a_folder_of_authorities(wan: Wan, variable: str, tmp_path: Path) -> None:
    with FakeApi(tls=True) as secure:
        folder = tmp_path / "authorities"
        folder.mkdir()
        (folder / "root.pem").write_bytes(Path(str(secure.ca_pem)).read_bytes())
        subprocess.run(["openssl", "rehash", str(folder)], check=True)
        env = {**dict.fromkeys(BUNDLES), "WAN_BASE_URL": secure.base_url, variable: str(folder)}
        assert wan("balance", env=env).code == 0


@contextmanager
def tls_proxy(certificate: Path) -> Iterator[tuple[str, list[str]]]:
    """Run a proxy over TLS; yield its URL and the requested tunnels."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    tunnels: list[str] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def pump(source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)

    def serve(raw: socket.socket) -> None:
        with suppress(OSError), ExitStack() as closing:
            closing.callback(raw.close)
            client = closing.enter_context(context.wrap_socket(raw, server_side=True))
            head = b""
            while b"\r\n\r\n" not in head:
                head += client.recv(4096)
            target = head.split()[1].decode()
            tunnels.append(target)
            host, _, port = target.rpartition(":")
            upstream = closing.enter_context(socket.create_connection((host, int(port))))
            client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            back = threading.Thread(target=pump, args=(upstream, client), daemon=True)
            back.start()
            pump(client, upstream)
            back.join()

    def accept() -> None:
        with suppress(OSError):
            while True:
                raw, _ = listener.accept()
                threading.Thread(target=serve, args=(raw,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    with listener:
        yield f"https://localhost:{listener.getsockname()[1]}", tunnels


def test_wan_checks_the_tls_of_a_proxy_with_the_same_authorities(wan: Wan, tmp_path: Path) -> None:
    import trustme

    authority = trustme.CA()
    certificate = tmp_path / "proxy.pem"
    authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(str(certificate))
    with FakeApi(tls=True) as secure, tls_proxy(certificate) as (proxy, tunnels):
        both = tmp_path / "both.pem"
        both.write_bytes(Path(str(secure.ca_pem)).read_bytes())
        env = {**dict.fromkeys(BUNDLES), "WAN_BASE_URL": secure.base_url, "HTTPS_PROXY": proxy}
        env |= {"NO_PROXY": None, "no_proxy": None, "REQUESTS_CA_BUNDLE": str(both)}
        assert wan("balance", env=env).code == 11
        with both.open("ab") as bundle:
            bundle.write(authority.cert_pem.bytes())
        result = wan("balance", env=env)
        assert result.code == 0, result.err
        assert tunnels


# --- a 404 soon after the submission ---


@pytest.mark.parametrize(("age_s", "code"), [(0, 8), (3600, 6), (-3600, 6)])
def test_wan_believes_a_404_unless_the_submission_is_young_by_any_clock(
    wan: Wan, api: FakeApi, age_s: int, code: int
) -> None:
    (generation_id,) = submitted(wan, api, "a fox")
    change_rows(wan, f"created_at = created_at - {age_s}")
    api.on_get(forever(refusal(404, "Generation not found")))
    result = wan("fetch", generation_id, "--timeout", "2")
    assert result.code == code, result.err


# --- limits of hanging jobs, and of outcomes that wait to be printed ---


def test_the_number_of_abandoned_jobs_is_limited() -> None:
    lane = Lane(4, yields_s=1.0)
    work = Watching.__new__(Watching)

    def start(now: float) -> None:
        lane.opened(Ticket(Item(Step.WATCH, 1e6, now), Job(lambda _client, _desk: None), work, now))

    now, started = 0.0, 0
    for _ in range(100):
        now += 2.0
        lane.waiting.append(Item(Step.WATCH, 1e6, now))
        lane.give_places(now)
        while lane.has_room(now):
            start(now)
            started += 1
            now += 0.02
    assert started == len(lane) == 4 + ABANDONED_MAX


def test_outcomes_do_not_pile_up_in_memory_before_they_are_printed(
    wan: Wan, api: FakeApi, tmp_path: Path
) -> None:
    (generation_id,) = submitted(wan, api, "a fox")
    with Journal.open(history_of(wan)) as journal:
        known = journal.find(generation_id)
    assert known is not None
    client = Client(api.base_url, key=None)
    with Journal.open(tmp_path / "history.db") as journal:
        tools = Tools(client, journal, "fingerprint")
        engine = Engine(tools, tools.timing(0.0, None), Goal(save=False), [Watching])
        for number in range(400):
            name = f"{number:021}"
            engine.add(known._replace(ref=name, id=name), deadline=tools.clock.monotonic() - 60.0)
        waiting = [len(engine.run.events) for _ in engine.outcomes()]
    assert len(waiting) > 400  # Each outcome, and the events between them.
    assert max(waiting) <= 100


# --- equal rows of one process ---


def test_a_row_waits_for_an_equal_row_that_this_process_is_submitting(
    wan: Wan, api: FakeApi, work: Path
) -> None:
    wan.speed = SPEED
    api.on_post(Reply(fault="hang"))
    words = ["--yes", "--no-lookup", "--poll-interval", "1"]
    running = wan.start("batch", batch_file(work, "a fox", "a fox"), *words)
    wait_until(lambda: api.posts)
    time.sleep(1.5)  # After half a second, the second row gets the slot of the first one.
    api.release()
    result = running.wait()
    assert result.code == 0, result.err
    assert len(api.posts) == 2
    # wan would have searched the log for a submission of another process.
    assert log_reads(api) == 0
    all_right(wan, api, 2)


# --- signals ---


def test_a_repeated_signal_is_explained_once(wan: Wan, api: FakeApi, work: Path) -> None:
    api.looks = 1_000_000
    running = wan.start("batch", batch_file(work, *animals(4)), "--yes")
    wait_until(lambda: len(api.posts) == 4 and len(api.gets) > 8)
    # A terminal and the wrappers around a command each pass the signal on.
    with suppress(OSError):
        for _ in range(300):
            running.kill(signal.SIGINT)
    result = running.wait()
    assert result.code == -signal.SIGINT
    assert result.err.count("error: ") == result.err.count("hint: ") == 1
    assert "4 generations continue and are safe" in result.err
    assert "Traceback" not in result.err


# A signal that another thread receives does not end a wait of the main thread by itself.
ELSEWHERE = """
import queue, signal, threading, time
from wan_cli.errors import Interrupted
from wan_cli.signals import deferred

answers = queue.SimpleQueue()
other = threading.Thread(target=time.sleep, args=(60,), daemon=True)
other.start()
sent = threading.Timer(0.5, lambda: signal.pthread_kill(other.ident, signal.SIGINT))
sent.daemon = True
try:
    with deferred(answers.put, lambda: answers.put(None)):
        sent.start()
        while (answer := answers.get(timeout=10)) is None:
            pass
        print(answer)
except Interrupted as interrupted:
    print(interrupted.signal_number)
"""


def test_a_signal_ends_a_wait_whichever_thread_receives_it() -> None:
    done = subprocess.run(
        [sys.executable, "-c", ELSEWHERE], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout.split() == ["2", "2"], done.stderr
