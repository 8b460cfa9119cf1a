"""One budget for several commands: --max-cost of a batch, budget_day and budget_month."""

import pytest

from tests.fake.api import FakeApi
from tests.fake.process import Wan
from tests.fake.script import NO_ROWS, Reply, forever, refusal
from tests.trials import animals, batch_file

PRICE_USD = 1.575

pytestmark = pytest.mark.parametrize("engine", ["file", "postgres"], indirect=True)


@pytest.fixture(params=["WAN_BUDGET_DAY", "WAN_BUDGET_MONTH"])
def one(request: pytest.FixtureRequest, wan: Wan) -> str:
    """Commands may pay for one generation; the name of that budget."""
    wan.env[str(request.param)] = f"{PRICE_USD + 0.1}"
    return str(request.param).removeprefix("WAN_").lower()


def test_a_budget_of_the_account_ends_a_command_before_it_sends_anything(
    wan: Wan, api: FakeApi, one: str
) -> None:
    assert wan("generate", "a fox", "--no-wait").code == 0
    for words in (("generate", "a cat"), ("batch", batch_file(wan.work, "a dog"), "--yes")):
        result = wan(*words)
        assert (result.code, result.out) == (5, ""), result.err
        assert one in result.err
        assert "nothing was sent" in result.err
    assert len(api.posts) == 1


def test_what_failed_or_was_refused_is_given_back(wan: Wan, api: FakeApi, one: str) -> None:
    api.on_post(refusal(400, "the content was refused"))
    assert wan("generate", "a refused fox").code == 6
    api.looks = 0
    api.on_accept = lambda state: state.fail()
    assert wan("generate", "a failed fox").code == 9
    api.on_accept = lambda _state: None
    assert wan("generate", "a fox").code == 0
    assert wan("generate", "a cat").code == 5
    assert len(api.posts) == 3


def test_what_may_have_been_accepted_is_held(wan: Wan, api: FakeApi, one: str) -> None:
    api.on_post(Reply(fault="reset"))
    api.on_logs(forever(NO_ROWS))
    assert wan("generate", "a fox", "--timeout", "1").code == 10
    result = wan("generate", "a cat", "--timeout", "1")
    assert result.code == 5, result.err
    assert len(api.posts) == 1


def test_shards_share_the_budget_of_their_batch(wan: Wan, api: FakeApi) -> None:
    name = batch_file(wan.work, *animals(8))
    words = ("batch", name, "--no-wait", "--max-cost", f"{4 * PRICE_USD}", "--shard")
    shards = [wan.start(*words, f"{number}/2") for number in (1, 2)]
    codes = [shard.wait().code for shard in shards]
    assert len(api.posts) == 4, [shard.err for shard in shards]
    assert 5 in codes
    assert {*codes} <= {0, 5}


def test_an_edited_batch_counts_the_rows_that_it_still_has(wan: Wan, api: FakeApi) -> None:
    words = ("--no-wait", "--max-cost", f"{3 * PRICE_USD}")
    for rows, code in [
        (["a fox", "a cat", "a dog"], 0),
        (["a fox", "a cat", "a bee"], 0),
        (["a fox", "a bee", "an ant", "an owl"], 5),
        (["a fox", "a bee", "an ant"], 0),
    ]:
        result = wan("batch", batch_file(wan.work, *rows), *words)
        assert result.code == code, result.err
    sent = sorted(str(post.body["prompt"]) for post in api.posts)
    assert sent == ["a bee", "a cat", "a dog", "a fox", "an ant"]


def test_a_shard_counts_the_rows_that_all_shards_still_have(wan: Wan, api: FakeApi) -> None:
    assert wan("batch", batch_file(wan.work, *animals(2)), "--no-wait", "--yes").code == 0
    name = batch_file(wan.work, *animals(4))
    words = ("batch", name, "--no-wait", "--max-cost", f"{3 * PRICE_USD}", "--shard")
    codes = [wan(*words, f"{number}/2").code for number in (1, 2)]
    assert codes in ([0, 5], [5, 0])
    assert len(api.posts) == 3
