"""wan balance, run as a real command: the balance comes first, and needs nothing else."""

import time
from datetime import timedelta
from typing import Any

import pytest

from tests.fake.api import FakeApi
from tests.fake.process import Wan
from tests.fake.script import Reply, forever
from wan_cli.core.balance import EXTRA_SECONDS

NO_KEY = {"AIMLAPI_API_KEY": None}
BALANCE = "123.45 USD"
NONE_SPENT = "0.00 USD in 24 hours (0 requests), 0.00 USD this month (0 requests)"
OTHERS = ("/v1/key", "/v2/usage")


def limit(api: FakeApi, usd: float, period: str, **values: Any) -> None:
    api.key |= {"limit": {"threshold": usd, "retention": period}, **values}


def test_the_balance_is_the_first_line(wan: Wan, api: FakeApi) -> None:
    result = wan("balance")
    assert (result.code, result.err) == (0, "")
    assert result.out.splitlines() == [
        BALANCE,
        "key limit: none",
        f"spent with this key: {NONE_SPENT}",
    ]
    (data,) = wan("balance", "--json").json_lines
    assert data == {
        "balance": 123.45,
        "currency": "USD",
        "key": {"name": "tests", "disabled": False, "month_usd": 0.0},
        "spent_24h": {"usd": 0.0, "requests": 0},
        "spent_month": {"usd": 0.0, "requests": 0},
    }


def test_balance_says_why_it_cannot_get_the_balance(
    wan: Wan, api: FakeApi, closed_port: int
) -> None:
    assert wan("balance", env=NO_KEY).code == 3
    api.on_billing(forever(Reply(status=401)))
    assert wan("balance", "--json").json_lines[0]["exit_code"] == 4
    env = {"WAN_BASE_URL": f"http://127.0.0.1:{closed_port}"}
    assert wan("balance", env=env).code == 11


def test_balance_shows_what_the_key_spent_on_every_machine(wan: Wan, api: FakeApi) -> None:
    now = api.now()
    first = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    long_ago = now - timedelta(hours=25)
    api.add_log_row("mine", credits_used=3_000_000)
    api.add_log_row("of-another-machine", credits_used=1_000_000)
    api.add_log_row("failed", status="failed", credits_used=0)
    api.add_log_row("long-ago", created=long_ago, credits_used=5_000_000)
    api.add_log_row("last-month", created=first - timedelta(hours=30), credits_used=9_000_000)
    month = 2.0 + (2.5 if long_ago >= first else 0.0)
    (data,) = wan("balance", "--json").json_lines
    assert data["spent_24h"] == {"usd": 2.0, "requests": 2}
    assert data["spent_month"]["usd"] == data["key"]["month_usd"] == month
    assert "spent with this key: 2.00 USD in 24 hours (2 requests), " in wan("balance").out
    windows = [get.query for get in api.gets if get.path == "/v2/usage"]
    assert windows[0] == "period=24h"
    assert f"start={first:%Y-%m-%dT00}%3A00%3A00Z" in windows[1]


def test_the_month_is_that_of_the_server(wan: Wan, api: FakeApi) -> None:
    api.clock_offset = 40 * 86_400.0
    assert wan("balance").code == 0
    start = next(get.query for get in api.gets if "start=" in get.query)
    assert f"start={api.now():%Y-%m}-01T00" in start


@pytest.mark.parametrize(
    ("period", "words", "left", "bound"),
    [
        ("month", "48.00 USD left of 50.00 USD a month", 48.0, None),
        ("day", "at least 48.50 USD left of 50.00 USD a day", 48.5, "at least"),
        ("week", "at least 47.50 USD left of 50.00 USD a week", 47.5, "at least"),
        ("no_reset", "at most 48.00 USD left of 50.00 USD in total", 48.0, "at most"),
        ("fortnight", "50.00 USD", None, None),
    ],
)
def test_balance_shows_what_the_limit_of_the_key_leaves(
    wan: Wan, api: FakeApi, period: str, words: str, left: float | None, bound: str | None
) -> None:
    limit(api, 50, period, monthly_usage=2.0, scopes=["model:video", "billing:read"])
    api.add_log_row("today", credits_used=3_000_000)
    api.add_log_row("two-days-ago", created=api.now() - timedelta(days=2), credits_used=2_000_000)
    lines = wan("balance").out.splitlines()
    assert lines[:3] == [BALANCE, f"key limit: {words}", "key scopes: model:video, billing:read"]
    key = wan("balance", "--json").json_lines[0]["key"]
    assert (key.get("left_usd"), key.get("left_bound"), key["limit_usd"]) == (left, bound, 50.0)
    assert key["scopes"] == ["model:video", "billing:read"]


def test_a_limit_that_is_used_up_leaves_nothing(wan: Wan, api: FakeApi) -> None:
    limit(api, 1, "month", monthly_usage=3.5, disabled=True)
    lines = wan("balance").out.splitlines()
    assert lines[1:3] == ["key limit: 0.00 USD left of 1.00 USD a month", "key: disabled"]
    key = wan("balance", "--json").json_lines[0]["key"]
    assert (key["left_usd"], key["disabled"]) == (0.0, True)


@pytest.mark.parametrize("path", OTHERS)
@pytest.mark.parametrize(
    "reply",
    [
        Reply(status=401),
        Reply(status=403),
        Reply(status=403, body=b"<html>denied</html>"),
        Reply(status=429),
        Reply(status=500),
        Reply(fault="garbage"),
        Reply(fault="cut"),
        Reply(fault="reset"),
        Reply(body=b"[]"),
        Reply(body={"data": 7, "spend": "much"}),
        Reply(body={"data": None, "spend": float("nan")}),
        Reply(body={"spend": 1e400, "data": []}),
        Reply(body={"spend": 3, "currency": "EUR", "data": "x"}),
    ],
    ids=lambda reply: f"{reply.status}-{reply.fault or str(reply.body)[:12]}",
)
def test_a_failure_of_the_rest_changes_neither_the_balance_nor_the_exit_code(
    wan: Wan, api: FakeApi, path: str, reply: Reply
) -> None:
    (api.on_key if path == OTHERS[0] else api.on_usage)(forever(reply))
    result = wan("balance")
    assert (result.code, result.out.splitlines()[0]) == (0, BALANCE)
    assert len(result.out.splitlines()) == 2
    (note,) = result.err.splitlines()
    assert note.startswith("what the key may spend and has spent is not complete: ")
    assert wan("balance", "-q").err == ""
    (data,) = wan("balance", "--json").json_lines
    kept = {"balance", "currency"} | (
        {"key"} if path == OTHERS[1] else {"spent_24h", "spent_month"}
    )
    assert set(data) == kept


def test_a_service_without_the_rest_is_no_trouble(wan: Wan, api: FakeApi) -> None:
    api.on_key(forever(Reply(status=404)))
    api.on_usage(forever(Reply(status=404)))
    result = wan("balance")
    assert (result.code, result.out, result.err) == (0, f"{BALANCE}\n", "")
    assert wan("balance", "--json").json_lines == [{"balance": 123.45, "currency": "USD"}]


def test_a_service_that_hangs_delays_the_balance_by_a_few_seconds(wan: Wan, api: FakeApi) -> None:
    api.on_key(forever(Reply(fault="hang")))
    api.on_usage(forever(Reply(fault="hang")))
    result = wan("balance", timeout=30)
    assert (result.code, result.out) == (0, f"{BALANCE}\n")
    assert len(result.err.splitlines()) == 1
    # The time is one limit for all questions together: the others were not asked for seconds each.
    asked = [get for get in api.gets if get.path in OTHERS]
    assert asked[-1].at - asked[0].at < EXTRA_SECONDS + 2
    api.release()


@pytest.mark.parametrize(
    ("key", "line"),
    [
        ({"limit": "much"}, "key limit: none"),
        ({"limit": {"threshold": -5, "retention": "month"}}, "key limit: none"),
        ({"limit": {"threshold": 5, "retention": ["month"]}}, "key limit: 5.00 USD"),
        ({"limit": {"threshold": 5}, "monthly_usage": None}, "key limit: 5.00 USD"),
        (
            {"limit": {"threshold": 5, "retention": "month"}, "monthly_usage": "2"},
            "key limit: 5.00 USD a month",
        ),
        ({"scopes": "model:video"}, "key limit: none"),
        ({"scopes": [7, None]}, "key limit: none"),
        ({"scopes": []}, "key limit: none"),
    ],
)
def test_odd_values_of_the_key_count_as_unknown(
    wan: Wan, api: FakeApi, key: dict[str, object], line: str
) -> None:
    api.key |= key
    result = wan("balance")
    assert (result.code, result.err) == (0, "")
    assert result.out.splitlines()[:2] == [BALANCE, line]
    assert "scopes" not in result.out


def test_words_of_the_key_stay_on_their_line(wan: Wan, api: FakeApi) -> None:
    api.key |= {"scopes": ["model:video\n999.00 USD", "\x1b[2Jx"], "name": "a\nb"}
    result = wan("balance")
    assert result.out.splitlines()[2] == "key scopes: model:video 999.00 USD, \ufffd[2Jx"
    assert wan("balance", "--json").json_lines[0]["key"]["name"] == "a b"


def test_the_sandbox_answers_like_the_service(wan: Wan) -> None:
    wan("generate", "a fox", "--sandbox", "--no-wait", "--duration", "5", "--resolution", "720p")
    before = time.monotonic()
    while wan("balance", "--sandbox", "--json").json_lines[0]["spent_24h"]["usd"] == 0:
        assert time.monotonic() < before + 60
    (data,) = wan("balance", "--sandbox", "--json").json_lines
    assert data["key"] == {"name": "sandbox", "disabled": False, "month_usd": 0.5}
    assert data["spent_24h"] == data["spent_month"] == {"usd": 0.5, "requests": 1}
    lines = wan("balance", "--sandbox", env=NO_KEY).out.splitlines()
    assert lines == [f"{data['balance']:.2f} USD (sandbox)"]


def test_the_budgets_of_the_configuration_leave_what_is_not_spent(wan: Wan, api: FakeApi) -> None:
    assert wan("generate", "a fox", "--no-wait").code == 0
    env = {"WAN_BUDGET_DAY": "10", "WAN_BUDGET_MONTH": "1"}
    lines = wan("balance", env=env).out.splitlines()
    assert lines[0] == BALANCE
    assert lines[-2:] == [
        "budget_day: 8.43 USD left of 10.00 USD",
        "budget_month: 0.00 USD left of 1.00 USD",
    ]
    (data,) = wan("balance", "--json", env=env).json_lines
    assert [budget["name"] for budget in data["budgets"]] == ["budget_day", "budget_month"]


def test_a_history_that_is_away_does_not_cost_the_balance(wan: Wan, closed_port: int) -> None:
    env = {"WAN_BUDGET_DAY": "10", "WAN_HISTORY": f"postgresql://wan@127.0.0.1:{closed_port}/wan"}
    result = wan("balance", env=env)
    assert (result.code, result.out.splitlines()[0]) == (0, BALANCE)
    assert "what the budgets leave is unknown: the history postgresql://wan@127.0.0.1" in result.err
