"""wan recover --orphans: paid generations of wan that no record of the history explains."""

from datetime import timedelta
from pathlib import Path

import pytest

from tests.engines import BOTH
from tests.fake.api import FakeApi
from tests.fake.process import Wan
from tests.fake.script import Reply, forever
from tests.trials import change_rows

NEVER = Reply(fault="close", accept=False)
LOST = Reply(fault="close", accept=True)
LABEL = f"wan-{'0' * 32}.1"
NOTE = "the account's log has 1 generation of wan that the history does not have"


def lose(wan: Wan, api: FakeApi, reply: Reply) -> None:
    """Submit with a lost reply."""
    api.log_lag = api.ledger_lag = True
    api.on_post(reply)
    assert wan("generate", "a fox", "--timeout", "1").code == 10
    api.log_lag = api.ledger_lag = False


@BOTH
def test_orphans_are_paid_generations_of_wan_that_the_history_lacks(wan: Wan, api: FakeApi) -> None:
    assert wan("generate", "a dog", "--no-wait").code == 0
    lost = api.add_generation(client_request_id=LABEL)
    api.add_generation(client_request_id="of-another-program")
    api.add_generation()
    (row,) = wan("recover", "--orphans", "--json").json_lines
    assert (row["id"], row["client_request_id"]) == (lost.id, LABEL)
    result = wan("recover", "--orphans")
    assert result.out.startswith(f"{lost.id}  ")
    assert f"to save a video: wan fetch {lost.id}" in result.err
    assert wan("fetch", lost.id).code == 0
    after = wan("recover", "--orphans")
    assert (after.code, after.out) == (0, "")
    assert "has all generations" in after.err


def test_an_unresolved_submission_is_no_orphan(wan: Wan, api: FakeApi) -> None:
    lose(wan, api, LOST)
    assert wan("recover", "--orphans").out == ""


def test_recover_notes_orphans_where_nothing_is_unresolved(wan: Wan, api: FakeApi) -> None:
    assert "wan recover --orphans" not in wan("recover").err
    api.add_generation(client_request_id=LABEL)
    result = wan("recover")
    assert (result.code, result.out) == (0, "")
    assert NOTE in result.err
    assert result.err.endswith(": wan recover --orphans\n")
    assert wan("recover", "-q").err == ""
    assert wan("recover", "--json").json_lines == []


@pytest.mark.parametrize("status", [401, 403, 404, 500])
def test_a_log_that_cannot_be_read_is_a_failure_only_of_the_search_for_orphans(
    wan: Wan, api: FakeApi, status: int
) -> None:
    api.on_logs(forever(Reply(status=status)))
    result = wan("recover")
    assert (result.code, result.out) == (0, "")
    assert result.err == "no submission is unresolved\n"
    codes = {401: 4, 403: 4, 404: 6, 500: 11}
    result = wan("recover", "--orphans", "--json")
    assert (result.code, result.json_lines[0]["exit_code"]) == (codes[status], codes[status])
    assert "the account's log could not be read to its end" in result.err


def test_what_the_log_shows_before_a_failure_is_listed(wan: Wan, api: FakeApi) -> None:
    new = api.add_generation(client_request_id=LABEL)
    api.add_generation(client_request_id=f"wan-{'1' * 32}.1", created=api.now() - timedelta(days=2))
    api.log_pages.size = 1
    api.on_logs(Reply(), forever(Reply(status=500)))
    result = wan("recover", "--orphans")
    assert result.code == 11
    assert [line.split()[0] for line in result.out.splitlines()] == [new.id]


@pytest.mark.parametrize(
    "label", ["wan-1.1", f"wan-{'g' * 32}.1", f"wan-{'0' * 32}", f"x-wan-{'0' * 32}.1"]
)
def test_a_label_of_another_program_makes_no_orphan(wan: Wan, api: FakeApi, label: str) -> None:
    api.add_generation(client_request_id=label)
    assert wan("recover", "--orphans").out == ""


def test_a_failure_was_not_paid_for_and_is_no_orphan(wan: Wan, api: FakeApi) -> None:
    api.add_generation(client_request_id=LABEL, error={"name": "E", "message": "no"})
    assert wan("recover", "--orphans").out == ""


@BOTH
@pytest.mark.parametrize("words", [["--orphans"], []])
def test_an_adopted_orphan_is_fetched_like_any_other(
    wan: Wan, api: FakeApi, work: Path, words: list[str]
) -> None:
    lost = api.add_generation(
        client_request_id=LABEL, created=api.now() - timedelta(days=2), status="completed"
    )
    result = wan("recover", *words, "--adopt", lost.id, "--json")
    (row,) = result.json_lines
    assert (result.code, row["id"], row["client_request_id"]) == (0, lost.id, LABEL)
    assert row["created_at"][:16] == f"{lost.created:%Y-%m-%dT%H:%M}"
    assert f"next: wan fetch {lost.id}" in result.err
    assert wan("recover", "--orphans").out == ""
    assert wan("recover", *words, "--adopt", lost.id).code == 2
    assert wan("fetch", "--all").code == 0
    assert [path.read_bytes() for path in work.glob("*.mp4")] == [api.video]
    assert api.posts == []


def test_only_an_orphan_is_adopted_as_one(wan: Wan, api: FakeApi) -> None:
    unlabelled = api.add_generation()
    for generation_id in (unlabelled.id, "nobody-knows-this-id1"):
        result = wan("recover", "--orphans", "--adopt", generation_id)
        assert result.code == 2
        assert result.err.endswith("hint: wan recover --orphans\n")
        assert "no submission is unresolved" in wan("recover", "--adopt", generation_id).err
    assert wan("list", "--json").json_lines == []


def test_an_orphan_is_not_given_to_an_unresolved_submission(wan: Wan, api: FakeApi) -> None:
    lose(wan, api, NEVER)
    lost = api.add_generation(client_request_id=LABEL)
    assert wan("recover", "--orphans", "--adopt", lost.id).code == 0
    assert sorted(row["status"] for row in wan("list", "--json").json_lines) == [
        "queued",
        "unknown",
    ]


@BOTH
def test_a_submission_that_was_given_up_too_early_gets_its_generation(
    wan: Wan, api: FakeApi, work: Path
) -> None:
    lose(wan, api, LOST)
    api.log_lag = api.ledger_lag = True
    change_rows(wan, "created_at = created_at - 86400")
    assert wan("recover", "--settle-absent", "24h", "--yes").code == 0
    api.log_lag = api.ledger_lag = False
    assert wan("recover", "--orphans").out.startswith(f"{api.posts[0].id}  ")
    assert wan("recover", "--adopt", str(api.posts[0].id)).code == 0
    (row,) = wan("list", "--json").json_lines
    assert (row["id"], row["request"]["prompt"]) == (api.posts[0].id, "a fox")
    assert wan("recover", "--orphans").out == ""
    assert wan("fetch", "--all").code == 0
    assert len(list(work.glob("a-fox-*.mp4"))) == 1


@pytest.mark.parametrize("other", [["--forget", "wan-1"], ["wan-12345678"]])
def test_orphans_belong_to_no_submission(wan: Wan, other: list[str]) -> None:
    assert wan("recover", "--orphans", *other).code == 2
