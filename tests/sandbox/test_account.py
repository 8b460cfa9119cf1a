import sqlite3
from contextlib import closing
from pathlib import Path

from tests.sandbox.conftest import KEY, Api
from wan_cli.generation import CREDITS_PER_USD
from wan_cli.models import DEFAULT_MODEL
from wan_cli.sandbox.store import Store


def test_log_ledger_and_balance_agree(api: Api):
    good = api.post(headers={**KEY, "X-Client-Request-Id": "wan-a.1"}).json()["id"]
    bad = api.post(prompt="[error] b").json()["id"]
    api.post(duration=6)
    log = api.log_of(2)
    assert [(row["inference_id"], row["status"]) for row in log["data"]] == [
        (bad, "failed"),
        (good, "succeeded"),
    ]
    assert log["data"][1]["client_request_id"] == "wan-a.1"
    assert [row["cost"]["credits"] for row in log["data"]] == [0, 500_000]
    assert log["pagination"] == {"limit": 50, "offset": 0, "total": 2, "has_more": False}

    charge, opening = api.get("/v2/billing/transactions").json()["data"]
    assert (charge["direction"], charge["type"]) == ("CHARGE", "MODEL_USAGE")
    assert charge["reference_id"] == good
    assert opening["amount"]["usd"] == 100
    billing = api.get("/v2/billing").json()
    assert billing == {"current_balance": 100 - charge["amount"]["usd"], "currency": "USD"}
    assert [post["generation_id"] for post in api.ledger()] == [good, bad, None]
    assert api.ledger()[0]["client_request_id"] == "wan-a.1"


def test_the_key_has_no_limit_and_its_usage_is_that_of_the_log(api: Api):
    api.post()
    api.post(prompt="[error] b")
    api.log_of(2)
    key = api.get("/v1/key").json()["data"]
    assert (key["disabled"], key["scopes"], key["limit"]) == (False, None, None)
    usage = api.get("/v2/usage", period="24h").json()
    assert (usage["spend"], usage["currency"], usage["requests"]) == (0.25, "USD", 1)
    assert key["monthly_usage"] == usage["spend"]
    past = api.get("/v2/usage", start="2026-01-01T00:00:00Z", end="2026-02-01T00:00:00Z").json()
    assert (past["spend"], past["requests"]) == (0, 0)
    for path in ("/v1/key", "/v2/usage"):
        assert api.get(path, headers={}).status_code == 401


def test_logs_are_filtered_and_paged(api: Api):
    ids = [api.post(prompt=f"[error] {number}").json()["id"] for number in range(5)]
    api.log_of(5)
    page = api.get("/v2/logs", limit=2, offset=2).json()
    assert [row["inference_id"] for row in page["data"]] == [ids[2], ids[1]]
    assert page["pagination"] == {"limit": 2, "offset": 2, "total": 5, "has_more": True}
    assert api.get("/v2/logs", status="succeeded").json()["data"] == []
    assert api.get("/v2/logs", model=DEFAULT_MODEL).json()["data"] == []
    assert api.get("/v2/logs", end="2020-01-01T00:00:00Z").json()["data"] == []
    assert len(api.get("/v2/logs", start="2020-01-01T00:00:00Z").json()["data"]) == 5


def test_a_wrong_query_is_refused(api: Api):
    for path, query in (
        ("/v2/logs", "limit=0"),
        ("/v2/logs", "limit=101"),
        ("/v2/logs", "offset=-1"),
        ("/v2/logs", "status=done"),
        ("/v2/logs", "start=yesterday"),
        ("/v2/logs", "start=2026-01-01T00:00:00Z&end=2026-06-01T00:00:00Z"),
        ("/v2/usage", "period=fortnight"),
        ("/v2/usage", "start=yesterday"),
        ("/v2/usage", "start=2026-01-01T00:00:00Z&end=2026-06-01T00:00:00Z"),
        ("/v2/billing/transactions", "cursor=zzz"),
        ("/v2/billing/transactions", "direction=OUT"),
    ):
        assert api.get(f"{path}?{query}").status_code == 400, query


def test_transactions_are_paged_by_cursor(api: Api):
    ids = [api.post(prompt=f"fox {number}").json()["id"] for number in range(3)]
    api.log_of(3)
    seen: list[str] = []
    cursor = ""
    while True:
        page = api.get(
            f"/v2/billing/transactions?direction=CHARGE&type=MODEL_USAGE&limit=2{cursor}"
        ).json()
        seen += [row["reference_id"] for row in page["data"]]
        if not page["pagination"]["has_more"]:
            break
        cursor = "&cursor=" + page["pagination"]["next_cursor"]
    assert seen == ids[::-1]


def test_the_play_money_never_runs_out(api: Api, folder: Path):
    store = Store(folder)
    body = {"model": DEFAULT_MODEL, "prompt": "a fox", "duration": 15}
    for _ in range(100):
        store.accept(body, None, 1.0)
        assert store.balance() >= 20 * CREDITS_PER_USD
    store.close()
    assert api.post_wan_2_6(duration=15).status_code == 200
    topups = api.get("/v2/billing/transactions", direction="TOPUP").json()["data"]
    assert [(row["type"], row["amount"]["usd"]) for row in topups] == [
        ("BONUS", 100),
        ("BONUS", 100),
        ("INIT", 100),
    ]


def test_an_empty_account_of_an_older_version_is_refilled(api: Api, folder: Path):
    with closing(sqlite3.connect(folder / "sandbox.sqlite3", isolation_level=None)) as database:
        database.execute(
            "INSERT INTO generations (id, body, credits, created, started, due, fails)"
            " VALUES ('old', '{}', ?, 0, 0, 0, 0)",
            (100 * CREDITS_PER_USD,),
        )
    assert api.post_wan_2_6().status_code == 200
    assert api.get("/v2/billing").json()["current_balance"] > 20
