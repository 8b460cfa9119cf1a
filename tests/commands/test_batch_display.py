"""The output of a batch: a display on a terminal, lines in a log, and a summary at the end."""

import re
import signal
from pathlib import Path

import pytest

from tests.fake.api import FakeApi
from tests.fake.process import Wan
from tests.fake.script import Reply, forever, refusal
from tests.fake.waiting import wait_until
from tests.terminal import ESCAPE, on_terminal, screen
from wan_cli.output.table import width_of

ROWS = "prompt,name\na fox,fox\na hen,hen\nan owl,\n"


@pytest.fixture
def file(work: Path) -> Path:
    """A batch of three rows, two of them with names."""
    path = work / "rows.csv"
    path.write_text(ROWS)
    return path


def failing(api: FakeApi) -> None:
    """Make the generation of the hen fail."""
    wait_until(lambda: len(api.accepted) == 3)
    hen = next(str(post.id) for post in api.accepted if post.body["prompt"] == "a hen")
    api.generations[hen].fail("not nice")


def test_a_log_gets_one_line_for_each_row(wan: Wan, api: FakeApi, file: Path) -> None:
    result = wan("batch", "--yes", file.name, "--no-lookup")
    assert result.code == 0
    lines = result.err.splitlines()
    shown = sorted(line.partition("] ")[2] for line in lines if line.startswith("["))
    owl = next(post.id for post in api.posts if post.body["prompt"] == "an owl")
    assert [re.sub(r"\d:\d\d", "T", line) for line in shown] == [
        "fox  saved  $1.58  T  fox.mp4",
        "hen  saved  $1.58  T  hen.mp4",
        f"row 3  saved  $1.58  T  an-owl-{str(owl)[:8]}.mp4",
    ]
    assert [line[:5] for line in lines if line.startswith("[")] == ["[1/3]", "[2/3]", "[3/3]"]
    # Only the price and the summary follow: no line for each state.
    assert lines[0] == "price: $4.73 for 3 generations"
    assert re.fullmatch(r"3 of 3 saved, \$4\.73 spent, \d+ s", lines[-1])
    assert len(lines) == 5


def test_quiet_prints_neither_lines_nor_a_summary(wan: Wan, api: FakeApi, file: Path) -> None:
    result = wan("batch", "--yes", file.name, "-q")
    assert (result.code, result.err, len(result.out.splitlines())) == (0, "", 3)


def test_rows_of_earlier_runs_share_one_line(wan: Wan, api: FakeApi, file: Path) -> None:
    assert wan("batch", "--yes", file.name).code == 0
    file.write_text(ROWS + "an elk,\n")
    result = wan("batch", "--yes", file.name)
    assert result.code == 0
    assert result.err.count("earlier runs") == 1
    assert "3 rows were finished by earlier runs\n" in result.err
    assert re.findall(r"^\[.*?\] row 4  saved", result.err, re.MULTILINE) == ["[4/4] row 4  saved"]
    assert "4 of 4 saved, $6.30 spent in total" in result.err


def test_the_summary_tells_what_this_run_spent_from_the_total(
    wan: Wan, api: FakeApi, file: Path
) -> None:
    api.looks = 2
    assert wan("batch", "--yes", file.name, "--no-wait").code == 0

    def spent() -> tuple[object, object]:
        summary = wan("batch", "--yes", file.name, "--json").summary
        return summary["cost_usd"], summary["total_cost_usd"]

    assert spent() == (0, 4.725)
    file.write_text(ROWS + "an elk,\n")
    assert spent() == (1.575, 6.3)
    result = wan("batch", "--yes", file.name)
    assert "4 of 4 saved, $6.30 spent in total" in result.err
    assert wan("generate", "a cat", "--no-wait").code == 0
    assert wan("generate", "a dog", "--no-wait").code == 0
    fetched = wan("fetch", "--all", "--json").summary
    assert (fetched["cost_usd"], fetched["total_cost_usd"]) == (0, 3.15)


def test_a_log_gets_a_line_after_a_minute_without_events(
    wan: Wan, api: FakeApi, file: Path
) -> None:
    api.looks = 10**6
    wan.speed = 60
    running = wan.start("batch", "--yes", file.name, "--max-cost", "20")
    beat = re.compile(
        r"^\[0/3\] 0 saved · 3 in flight · \$4\.73 of \$20\.00 · (\d+):", re.MULTILINE
    )
    wait_until(lambda: len(beat.findall(running.err)) >= 2)
    for post in api.accepted:
        api.generations[str(post.id)].status = "completed"
    result = running.wait()
    assert result.code == 0
    # Never two in the same minute.
    minutes = [int(minute) for minute in beat.findall(result.err)]
    assert minutes == sorted({*minutes})
    assert minutes[0] >= 1


def test_the_summary_names_the_failed_rows_and_the_command_that_continues(
    wan: Wan, api: FakeApi, file: Path
) -> None:
    api.looks = 10
    running = wan.start("batch", "--yes", file.name, "--output-dir", "my clips")
    failing(api)
    result = running.wait()
    assert result.code == 9
    assert re.search(r"^\[\d/3\] hen  failed  \$0\.00  0:\d\d  ", result.err, re.MULTILINE)
    summary = result.err.splitlines()[-3:]
    assert re.fullmatch(r"2 of 3 saved, 1 failed, \$3\.15 spent, \d+ s", summary[0])
    assert summary[1:] == [
        "failed: hen",
        "to continue: wan batch --yes rows.csv --output-dir 'my clips' --retry-failed",
    ]
    again = wan("batch", "--yes", file.name, "--output-dir", "my clips", "--retry-failed")
    assert again.code == 0
    assert "to continue" not in again.err


def test_with_json_the_last_object_is_the_summary(wan: Wan, api: FakeApi, file: Path) -> None:
    api.looks = 10
    running = wan.start("batch", "--yes", "--json", "-q", "--", file.name)
    failing(api)
    result = running.wait()
    assert [line.get("type") for line in result.json_lines] == [None] * 3
    summary = result.summary
    assert summary.pop("elapsed_s") >= 0
    assert summary == {
        "type": "summary",
        "total": 3,
        "saved": 2,
        "failed": 1,
        "failed_names": ["hen"],
        "ready": 0,
        "unknown": 0,
        "in_flight": 0,
        "not_submitted": 0,
        "finished_earlier": 0,
        "cost_usd": 3.15,
        "total_cost_usd": 3.15,
        "exit_code": 9,
        "continue": "wan batch --yes --json -q --retry-failed -- rows.csv",
    }


def test_the_summary_counts_rows_in_flight_unknown_and_not_submitted(
    wan: Wan, api: FakeApi, file: Path
) -> None:
    submitted = wan("batch", "--yes", file.name, "--no-wait", "--json")
    assert (submitted.summary["in_flight"], submitted.summary["saved"]) == (3, 0)
    assert submitted.summary["continue"] == "wan batch --yes rows.csv --no-wait --json"
    file.write_text("prompt\nan elk\na cat\na dog\n")
    api.on_post(Reply(), refusal(402, "no credits"))
    stopped = wan("batch", "--yes", file.name, "--json", "--concurrency", "1").summary
    assert (stopped["saved"], stopped["failed"], stopped["not_submitted"]) == (1, 1, 1)
    assert stopped["continue"].startswith("wan batch --yes rows.csv")


def test_an_interrupted_batch_prints_its_progress(wan: Wan, api: FakeApi, file: Path) -> None:
    api.looks = 10**6
    running = wan.start("batch", "--yes", file.name, "--no-lookup")
    wait_until(lambda: len(api.gets) > 20 and len(api.accepted) == 3)
    fox = next(str(post.id) for post in api.accepted if post.body["prompt"] == "a fox")
    api.generations[fox].status = "completed"
    running.wait_for("fox  saved")
    running.kill(signal.SIGINT)
    result = running.wait()
    assert result.code == -signal.SIGINT
    *_, summary, error, hint = result.err.splitlines()
    assert re.fullmatch(r"1 of 3 saved, 2 in flight, \$4\.73 spent, \d+ s", summary)
    assert error.startswith("error: interrupted; generations ")
    assert hint == "hint: wan batch --yes rows.csv --no-lookup"


def test_a_row_that_waits_for_the_rate_limit_does_not_count_as_spent(
    wan: Wan, api: FakeApi, file: Path
) -> None:
    api.looks = 10**6
    api.on_post(Reply(), Reply(status=429, headers={"Retry-After": "59"}))
    running = wan.start("batch", "--yes", file.name, "--no-lookup")
    running.wait_for("the API is rate limited; trying again in 59 s")
    seen = len(api.gets)
    # By now the batch has reported that the row waits.
    wait_until(lambda: len(api.gets) > seen + 20)
    running.kill(signal.SIGTERM)
    assert "0 of 3 saved, 1 in flight, 2 not submitted, $1.58 spent" in running.wait().err


def test_variations_of_a_prompt_share_the_display(wan: Wan, api: FakeApi) -> None:
    api.looks = 40
    code, written = on_terminal(wan, "generate", "a fox", "--count", "2", "--yes")
    assert code == 0
    assert "0 saved · 2 in flight · $3.15 spent" in ESCAPE.sub("", written)


def test_fetch_all_of_several_generations_ends_with_a_summary(wan: Wan, api: FakeApi) -> None:
    for prompt in ("a fox", "a hen"):
        assert wan("generate", prompt, "--no-wait").code == 0
    result = wan("fetch", "--all")
    assert re.fullmatch(r"2 of 2 saved, \$3\.15 spent in total, \d+ s", result.err.splitlines()[-1])
    assert wan("generate", "an owl", "--no-wait").code == 0
    alone = wan("fetch", "--all", "--json")
    assert [line.get("type") for line in alone.json_lines] == [None]
    assert "spent" not in alone.err


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_a_terminal_shows_the_rows_and_is_left_clean(
    wan: Wan, api: FakeApi, file: Path, columns: int
) -> None:
    api.looks = 40
    argv = ("batch", "--max-cost", "20", "--yes", file.name, "--no-lookup")
    code, written = on_terminal(wan, *argv, columns=columns)
    assert code == 0
    drawn = [ESCAPE.sub("", line) for line in re.split(r"[\r\n]", written)]
    text = "\n".join(drawn)
    assert re.search(r"[━╌]+ 0/3\n", text)
    assert "0 saved · 3 in flight" in text
    assert "$4.73 of $20.00" in text
    assert re.search(r"about \d+:\d\d left", text)
    # A row without a name shows its prompt if there is room.
    prompt = "  an owl" if columns > 40 else ""
    for name, end in (("fox", ""), ("hen", ""), ("row 3", prompt)):
        line = rf"^[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏] {name} +generating +\d:\d\d{end}$"
        assert re.search(line, text, re.MULTILINE)
    spinning = [line for line in drawn if line[:1] in {*"⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏━╌"}]
    assert max(map(width_of, spinning)) <= columns - 2
    left = screen(written)
    assert left[0] == "price: $4.73 for 3 generations"
    assert sorted(left[1:4]) == sorted(str(path) for path in wan.work.glob("*.mp4"))
    assert re.fullmatch(r"3 of 3 saved, \$4\.73 spent, \d+ s", left[4])
    assert len(left) == 5


@pytest.mark.parametrize("change", [{"CI": "true"}, {"TERM": "dumb"}])
def test_a_terminal_without_a_live_display_gets_lines(
    wan: Wan, api: FakeApi, file: Path, change: dict[str, str]
) -> None:
    code, written = on_terminal(wan, "batch", "--yes", file.name, env=change)
    assert code == 0
    assert "\x1b[?25l" not in written
    assert written.count("  saved  ") == 3


def test_status_watch_shows_several_generations_on_one_display(wan: Wan, api: FakeApi) -> None:
    api.looks = 40
    ids = [wan("generate", prompt, "--no-wait", "-q").out.strip() for prompt in ("a fox", "a hen")]
    code, written = on_terminal(wan, "status", "--watch", *ids)
    assert code == 0
    text = ESCAPE.sub("", written)
    assert "0 completed · 2 in flight" in text
    assert all(f" {each}  generating" in text for each in ids)
    assert sorted(line.split("  ")[0] for line in screen(written)) == sorted(ids)


def test_errors_are_printed_above_the_display(wan: Wan, api: FakeApi, file: Path) -> None:
    api.on_post(forever(refusal(400, "no")))
    code, written = on_terminal(wan, "batch", "--yes", file.name, "--no-lookup")
    assert code == 6
    left = screen(written)
    assert [line.partition(":")[0] for line in left].count("error") == 3
    assert left[-2].startswith("failed: fox, hen, row 3")
