"""wan list, through the front door."""

from tests.fake.api import FakeApi
from tests.fake.process import Wan
from tests.fake.script import Reply

NO_KEY = {"AIMLAPI_API_KEY": None}


def test_an_empty_history_is_no_error(wan: Wan, api: FakeApi) -> None:
    result = wan("list", env=NO_KEY)
    assert (result.code, result.out) == (0, "")
    assert wan("list", "--json", env=NO_KEY).out == ""


def test_it_lists_newest_first_with_what_was_spent(wan: Wan, api: FakeApi) -> None:
    ids = [
        wan("generate", prompt, "--no-wait").out.strip() for prompt in ("A Fox", "a hen", "an owl")
    ]
    api.on_post(Reply(status=400))
    assert wan("generate", "a crow").code == 6
    gets = len(api.gets)

    lines = wan("list", env=NO_KEY).out.splitlines()
    assert [line.split()[0] for line in lines[1:4]] == ids[::-1]
    assert "rejected" in lines[0]
    assert lines[4:] == ["4 generations, $4.73 spent"]

    assert [line["id"] for line in wan("list", "--json").json_lines[1:]] == ids[::-1]
    assert wan("list", "--json", "--limit", "2").json_lines[1]["id"] == ids[2]
    assert [line["id"] for line in wan("list", "--json", "--search", "fOX").json_lines] == ids[:1]
    assert wan("list", "--json", "--search", "alibaba").out == ""
    queued = wan("list", "--status", "queued", "--limit", "1").out.splitlines()
    assert queued[0].startswith(ids[2])
    assert queued[1] == "3 generations, $4.73 spent"
    assert len(wan("list", "--json", "--since", "1h").json_lines) == 4
    assert wan("list", "--json", "--since", "2100-01-01").json_lines == []
    assert len(api.gets) == gets


def test_stats_sum_by_day_and_model(wan: Wan, api: FakeApi) -> None:
    for prompt in ("a fox", "a hen"):
        assert wan("generate", prompt, "--no-wait").code == 0
    (line,) = wan("list", "--stats", "--json").json_lines
    assert line.pop("day")
    assert line == {
        "model": "alibaba/wan-2-6-t2v",
        "generations": 2,
        "credits_used": 6_300_000,
        "cost_usd": 3.15,
    }
    assert "$3.15" in wan("list", "--stats").out


def test_a_failed_generation_costs_nothing(wan: Wan, api: FakeApi) -> None:
    api.error = {"message": "not nice"}
    assert wan("generate", "a fox").code == 9
    assert wan("list").out.splitlines()[-1] == "1 generation, $0.00 spent"


def test_wrong_values_list_the_right_ones(wan: Wan, api: FakeApi) -> None:
    result = wan("list", "--status", "finished")
    assert result.code == 2
    assert "queued, generating, completed, error" in result.err
    assert wan("list", "--since", "soon").code == 2
    assert wan("list", "--limit", "none").code == 2
    assert wan("list", "--search", b"\xff".decode("utf-8", "surrogateescape")).code == 2


def test_a_filter_that_nothing_fits_says_so(wan: Wan, api: FakeApi) -> None:
    assert wan("generate", "a fox", "--no-wait").code == 0
    result = wan("list", "--search", "owl")
    assert (result.code, result.out, result.err) == (0, "", "nothing fits; all of it: wan list\n")


def test_a_limit_beyond_all_numbers_is_wrong_usage(wan: Wan, api: FakeApi) -> None:
    result = wan("list", "--limit", "9" * 30)
    assert (result.code, result.out) == (2, "")
    assert "--limit" in result.err
