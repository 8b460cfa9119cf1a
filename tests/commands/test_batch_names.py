"""Which row is which: by the batch's name, its request and its occurrence, not by a path."""

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.fake.api import FakeApi
from tests.fake.process import Result, Wan
from tests.fake.script import Reply, forever, refusal
from wan_cli.identity import old_key

ROWS = "a fox\na hen\na fox\n"


@pytest.fixture
def file(work: Path) -> Path:
    """A batch of three prompts, two of which are equal; it has been run."""
    path = work / "prompts.txt"
    path.write_text(ROWS)
    return path


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """Another working folder, beside the first."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    return folder


def other_machine(tmp_path: Path) -> dict[str, str | None]:
    return {"WAN_HOME": str(tmp_path / "other-home")}


def run(wan: Wan, *argv: str, **options: Any) -> Result:
    result = wan("batch", "--yes", *argv, **options)
    assert result.code == 0, result.err
    return result


def test_a_copy_a_link_and_a_checkout_continue_the_batch(
    wan: Wan, api: FakeApi, file: Path, work: Path, elsewhere: Path
) -> None:
    run(wan, "prompts.txt")
    checkout = work / "checkout" / "data"
    checkout.mkdir(parents=True)
    shutil.copy(file, checkout)
    (work / "latest.txt").symlink_to(file)
    (elsewhere / "prompts.txt").symlink_to(file)
    for name in ("checkout/data/prompts.txt", "latest.txt", str(elsewhere / "prompts.txt")):
        assert len(run(wan, name).out.splitlines()) == 3
    file.rename(elsewhere / "moved.txt")
    (elsewhere / "moved.txt").rename(elsewhere / "prompts.txt")
    run(wan, str(elsewhere / "prompts.txt"))
    assert len(api.posts) == 3


def test_a_batch_that_began_by_a_link_continues_by_its_file(
    wan: Wan, api: FakeApi, file: Path, work: Path
) -> None:
    (work / "latest.txt").symlink_to(file)
    run(wan, "latest.txt")
    run(wan, "prompts.txt")
    assert len(api.posts) == 3
    # The link now leads to another file with the same rows, and is the same batch still.
    (work / "latest.txt").unlink()
    shutil.copy(file, work / "new.txt")
    (work / "latest.txt").symlink_to("new.txt")
    run(wan, "latest.txt")
    assert len(api.posts) == 3


def test_a_file_that_a_spreadsheet_saved_again_continues_the_batch(
    wan: Wan, api: FakeApi, work: Path
) -> None:
    (work / "rows.csv").write_text("prompt,duration,seed\na fox,5,\na hen,10,7\n")
    run(wan, "rows.csv")
    (work / "rows.csv").write_bytes(
        "\ufeffseed;duration;prompt\r\n;5.0;a fox\r\n7.0;10.0;a hen\r\n".encode()
    )
    run(wan, "rows.csv")
    assert len(api.posts) == 2


@pytest.mark.parametrize("written", ["{url}/", "{url}/v1", "{url}/v2/", "HTTP{rest}"])
def test_the_same_service_written_otherwise_continues_the_batch(
    wan: Wan, api: FakeApi, file: Path, written: str
) -> None:
    run(wan, "prompts.txt", "--no-wait")
    url = written.format(url=api.base_url, rest=api.base_url.removeprefix("http"))
    result = wan("batch", "--yes", "prompts.txt", "--dry-run", env={"WAN_BASE_URL": url})
    assert (result.code, result.out) == (0, "")


def test_another_name_is_another_batch_and_it_says_so_before_paying(
    wan: Wan, api: FakeApi, file: Path, work: Path
) -> None:
    run(wan, "prompts.txt", "--no-wait")
    file.rename(work / "more.txt")
    (work / "more.txt").write_text("a hen\nan owl\na fox\na fox\na fox\na cat\n")
    result = wan("batch", "more.txt")  # Nobody has agreed to the price: nothing is sent.
    assert result.code == 2
    said = "3 of these 6 rows were made by batch prompts.txt today; --as prompts.txt continues it"
    assert said in result.err
    assert len(api.posts) == 3
    assert said in run(wan, "more.txt", "--dry-run").err + result.err
    again = run(wan, "more.txt", "--as", "prompts.txt", "--no-wait")
    assert "were made by" not in again.err
    assert len(api.posts) == 6


def test_a_fresh_name_makes_everything_again(wan: Wan, api: FakeApi, file: Path) -> None:
    run(wan, "prompts.txt", "--no-wait")
    result = run(wan, "prompts.txt", "--as", "second take", "--no-wait")
    assert "--as prompts.txt continues it" in result.err
    run(wan, "prompts.txt", "--as", "second take", "--no-wait")
    assert len(api.posts) == 6
    third = run(wan, "prompts.txt", "--as", "third", "--no-wait")
    assert "3 of these 3 rows were made by batch second take today" in third.err
    assert "--as 'second take' continues it" in third.err


def test_what_generate_made_is_said_too(wan: Wan, api: FakeApi, file: Path) -> None:
    assert wan("generate", "a hen", "--no-wait").code == 0
    result = run(wan, "prompts.txt", "--no-wait")
    assert "1 of these 3 rows was made by wan generate today" in result.err
    assert len(api.posts) == 4


def test_what_failed_or_was_refused_is_not_said(wan: Wan, api: FakeApi, file: Path) -> None:
    api.on_post(refusal(400, "not nice"))
    assert wan("generate", "a hen", "--no-wait").code == 6
    api.error = {"name": "ModerationError", "message": "no"}
    assert wan("generate", "a fox").code == 9
    api.error = None
    assert "made by" not in run(wan, "prompts.txt", "--no-wait").err


@pytest.mark.parametrize("name", ["", " ", "x" * 201, "a\nb"])
def test_what_is_no_name_is_refused(wan: Wan, api: FakeApi, file: Path, name: str) -> None:
    result = wan("batch", "--yes", "prompts.txt", "--as", name)
    assert (result.code, api.posts) == (2, [])
    assert "is not a name of 1 to 200 printable characters" in result.err


def test_stdin_is_known_by_the_folder_and_can_have_a_name(
    wan: Wan, api: FakeApi, elsewhere: Path
) -> None:
    rows = ROWS.encode()
    run(wan, "-", "--no-wait", input=rows)
    run(wan, "-", "--no-wait", input=rows)
    assert len(api.posts) == 3
    wan.work = elsewhere
    run(wan, "-", "--no-wait", "--as", "nightly", input=rows)
    (elsewhere / "nightly").write_text(ROWS)
    run(wan, "nightly", "--no-wait")
    assert len(api.posts) == 6


# Videos that are on disk elsewhere.


def test_videos_that_are_elsewhere_are_copied_and_said_in_one_line(
    wan: Wan, api: FakeApi, file: Path, work: Path, elsewhere: Path
) -> None:
    first = run(wan, "prompts.txt")
    shutil.copy(file, elsewhere)
    wan.work = elsewhere
    api.cdn.requests.clear()
    result = run(wan, "prompts.txt")
    paths = [Path(line) for line in result.out.splitlines()]
    assert {path.parent for path in paths} == {elsewhere}
    assert all(path.read_bytes() == api.video for path in paths)
    assert result.err.count("on disk elsewhere") == 1
    assert f"3 videos were on disk elsewhere: copied to {elsewhere}" in result.err
    # The first ones stay where they are, and both places are known from now on.
    assert all(Path(line).exists() for line in first.out.splitlines())
    for folder in (work, elsewhere):
        wan.work = folder
        again = run(wan, "prompts.txt")
        assert "copied" not in again.err
        assert {Path(line).parent for line in again.out.splitlines()} == {folder}
    assert len(list(elsewhere.glob("*.mp4"))) == len(list(work.glob("*.mp4"))) == 3
    assert not list(elsewhere.glob("*.part*"))
    assert (len(api.posts), api.cdn.requests) == (3, [])


def test_a_copy_never_replaces_a_file_and_force_does(wan: Wan, api: FakeApi, work: Path) -> None:
    (work / "rows.jsonl").write_text('{"prompt":"a fox","output":"a/fox.mp4"}')
    run(wan, "rows.jsonl")
    (work / "b").mkdir()
    (work / "b" / "fox.mp4").write_bytes(b"mine")
    (work / "rows.jsonl").write_text('{"prompt":"a fox","output":"b/fox.mp4"}')
    assert run(wan, "rows.jsonl").out == f"{work / 'b' / 'fox-1.mp4'}\n"
    assert (work / "b" / "fox.mp4").read_bytes() == b"mine"
    assert run(wan, "rows.jsonl").out == f"{work / 'b' / 'fox-1.mp4'}\n"
    run(wan, "rows.jsonl", "--force")
    assert (work / "b" / "fox.mp4").read_bytes() == api.video
    assert len(api.posts) == 1


def test_a_video_that_is_broken_is_not_copied(wan: Wan, api: FakeApi, work: Path) -> None:
    (work / "rows.jsonl").write_text('{"prompt":"a fox","output":"a/fox.mp4"}')
    run(wan, "rows.jsonl")
    broken = work / "a" / "fox.mp4"
    broken.write_bytes(b"\0" * broken.stat().st_size)
    (work / "rows.jsonl").write_text('{"prompt":"a fox","output":"b/fox.mp4"}')
    result = wan("batch", "--yes", "rows.jsonl")
    assert result.code == 13
    assert "hint: wan fetch " in result.err
    assert list((work / "b").iterdir()) == []
    api.check_files = False  # There is one that is broken.


def test_a_row_that_moves_within_its_folder_is_not_copied(
    wan: Wan, api: FakeApi, file: Path, work: Path
) -> None:
    options = ("--output-dir", "clips")
    run(wan, "prompts.txt", *options, env={"WAN_NAME_TEMPLATE": "{row}-{slug}"})
    file.write_text(f"an owl\n{ROWS}")
    result = run(wan, "prompts.txt", *options, env={"WAN_NAME_TEMPLATE": "{row}-{slug}"})
    assert "copied" not in result.err
    assert len(list((work / "clips").glob("*.mp4"))) == 4


# A key of `once` for a row.


def test_rows_may_have_keys(wan: Wan, api: FakeApi, work: Path) -> None:
    rows = [{"prompt": "a fox", "once": "k1"}, {"prompt": "a hen", "once": "k2"}]
    (work / "rows.json").write_text(json.dumps(rows))
    first = run(wan, "rows.json")
    (work / "rows.json").rename(work / "others.json")
    again = run(wan, "others.json")
    assert {*again.out.splitlines()} == {*first.out.splitlines()}
    alone = wan("generate", "a fox", "--once", "k1")
    assert alone.out.strip() in first.out
    assert len(api.posts) == 2


def test_a_row_that_gets_a_key_or_loses_it_is_the_same_row(
    wan: Wan, api: FakeApi, work: Path
) -> None:
    file = work / "rows.json"
    for row in ({"prompt": "a fox"}, {"prompt": "a fox", "once": "k1"}):
        file.write_text(json.dumps([row]))
        run(wan, "rows.json")
    rows = [{"prompt": "a hen", "once": "k2"}, {"prompt": "a hen"}]
    for row in rows:
        file.write_text(json.dumps([row]))
        run(wan, "rows.json")
    assert len(api.posts) == 2


def test_a_key_of_another_request_is_refused_with_its_line(
    wan: Wan, api: FakeApi, work: Path
) -> None:
    assert wan("generate", "a fox", "--once", "k1", "--no-wait").code == 0
    rows = [{"prompt": "a hen"}, {"prompt": "a red fox", "once": "k1"}]
    (work / "rows.json").write_text(json.dumps(rows))
    result = wan("batch", "--yes", "rows.json")
    assert (result.code, len(api.posts)) == (2, 1)
    assert "error: rows.json:1: --once k1 was used on " in result.err


def test_rows_with_one_key_are_one_video(wan: Wan, api: FakeApi, work: Path) -> None:
    (work / "rows.json").write_text(json.dumps([{"prompt": "a fox", "once": "k1"}] * 2))
    result = run(wan, "rows.json")
    assert len(result.out.splitlines()) == 1
    assert "1 row that repeats a key of once skipped" in result.err
    assert len(api.posts) == 1


def test_a_row_with_a_key_is_tried_again_after_it_failed(
    wan: Wan, api: FakeApi, work: Path
) -> None:
    (work / "rows.json").write_text(json.dumps([{"prompt": "a fox", "once": "k1"}]))
    api.error = {"name": "ModerationError", "message": "no"}
    assert wan("batch", "--yes", "rows.json").code == 9
    api.error = None
    run(wan, "rows.json")
    run(wan, "rows.json")
    assert [str(post.label).rpartition(".")[2] for post in api.posts] == ["1", "2"]


# Two machines that share an account and no history.


def test_another_machine_finds_the_videos_of_a_batch_in_the_log(
    wan: Wan, api: FakeApi, file: Path, elsewhere: Path, tmp_path: Path
) -> None:
    run(wan, "prompts.txt")
    shutil.copy(file, elsewhere)
    wan.work, machine = elsewhere, other_machine(tmp_path)
    result = run(wan, "prompts.txt", env=machine)
    assert result.err.count("the log does not show generations still in flight") == 1
    assert "found 3 generations in the account's log" in result.err
    assert len(result.out.splitlines()) == 3
    assert len(api.posts) == 3
    # From now on its own history knows them.
    api.on_logs(forever(Reply(status=503)))
    assert len(run(wan, "prompts.txt", env=machine).out.splitlines()) == 3
    assert len(api.posts) == 3


def test_another_machine_pays_for_the_rows_that_are_missing_alone(
    wan: Wan, api: FakeApi, file: Path, tmp_path: Path
) -> None:
    run(wan, "prompts.txt", "--shard", "0/2")
    assert len(api.posts) == 2
    result = run(wan, "prompts.txt", "--max-cost", "4.73", env=other_machine(tmp_path))
    assert len(result.out.splitlines()) == 3
    assert sorted(str(post.body["prompt"]) for post in api.posts) == ["a fox", "a fox", "a hen"]


def test_what_failed_there_is_submitted_here_as_the_next_attempt(
    wan: Wan, api: FakeApi, file: Path, tmp_path: Path
) -> None:
    file.write_text("a fox\n")
    api.error = {"name": "ModerationError", "message": "no"}
    assert wan("batch", "--yes", "prompts.txt").code == 9
    api.error = None
    run(wan, "prompts.txt", env=other_machine(tmp_path))
    assert [str(post.label).rpartition(".")[2] for post in api.posts] == ["1", "2"]


def test_without_the_search_the_log_is_not_asked(wan: Wan, api: FakeApi, file: Path) -> None:
    run(wan, "prompts.txt", "--no-wait", "--no-lookup")
    assert not any(get.path == "/v2/logs" for get in api.gets)


def test_a_batch_that_is_known_is_not_searched_for_again(
    wan: Wan, api: FakeApi, file: Path
) -> None:
    run(wan, "prompts.txt", "--no-wait")
    searched = sum(get.path == "/v2/logs" for get in api.gets)
    file.write_text(f"{ROWS}an owl\n")
    run(wan, "prompts.txt", "--no-wait")
    assert sum(get.path == "/v2/logs" for get in api.gets) == searched
    assert len(api.posts) == 4


def test_a_key_that_may_not_read_the_log_goes_by_its_history(
    wan: Wan, api: FakeApi, file: Path
) -> None:
    api.on_logs(forever(refusal(403, "not allowed")))
    result = run(wan, "prompts.txt", "--no-wait")
    assert "warning: this key may not read the account's log" in result.err
    assert len(api.posts) == 3


def test_a_log_that_is_down_keeps_an_unknown_batch_from_paying(
    wan: Wan, api: FakeApi, file: Path
) -> None:
    api.on_logs(forever(Reply(status=503)))
    result = wan("batch", "--yes", "prompts.txt", "--timeout", "1")
    assert (result.code, api.posts) == (11, [])
    assert "the account's log cannot be read" in result.err
    assert "nothing was submitted" in result.err


def test_keys_of_rows_are_searched_for_in_a_batch_that_is_known(
    wan: Wan, api: FakeApi, work: Path, tmp_path: Path
) -> None:
    machine = other_machine(tmp_path)
    (work / "rows.json").write_text(json.dumps([{"prompt": "a hen"}]))
    run(wan, "rows.json", env=machine)
    rows = [{"prompt": "a hen"}, {"prompt": "a fox", "once": "k1"}]
    (work / "rows.json").write_text(json.dumps(rows))
    run(wan, "rows.json", "--as", "others")
    posts = len(api.posts)
    run(wan, "rows.json", env=machine)
    assert len(api.posts) == posts == 3


# Histories of older versions.


def make_old(journal: Path, place: str, base_url: str) -> None:
    """Turn a history into one of schema 5, whose rows are known by the path of their file."""
    with closing(sqlite3.connect(journal)) as database:
        seen: dict[str, int] = {}
        for ref, request in database.execute("SELECT ref, request FROM generations").fetchall():
            seen[request] = seen.get(request, 0) + 1
            key = old_key(base_url, place, request, seen[request])
            database.execute("UPDATE generations SET row_key = ? WHERE ref = ?", (key, ref))
        for index in ("other", "batch", "old"):
            database.execute(f"DROP INDEX generations_{index}")
        for column in ("other_key", "batch", "once"):
            database.execute(f"ALTER TABLE generations DROP COLUMN {column}")
        database.execute("PRAGMA user_version = 5")
        database.commit()


def test_a_history_that_knows_rows_by_their_path_still_finds_them(
    wan: Wan, api: FakeApi, file: Path, home: Path, elsewhere: Path
) -> None:
    run(wan, "prompts.txt", "--no-wait")
    make_old(home / "history.db", str(file), api.base_url)
    assert wan("batch", "--yes", "prompts.txt", "-n").out == ""
    assert len(run(wan, "prompts.txt").out.splitlines()) == 3
    # They have the new keys now: by another path they are found too.
    file.rename(elsewhere / "prompts.txt")
    run(wan, str(elsewhere / "prompts.txt"))
    assert len(api.posts) == 3
    assert (home / "history.db.v5").exists()


def test_old_rows_of_another_path_are_said_before_paying(
    wan: Wan, api: FakeApi, file: Path, home: Path, elsewhere: Path
) -> None:
    run(wan, "prompts.txt", "--no-wait")
    make_old(home / "history.db", str(file), api.base_url)
    shutil.copy(file, elsewhere)
    # Its labels were not derived: the log would not tell.
    result = wan("batch", str(elsewhere / "prompts.txt"), "--no-lookup")
    assert (result.code, len(api.posts)) == (2, 3)
    assert "3 of these 3 rows were made by a batch today, with an older wan" in result.err
    # A fresh name is a fresh batch, also for an old history.
    run(wan, "prompts.txt", "--as", "again", "--no-wait")
    assert len(api.posts) == 6


def test_rows_of_an_old_pipe_are_found_by_their_folder(
    wan: Wan, api: FakeApi, work: Path, home: Path
) -> None:
    run(wan, "-", "--no-wait", input=ROWS.encode())
    make_old(home / "history.db", f"stdin of {work}", api.base_url)
    run(wan, "-", "--no-wait", input=ROWS.encode())
    assert len(api.posts) == 3


def test_a_file_whose_name_is_not_utf8_is_a_batch_too(wan: Wan, api: FakeApi, work: Path) -> None:
    (work / "caf\udce9.txt").write_text("a fox\n")
    for _ in range(2):
        run(wan, "caf\udce9.txt", "--no-wait")
    assert len(api.posts) == 1


def test_a_certificate_that_is_not_trusted_is_tried_once(wan: Wan, work: Path) -> None:
    (work / "prompts.txt").write_text("a fox\n")
    with FakeApi(tls=True) as api:
        result = wan("batch", "--yes", "prompts.txt", env={"WAN_BASE_URL": api.base_url})
    assert result.code == 11
    assert "trying again" not in result.err
    assert "hint: set SSL_CERT_FILE" in result.err


def test_the_embedded_sandbox_knows_its_rows_and_keys_again(
    wan: Wan, api: FakeApi, file: Path, work: Path
) -> None:
    small = ("--sandbox", "--duration", "5", "--resolution", "720p")
    first = run(wan, "prompts.txt", *small)
    assert "the account's log" not in first.err  # No other machine has used it.
    file.rename(work / "copy.txt")
    again = run(wan, "copy.txt", "--as", "prompts.txt", *small)
    assert {*again.out.splitlines()} == {*first.out.splitlines()}
    for _ in range(2):
        assert wan("generate", "a cat", "--once", "k", "-o", "cat.mp4", *small).code == 0
    assert wan("generate", "a dog", "-o", "dog.mp4", "--no-wait", *small).code == 0
    assert "continuing with" in wan("generate", "a dog", "-o", "dog.mp4", *small).err
    assert len(wan("list", "--json", "--sandbox").json_lines) == 5
    api.check_files = False  # The sandbox has served them.
