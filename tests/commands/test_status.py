"""wan status, run as a real command: exit codes by state, ids in every form."""

from tests.engines import BOTH
from tests.fake.api import FakeApi
from tests.fake.process import Wan
from tests.fake.script import Reply, forever

DASHED = "-G3b3vVKdoC42fMNeK1T5"


def submitted(wan: Wan, prompt: str = "a fox") -> str:
    return wan("generate", prompt, "--no-wait", "-q").out.strip()


def test_the_exit_code_shows_the_state(wan: Wan, api: FakeApi) -> None:
    generation_id = submitted(wan)
    state = api.generations[generation_id]
    codes = {}
    for word in ("queued", "generating", "completed"):
        state.status = word
        result = wan("status", generation_id)
        codes[word] = result.code
        assert result.out.startswith(f"{generation_id}  {word}  ")
        assert result.out.count("\n") == 1
        assert "error" not in result.err
    assert codes == {"queued": 8, "generating": 8, "completed": 0}
    assert api.cdn.requests == []


def test_a_failed_generation_is_9_and_status_says_why(wan: Wan, api: FakeApi) -> None:
    generation_id = submitted(wan)
    state = api.generations[generation_id]
    state.status = "error"
    state.fail("not nice")
    result = wan("status", generation_id, "--json")
    (line,) = result.json_lines
    assert result.code == line["exit_code"] == 9
    assert line["status"] == "error"
    assert "not nice" in line["error"]["message"]
    assert line["cost_usd"] == 0


def test_watch_follows_a_generation_to_its_end_without_downloading(wan: Wan, api: FakeApi) -> None:
    generation_id = submitted(wan)
    result = wan("status", "--watch", generation_id)
    assert (result.code, api.cdn.requests) == (0, [])
    assert result.out.startswith(f"{generation_id}  completed")
    assert [line.split()[-1] for line in result.err.splitlines()] == [
        "queued",
        "generating",
        "completed",
    ]


def test_watch_ends_at_its_deadline(wan: Wan, api: FakeApi) -> None:
    api.looks = 100_000
    result = wan("status", "--watch", "--timeout", "0.3", submitted(wan), "--json")
    assert result.code == result.json_lines[0]["exit_code"] == 8


def test_an_id_may_begin_with_a_dash(wan: Wan, api: FakeApi) -> None:
    api.ids = [DASHED]
    api.looks = 1000
    assert submitted(wan) == DASHED
    for argv in (
        ["status", DASHED],
        ["status", "--", DASHED],
        ["status", DASHED, "--json", "-q"],
        ["status", "-G3b3v"],
        ["status", "@last"],
        ["fetch", DASHED, "--no-wait"],
    ):
        assert wan(*argv).code == 8, argv
    asked = {get.query for get in api.gets if "generation_id" in get.query}
    assert asked == {f"generation_id={DASHED}"}


def test_an_id_that_begins_with_a_dash_can_be_adopted(wan: Wan, api: FakeApi) -> None:
    api.on_post(Reply(status=502, accept=False))
    assert wan("generate", "a fox", "-q", "--timeout", "1").code == 10
    api.add_generation(id=DASHED, looks=0)
    result = wan("recover", "--adopt", DASHED, "--json")
    assert result.json_lines[-1]["id"] == DASHED
    assert wan("status", "@last").out.startswith(DASHED)


@BOTH
def test_an_ambiguous_prefix_is_refused(wan: Wan, api: FakeApi) -> None:
    api.ids = ["abcdef1111111111111-A", "abcdef2222222222222-B"]
    submitted(wan)
    submitted(wan, "a hen")
    result = wan("status", "abcdef")
    assert (result.code, result.out) == (2, "")
    assert "abcdef1111111111111-A" in result.err
    assert wan("status", "abcdef2").out.startswith("abcdef2222222222222-B")


def test_an_impossible_id_is_wrong_usage(wan: Wan, api: FakeApi) -> None:
    for word in ("@last", "", "a b", b"\xff\xff".decode("utf-8", "surrogateescape")):
        assert wan("status", word).code == 2
    assert api.gets == []


def test_status_asks_the_api_about_an_id_of_another_machine(wan: Wan, api: FakeApi) -> None:
    api.add_generation(id="abc:def/ghi", looks=0)
    assert wan("status", "abc:def/ghi").code == 0
    (line,) = wan("status", "nobody-knows-this-one", "--json").json_lines
    assert line["exit_code"] == 6
    # Unknown fields are left out.
    assert not {"client_request_id", "model", "request"} & set(line)


def test_several_generations_get_a_line_each_and_the_worst_code_counts(
    wan: Wan, api: FakeApi
) -> None:
    api.ids = ["first-1-1-1-1-1-1-1-1", "second-2-2-2-2-2-2-2", "third-3-3-3-3-3-3-3-3"]
    ids = [submitted(wan, prompt) for prompt in ("a fox", "a hen", "an owl")]
    api.generations[ids[0]].status = "completed"
    api.generations[ids[1]].status = "error"
    api.generations[ids[1]].fail()
    result = wan("status", *ids, "--json")
    assert [(line["id"], line["exit_code"]) for line in result.json_lines] == [
        (ids[0], 0),
        (ids[1], 9),
        (ids[2], 8),
    ]
    assert result.code == 9
    assert len(wan("status", *ids).out.splitlines()) == 3
    assert wan("status", ids[0], ids[2], ids[2]).out.count("\n") == 2


def test_a_refused_key_is_4_and_an_unreachable_api_is_11(
    wan: Wan, api: FakeApi, closed_port: int
) -> None:
    generation_id = submitted(wan)
    api.on_get(forever(Reply(status=401)))
    result = wan("status", generation_id)
    assert result.code == 4
    assert "is safe" in result.err
    env = {"WAN_BASE_URL": f"http://127.0.0.1:{closed_port}"}
    assert wan("status", generation_id, env=env).code == 11


def test_status_retries_after_a_short_failure(api: FakeApi, wan: Wan) -> None:
    generation_id = submitted(wan)
    api.on_get(Reply(status=503), Reply(fault="reset"))
    assert wan("status", generation_id).code == 8
    assert len(api.gets) == 3


@BOTH
def test_status_prints_the_path_of_the_file(wan: Wan, api: FakeApi) -> None:
    generation_id = submitted(wan)
    api.generations[generation_id].status = "completed"
    assert wan("status", generation_id).out.endswith("  not on disk yet\n")
    assert wan("fetch", generation_id, "-o", "fox.mp4").code == 0
    assert wan("status", generation_id).out.endswith(f"  {wan.work}/fox.mp4\n")
    (wan.work / "fox.mp4").unlink()
    assert wan("status", generation_id).out.endswith("/fox.mp4 (no longer there)\n")
