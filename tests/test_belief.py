"""wan believes a reply only if it is about the requested generation; other replies cost nothing."""

from itertools import cycle, islice
from pathlib import Path
from typing import Any

import pytest

from tests.fake.api import FakeApi
from tests.fake.crossing import Crossing
from tests.fake.process import Wan
from tests.fake.script import FIREWALL, NO_ROWS, Reply, forever, refusal, repeat
from tests.fake.waiting import wait_until
from tests.trials import (
    SPEED,
    VIDEO_BYTES,
    all_right,
    animals,
    batch_file,
    has_right_file,
    log_reads,
    polls,
    rows,
    submitted,
    videos,
)

CROSSED = Reply(crossed=True)


@pytest.fixture(autouse=True)
def own_videos(api: FakeApi) -> None:
    api.cdn.size_of_each = VIDEO_BYTES


# --- polls ---


@pytest.mark.parametrize("command", ["fetch", "status --watch", "fetch both", "fetch --no-wait"])
def test_the_video_of_another_generation_is_never_ours(
    wan: Wan, api: FakeApi, work: Path, command: str
) -> None:
    other, ours = submitted(wan, api, "a hen", "a fox", status="completed")
    api.on_get_of[ours](*repeat(CROSSED, 2))
    ids = [other, ours] if "both" in command else [ours]
    name, *options = command.replace("both", "").split()
    result = wan(name, *options, *ids, "--json")
    assert (result.code, [line["id"] for line in result.json_lines[-1:]]) == (0, [ours])
    assert polls(api, ours) == 3
    saved = [line for line in result.json_lines if line.get("file")]
    assert all(has_right_file(api, line) for line in saved)
    assert len(saved) == len(videos(work)) == (len(ids) if name == "fetch" else 0)
    assert {row["id"] for row in rows(wan)} == {other, ours}


def test_the_failure_of_another_generation_is_not_ours(wan: Wan, api: FakeApi, work: Path) -> None:
    (other,) = submitted(wan, api, "a hen", status="error")
    api.generations[other].fail("too rude")
    name = batch_file(work, "a fox")
    api.on_get(CROSSED)
    result = wan("batch", name, "--yes", "--json")
    assert result.code == 0
    assert "too rude" not in result.err
    # Nothing failed, so --retry-failed has nothing to pay for.
    assert wan("batch", name, "--yes", "--retry-failed").code == 0
    assert len(api.accepted) == 2


def test_wan_records_nothing_of_a_reply_about_another_generation(wan: Wan, api: FakeApi) -> None:
    other, ours = submitted(wan, api, "a hen", "a fox")
    api.generations[other].status = "completed"
    api.generations[other].credits_used = 77
    api.on_get_of[ours](forever(CROSSED))
    before = rows(wan)
    result = wan("fetch", ours, "--timeout", "1")
    assert result.code == 8
    assert f"hint: wan fetch {ours}" in result.err
    assert rows(wan) == before


def test_an_id_of_another_record_is_never_taken_for_an_alias(
    wan: Wan, api: FakeApi, work: Path
) -> None:
    _other, ours = submitted(wan, api, "a hen", "a fox", status="completed")
    api.on_get_of[ours](*repeat(CROSSED, 6))
    result = wan("fetch", ours, "--json")
    assert (result.code, polls(api, ours)) == (0, 7)
    assert has_right_file(api, result.json_lines[0])
    assert len(videos(work)) == 1


def about(name: str, status: str = "completed") -> Reply:
    """Return a reply about an unknown id, with the URL of the requested generation."""
    video = {"url": "{url}"} if status == "completed" else None
    return Reply(body={"id": name, "status": status, "video": video})


def test_three_replies_in_a_row_with_the_same_unknown_id_make_it_an_alias(
    wan: Wan, api: FakeApi
) -> None:
    (ours,) = submitted(wan, api, "a fox")
    api.on_get(forever(about("gen-77-a-fox")))
    result = wan("fetch", ours, "--json")
    (line,) = result.json_lines
    assert (result.code, line["id"]) == (0, ours)
    assert has_right_file(api, line)
    assert polls(api, ours) >= 3
    assert "warning: " in result.err
    assert "gen-77-a-fox" in result.err
    # wan keeps the second id, so the user can name the generation by it.
    found = wan("show", "gen-77-a-fox", "--json")
    if found.code == 2 and "no such command" in found.err:
        found = wan("status", "gen-77-a-fox", "--json")
    assert (found.code, found.json_lines[0]["id"]) == (0, ours)


def test_the_next_command_believes_a_known_alias_at_once(wan: Wan, api: FakeApi) -> None:
    (ours,) = submitted(wan, api, "a fox")
    api.on_get(forever(about("gen-77-a-fox", "generating")))
    running = wan.start("fetch", ours)
    wait_until(lambda: polls(api, ours) > 4)
    running.kill(15)
    running.wait()
    api.on_get.clear()
    before = polls(api, ours)
    api.on_get(forever(about("gen-77-a-fox")))
    result = wan("fetch", ours, "--json")
    assert (result.code, polls(api, ours) - before) == (0, 1)
    assert has_right_file(api, result.json_lines[0])


@pytest.mark.parametrize(
    "names",
    [
        ["gen-77", "gen-78"],
        ["gen-77", "gen-77", "gen-78"],
        ["gen-77", "gen-77", None],
    ],
    ids=["by turns", "two and another", "two and ours"],
)
def test_ids_that_are_not_the_same_three_times_in_a_row_are_not_an_alias(
    wan: Wan, api: FakeApi, work: Path, names: list[str | None]
) -> None:
    (ours,) = submitted(wan, api, "a fox")
    replies = [about(name) if name else about("{id}", "generating") for name in names]
    api.on_get(*islice(cycle(replies), 9 * len(names)))
    api.on_get(forever(about("{id}", "generating")))
    running = wan.start("fetch", ours)
    wait_until(lambda: polls(api, ours) > 9 * len(names))
    assert videos(work) == []
    api.on_get.clear()
    api.generations[ours].status = "completed"
    assert running.wait().code == 0
    (row,) = rows(wan)
    assert has_right_file(api, row)


def test_a_reply_about_a_generation_of_another_machine_must_name_its_id(
    wan: Wan, api: FakeApi
) -> None:
    theirs = api.add_generation(id="made-elsewhere-0001", status="completed").id
    api.add_generation(id="made-elsewhere-0002", status="completed")
    api.on_get(Reply(crossed=True), Reply(crossed=True))
    result = wan("fetch", theirs, "--json")
    assert (result.code, result.json_lines[0]["id"]) == (0, theirs)
    assert has_right_file(api, result.json_lines[0])


# --- POSTs ---


def test_a_crossed_reply_to_a_post_is_resolved_by_the_label(
    wan: Wan, api: FakeApi, work: Path
) -> None:
    api.on_post(Reply(), CROSSED, CROSSED)
    for prompt in ("a fox", "a hen", "an owl"):
        result = wan("generate", prompt, "--json")
        assert result.code == 0, result.err
        (line,) = result.json_lines
        assert line["id"] == api.posts[-1].id
    all_right(wan, api, 3)


def test_a_crossed_reply_is_resolved_in_a_batch_too(wan: Wan, api: FakeApi, work: Path) -> None:
    api.on_post(Reply(), CROSSED, Reply(), CROSSED)
    result = wan("batch", batch_file(work, *animals(5)), "--yes")
    assert result.code == 0, result.err
    all_right(wan, api, 5)


def test_a_crossed_reply_that_is_not_in_the_log_is_unknown_and_affects_no_other_row(
    wan: Wan, api: FakeApi
) -> None:
    (first,) = submitted(wan, api, "a hen", status="completed")
    api.log_lag = api.ledger_lag = True
    api.on_post(CROSSED)
    result = wan("generate", "a fox", "--timeout", "2")
    assert result.code == 10
    assert "hint: wan recover" in result.err
    assert [(row.get("id"), row["status"]) for row in rows(wan)] == [
        (first, "queued"),
        (None, "unknown"),
    ]
    assert wan("fetch", first).code == 0
    api.log_lag = False
    assert wan("recover").code == 0
    api.generations[str(api.posts[1].id)].status = "completed"
    assert wan("fetch", "--all").code == 0
    all_right(wan, api, 2)


def test_wan_does_not_accept_an_id_that_another_record_has(wan: Wan, api: FakeApi) -> None:
    # The label is right or missing, but the id belongs to another record.
    (first,) = submitted(wan, api, "a hen", status="completed")
    body = {"id": first, "status": "queued"}
    api.on_post(Reply(body=body, headers={"x-inference-id": first}))
    result = wan("generate", "a fox", "--json")
    assert result.code == 0, result.err
    assert result.json_lines[0]["id"] == api.posts[1].id != first
    assert wan("fetch", "--all").code == 0
    all_right(wan, api, 2)


@pytest.mark.parametrize("echo", ["wan-0123456789abcdef0123456789abcdef.1", "x"])
def test_any_label_but_ours_makes_a_reply_ambiguous(wan: Wan, api: FakeApi, echo: str) -> None:
    api.on_post(
        Reply(
            body={"id": "of-somebody-else-0001", "status": "queued"},
            headers={"x-client-request-id": echo, "x-inference-id": "of-somebody-else-0001"},
        )
    )
    result = wan("generate", "a fox", "--json")
    assert (result.code, result.json_lines[0].get("id")) == (0, api.posts[0].id)
    assert len(api.posts) == 1


def test_a_reply_without_the_label_is_believed(wan: Wan, api: FakeApi) -> None:
    # A proxy may drop the header, and nothing shows that the reply is about another submission.
    api.on_post(Reply(headers={"x-client-request-id": None}))
    result = wan("generate", "a fox", "--json")
    assert (result.code, result.json_lines[0]["id"]) == (0, api.posts[0].id)
    assert log_reads(api) == 0


def test_a_refusal_of_another_submission_is_not_a_refusal_of_ours(wan: Wan, api: FakeApi) -> None:
    # If wan took it for ours, the same command would pay a second time.
    other = {"x-client-request-id": "wan-0123456789abcdef0123456789abcdef.1"}
    api.on_post(Reply(status=400, accept=True, headers=other))
    result = wan("generate", "a fox", "--json")
    assert len(api.posts) == 1
    assert (result.code, result.json_lines[0].get("id")) == (0, api.posts[0].id)


# --- both at once ---


def test_sixty_rows_of_an_api_that_crosses_its_replies_are_sixty_right_files(
    wan: Wan, api: FakeApi, work: Path
) -> None:
    api.crossing = Crossing(polls=0.2, posts=0.1)
    name = batch_file(work, *animals(60))
    wan.speed = SPEED
    result = wan("batch", name, "--yes", "--concurrency", "16", timeout=90)
    assert result.code == 0, result.err
    assert api.crossing.crossed_posts > 2
    assert api.crossing.crossed_polls > 20
    all_right(wan, api, 60)
    prompts = {row["id"]: row["request"]["prompt"] for row in rows(wan)}
    assert prompts == {post.id: post.body["prompt"] for post in api.accepted}
    again = wan("batch", name, "--yes", timeout=90)
    assert (again.code, len(api.posts)) == (0, 60)


# --- the meaning of a state (B3) ---

FAILED_WORDS = ["failed", "canceled", "Moderated"]


@pytest.mark.parametrize("word", FAILED_WORDS)
@pytest.mark.parametrize("video", [None, {"url": ""}], ids=["no video", "no url"])
def test_another_word_with_an_error_and_no_url_is_a_failure(
    wan: Wan, api: FakeApi, word: str, video: Any
) -> None:
    error = {"name": "ModerationError", "message": "the content was refused"}
    api.on_get(forever(Reply(body={"id": "{id}", "status": word, "video": video, "error": error})))
    result = wan("generate", "a fox", "--json")
    (line,) = result.json_lines
    assert (result.code, line["status"], line["cost_usd"]) == (9, "error", 0)
    assert "the content was refused" in result.err
    assert wan("status", str(api.posts[0].id)).code == 9


@pytest.mark.parametrize(
    "error", [{"detail": [{"msg": "too rude"}]}, {"name": "E", "message": "too rude"}]
)
def test_the_words_of_a_failure_are_printed_in_any_form(wan: Wan, api: FakeApi, error: Any) -> None:
    api.on_get(forever(Reply(body={"id": "{id}", "status": "failed", "error": error})))
    result = wan("generate", "a fox")
    assert result.code == 9
    assert "too rude" in result.err


def test_another_word_with_an_error_and_a_url_is_a_video(wan: Wan, api: FakeApi) -> None:
    body = {"id": "{id}", "status": "done", "error": {"message": "x"}, "video": {"url": "{url}"}}
    api.on_get(forever(Reply(body=body)))
    result = wan("generate", "a fox", "--json")
    assert result.code == 0
    assert has_right_file(api, result.json_lines[0])


@pytest.mark.parametrize("error", [None, {}, ""])
def test_another_word_with_neither_is_still_running(wan: Wan, api: FakeApi, error: Any) -> None:
    running = Reply(body={"id": "{id}", "status": "failed", "video": None, "error": error})
    api.on_get(*repeat(running, 3))
    assert wan("generate", "a fox").code == 0
    assert polls(api, str(api.posts[0].id)) > 3


# --- another key (B12), and answers that are not from the API (B10) ---


@pytest.mark.parametrize("refused", [refusal(404, "Generation not found"), refusal(403, "no")])
@pytest.mark.parametrize("command", ["fetch", "status", "status --watch"])
def test_a_generation_of_another_key_says_so_at_once(
    wan: Wan, api: FakeApi, command: str, refused: Reply
) -> None:
    (ours,) = submitted(wan, api, "a fox")
    api.on_get(forever(refused))
    result = wan(*command.split(), ours, env={"AIMLAPI_API_KEY": "another-key-abcdef0123456789"})
    assert result.code == 4
    assert polls(api, ours) == 1
    assert "another key" in result.err
    assert "fingerprint" in result.err


def test_among_many_only_the_generation_of_another_key_ends(
    wan: Wan, api: FakeApi, work: Path
) -> None:
    (theirs,) = submitted(wan, api, "a hen", status="completed")
    api.hides_others = True
    wan.env["AIMLAPI_API_KEY"] = "another-key-abcdef0123456789"
    ours = submitted(wan, api, "a fox", "an owl", status="completed")
    result = wan("fetch", "--all", "--json")
    assert {line["id"]: line["exit_code"] for line in result.json_lines} == {
        theirs: 4,
        **dict.fromkeys(ours, 0),
    }
    assert result.code == 4
    assert len(videos(work)) == 2


def test_a_firewall_page_during_a_wait_does_not_blame_the_key(wan: Wan, api: FakeApi) -> None:
    (ours,) = submitted(wan, api, "a fox", status="completed")
    api.on_get(*repeat(FIREWALL, 3), *repeat(Reply(status=401, body=b"<html>log in</html>"), 2))
    result = wan("fetch", ours)
    assert result.code == 0, result.err
    assert polls(api, ours) == 6
    assert "key" not in result.err


def test_a_firewall_page_on_a_post_is_a_refusal_that_does_not_blame_the_key(
    wan: Wan, api: FakeApi
) -> None:
    api.on_post(FIREWALL)
    result = wan("generate", "a fox")
    # By the contract this is a refusal; the code does not matter here.
    assert result.code in (4, 6, 11)
    assert len(api.posts) == 1
    assert "refused the key" not in result.err
    assert "proxy" in result.err
    assert [row["status"] for row in rows(wan)] == ["rejected"]
    assert wan("generate", "a fox").code == 0
    assert log_reads(api) == 0


def test_a_log_that_a_firewall_hides_is_read_again(wan: Wan, api: FakeApi) -> None:
    api.on_post(Reply(fault="reset"))
    api.on_logs(*repeat(FIREWALL, 2), NO_ROWS)
    result = wan("generate", "a fox", "--json")
    assert (result.code, len(api.posts)) == (0, 1)
    assert has_right_file(api, result.json_lines[0])
