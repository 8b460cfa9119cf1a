"""Many generations in flight in one process: none waits for another, with a few threads."""

import re
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from tests.fake.api import GENERATIONS, FakeApi
from tests.fake.cdn import CdnReply
from tests.fake.process import Wan
from tests.fake.script import Reply, forever, refusal
from tests.fake.waiting import wait_until
from tests.terminal import ESCAPE, on_terminal, screen
from wan_cli.core.watch import AT_ONCE

# Tolerance around a deadline, for process start and stop on a slow machine.
SLACK_S = 12.0
# The threads that poll, the main thread, and one thread of the test runner.
THREADS = AT_ONCE + 2


def submitted(
    wan: Wan, api: FakeApi, *prompts: str, status: str | None = "generating"
) -> list[str]:
    """Submit generations that stay in a state until the test changes it; return their ids."""
    ids = []
    for prompt in prompts:
        ids.append(wan("generate", prompt, "--no-wait", "-q").out.strip())
        api.generations[ids[-1]].status = status
    return ids


def looks_at(api: FakeApi, generation_id: str) -> int:
    return sum(get.query == f"generation_id={generation_id}" for get in api.gets)


@pytest.mark.parametrize("everything", [False, True])
def test_a_ready_video_is_saved_and_printed_while_another_is_generating(
    wan: Wan, api: FakeApi, work: Path, everything: bool
) -> None:
    slow, quick = submitted(wan, api, "a slow fox", "a quick hen")
    running = wan.start("fetch", *(["--all"] if everything else [slow, quick]))
    wait_until(lambda: looks_at(api, slow) > 2 and looks_at(api, quick) > 2)
    api.generations[quick].status = "completed"
    running.wait_for(".mp4\n")
    assert Path(running.out.strip()).read_bytes() == api.video
    assert "quick-hen" in running.out
    seen = looks_at(api, slow)
    wait_until(lambda: looks_at(api, slow) > seen)
    api.generations[slow].status = "completed"
    result = running.wait()
    assert result.code == 0
    assert [Path(line).name[2:6] for line in result.out.splitlines()] == ["quic", "slow"]
    assert len(list(work.glob("*.mp4"))) == 2


def test_status_watch_follows_all_and_prints_each_at_its_end(wan: Wan, api: FakeApi) -> None:
    slow, quick, bad = submitted(wan, api, "a fox", "a hen", "an owl")
    running = wan.start("status", "--watch", slow, quick, bad)
    wait_until(lambda: all(looks_at(api, each) > 1 for each in (slow, quick, bad)))
    api.generations[quick].status = "completed"
    running.wait_for(f"{quick}  completed")
    api.generations[bad].status = "error"
    api.generations[bad].fail("not nice")
    running.wait_for("not nice")
    api.generations[slow].status = "completed"
    result = running.wait()
    assert result.code == 9
    assert [line.split()[0] for line in result.out.splitlines()] == [quick, bad, slow]
    assert api.cdn.requests == []
    # One plain line for each change of state.
    assert result.err.splitlines().count(f"{slow} generating") == 1


def test_fifty_share_a_few_threads_and_connections(wan: Wan, api: FakeApi) -> None:
    ids = [api.add_generation(id=f"generation-{n:02}", looks=1_000_000).id for n in range(50)]
    running = wan.start("status", "--watch", "--json", "-q", *ids)
    wait_until(lambda: all(looks_at(api, each) > 2 for each in ids))
    tasks = Path(f"/proc/{running.process.pid}/task")
    if tasks.exists():
        assert len(list(tasks.iterdir())) <= THREADS
    for each in ids:
        api.generations[each].status = "completed"
    result = running.wait()
    assert (result.code, {line["id"] for line in result.json_lines}) == (0, {*ids})
    assert api.connections <= AT_ONCE


def test_a_refused_key_ends_all_of_them_and_names_each(wan: Wan, api: FakeApi) -> None:
    ids = submitted(wan, api, "a fox", "a hen", "an owl")
    api.on_get(forever(refusal(401, "Unauthorized")))
    result = wan("fetch", *ids, "--json")
    assert result.code == 4
    assert [(line["id"], line["exit_code"]) for line in result.json_lines] == [
        (each, 4) for each in ids
    ]
    for each in ids:
        assert f"generation {each} is safe" in result.err


def test_at_the_deadline_each_unfinished_generation_is_printed(wan: Wan, api: FakeApi) -> None:
    done, *ids = submitted(wan, api, "a fox", "a hen", "an owl")
    api.generations[done].status = "completed"
    began = time.monotonic()
    result = wan("fetch", done, *ids, "--json", "--timeout", "4")
    assert time.monotonic() - began < 4 + SLACK_S
    assert result.code == 8
    codes = [(line["id"], line["exit_code"]) for line in result.json_lines]
    assert codes[0] == (done, 0)
    assert sorted(codes[1:]) == sorted((each, 8) for each in ids)
    for each in ids:
        assert f"hint: wan fetch {each}" in result.err


@pytest.mark.parametrize("fault", ["hang", "drip"])
def test_a_hanging_poll_does_not_delay_the_others(wan: Wan, api: FakeApi, fault: Any) -> None:
    ids = submitted(wan, api, "a fox", "a hen", "an owl", status="completed")
    # Whichever generation wan polls first.
    api.on_get(Reply(fault=fault, delay=0.5))
    began = time.monotonic()
    result = wan("fetch", *ids, "--json", "--timeout", "5")
    assert time.monotonic() - began < 5 + SLACK_S
    codes = {line["id"]: line["exit_code"] for line in result.json_lines}
    held = next(each for each in ids if codes[each] == 8)
    assert {codes[each] for each in ids if each != held} == {0}
    assert result.code == 8
    assert looks_at(api, held) == 1


def test_a_temporary_failure_is_retried_and_reported_once(wan: Wan, api: FakeApi) -> None:
    ids = submitted(wan, api, "a fox", "a hen", "an owl", "an elk", status=None)
    api.on_get(
        *[Reply(status=503)] * 4, Reply(fault="reset"), Reply(fault="garbage"), Reply(status=404)
    )
    result = wan("fetch", *ids, "--timeout", "60")
    assert (result.code, len(result.out.splitlines())) == (0, 4)
    assert result.err.count("(503); polling again") == 1


def test_an_unknown_id_ends_alone(wan: Wan, api: FakeApi) -> None:
    (known,) = submitted(wan, api, "a fox", status="completed")
    result = wan("fetch", known, "nobody-knows-this-one", "--json")
    assert {line["id"]: line["exit_code"] for line in result.json_lines} == {
        known: 0,
        "nobody-knows-this-one": 6,
    }
    assert result.code == 6


def test_of_two_ids_wan_finds_the_one_that_the_api_knows(wan: Wan, api: FakeApi) -> None:
    api.on_post(Reply(body={"id": "not-a-generation-0001", "status": "queued"}))
    wan("generate", "a fox", "--no-wait", "-q")
    (other,) = submitted(wan, api, "a hen")
    made = str(api.posts[0].id)
    api.generations[made].status = api.generations[other].status = "completed"
    result = wan("fetch", "--all", "--json")
    assert result.code == 0
    assert {line["id"] for line in result.json_lines} == {made, other}


def test_a_completed_generation_without_a_url_ends_alone(wan: Wan, api: FakeApi) -> None:
    ids = submitted(wan, api, "a fox", "a hen")
    api.on_get(forever(Reply(body={"id": "{id}", "status": "completed", "video": None})))
    result = wan("fetch", *ids, "--json", "--timeout", "2")
    assert [line["exit_code"] for line in result.json_lines] == [12, 12]


def test_wan_requests_the_live_median_once_per_model(wan: Wan, api: FakeApi) -> None:
    ids = submitted(wan, api, "a fox", "a hen", "an owl", status="completed")
    result = wan("fetch", *ids, env={"WAN_POLL_INTERVAL": None})
    assert result.code == 0
    assert sum(get.path == "/models/metrics" for get in api.gets) == 1


def test_a_poll_without_a_change_writes_nothing(wan: Wan, api: FakeApi) -> None:
    ids = submitted(wan, api, "a fox", "a hen")
    wan("status", *ids)
    before = [line["updated_at"] for line in wan("list", "--json").json_lines]
    running = wan.start("fetch", "--all")
    wait_until(lambda: all(looks_at(api, each) > 4 for each in ids))
    running.kill(signal.SIGTERM)
    running.wait()
    assert [line["updated_at"] for line in wan("list", "--json").json_lines] == before


def test_the_others_are_polled_while_a_video_is_saved(wan: Wan, api: FakeApi, work: Path) -> None:
    ready, other = submitted(wan, api, "a fox", "a hen")
    api.generations[ready].status = "completed"
    api.cdn.on_get(CdnReply(drip=0.2, drip_size=2048))
    running = wan.start("fetch", ready, other)
    wait_until(lambda: any(part.stat().st_size > 4096 for part in work.glob("*.part")))
    seen = looks_at(api, other)
    wait_until(lambda: looks_at(api, other) > seen + 2)
    assert not list(work.glob("*.mp4"))
    running.kill(signal.SIGINT)
    result = running.wait()
    assert result.code == -signal.SIGINT
    assert f"{ready}, {other} continue and are safe" in result.err
    assert wan("fetch", ready).code == 0
    assert api.cdn.requests[-1].headers["Range"]


@pytest.mark.parametrize("command", [("fetch", "--all"), ("status", "--watch")])
def test_a_signal_says_that_all_generations_continue(
    wan: Wan, api: FakeApi, command: tuple[str, ...]
) -> None:
    ids = submitted(wan, api, "a fox", "a hen")
    named = ids if command[0] == "status" else []
    running = wan.start(*command, *named, "--json")
    wait_until(lambda: all(looks_at(api, each) > 2 for each in ids))
    began = time.monotonic()
    running.kill(signal.SIGINT)
    result = running.wait()
    assert time.monotonic() - began < SLACK_S
    assert result.code == -signal.SIGINT
    assert f"interrupted; generations {', '.join(ids)} continue and are safe" in result.err
    assert f"hint: wan fetch {' '.join(ids)}\n" in result.err
    assert [line["exit_code"] for line in result.json_lines] == [130]


def test_a_signal_while_the_api_hangs_ends_at_once_and_counts_the_many(
    wan: Wan, api: FakeApi
) -> None:
    ids = submitted(wan, api, "a fox", "a hen", "an owl", "an elk")
    api.on_get(forever(Reply(fault="hang")))
    running = wan.start("fetch", *ids)
    wait_until(lambda: all(looks_at(api, each) for each in ids))
    began = time.monotonic()
    running.kill(signal.SIGTERM)
    result = running.wait()
    assert time.monotonic() - began < SLACK_S
    assert result.code == -signal.SIGTERM
    assert result.err.endswith(
        "error: interrupted; 4 generations continue and are safe\nhint: wan fetch --all\n"
    )


def test_on_a_terminal_one_display_shows_the_progress_of_all(wan: Wan, api: FakeApi) -> None:
    api.looks = 40
    ids = submitted(wan, api, "a fox", "a hen", "an owl", status=None)
    code, written = on_terminal(wan, "fetch", *ids, "-o", "new/")
    assert code == 0
    assert re.search(r"0 saved · 3 in flight · 0:0\d", ESCAPE.sub("", written))
    # Only the paths are left.
    assert sorted(screen(written)) == sorted(str(path) for path in (wan.work / "new").iterdir())


def test_wan_polls_only_when_a_poll_is_due(wan: Wan, api: FakeApi) -> None:
    ids = submitted(wan, api, "a fox", "a hen")
    result = wan("fetch", *ids, "--timeout", "2", "--poll-interval", "600")
    assert result.code == 8
    # The first poll and the poll at the deadline.
    assert sum(get.path == GENERATIONS for get in api.gets) == 4


@pytest.mark.parametrize("proxy", [False, True])
def test_over_tls_the_threads_verify_the_server_and_go_through_the_proxy(
    wan: Wan, closed_port: int, proxy: bool
) -> None:
    with FakeApi(tls=True) as api:
        ids = [api.add_generation(id=f"generation-{n:02}", looks=2).id for n in range(3)]
        env = {"WAN_BASE_URL": api.base_url, "REQUESTS_CA_BUNDLE": str(api.ca_pem)}
        if proxy:
            env["HTTPS_PROXY"] = f"http://127.0.0.1:{closed_port}"
        result = wan("status", "--watch", *ids, "--timeout", "3" if proxy else "30", env=env)
        assert (result.code, len(api.gets)) == ((8, 0) if proxy else (0, 9))
        assert ("the proxy does not connect; polling again" in result.err) == proxy
        # Other ids, because the history already knows the URLs of the first ones.
        others = [api.add_generation(id=f"another-{n:02}", looks=2).id for n in range(3)]
        distrusted = wan("fetch", *others, "--timeout", "1", env={"WAN_BASE_URL": api.base_url})
    assert distrusted.code == 8
    assert distrusted.err.count("its TLS certificate is not trusted; polling again") == 1


def test_a_video_that_another_process_saved_is_not_saved_again(
    wan: Wan, api: FakeApi, work: Path
) -> None:
    ids = submitted(wan, api, "a fox", "a hen")
    running = wan.start("fetch", *ids, "--poll-interval", "2")
    wait_until(lambda: all(looks_at(api, each) for each in ids))
    for each in ids:
        api.generations[each].status = "completed"
    other = wan("fetch", *ids)
    result = running.wait()
    assert (result.code, other.code) == (0, 0)
    assert sorted(result.out.splitlines()) == sorted(other.out.splitlines())
    assert len(list(work.glob("*.mp4"))) == len(api.cdn.requests) == 2


def test_known_urls_need_no_request_to_the_api(wan: Wan, api: FakeApi, work: Path) -> None:
    ids = submitted(wan, api, "a fox", "a hen", status="completed")
    assert wan("status", *ids).code == 0
    api.on_get(forever(Reply(status=502)))
    result = wan("fetch", *ids)
    assert (result.code, len(list(work.glob("*.mp4")))) == (0, 2)


def test_a_signal_names_ids_that_the_history_does_not_know(wan: Wan, api: FakeApi) -> None:
    api.on_get(forever(Reply(fault="hang")))
    ids = [f"generation-of-elsewhere-{number}" for number in range(5)]
    running = wan.start("fetch", *ids)
    wait_until(lambda: api.gets)
    running.kill(signal.SIGINT)
    result = running.wait()
    assert result.err.splitlines()[-1] == f"hint: wan fetch {' '.join(ids)}"
