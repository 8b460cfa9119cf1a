"""The faults of the fake API work: crossed replies, refused connections, separate videos."""

import threading
from collections.abc import Iterator

import pytest
import requests

from tests.fake.api import GENERATIONS, FakeApi
from tests.fake.cdn import CdnReply
from tests.fake.crossing import Crossing
from tests.fake.mp4 import is_whole
from tests.fake.records import GenerationState
from tests.fake.script import FIREWALL, NO_ROWS, Reply, refusal
from tests.fake.waiting import wait_until

BODY = {"model": "alibaba/wan-2-6-t2v", "prompt": "a fox"}


@pytest.fixture
def api() -> Iterator[FakeApi]:
    with FakeApi() as server:
        yield server


def post(api: FakeApi, number: int = 1, key: str = "key") -> requests.Response:
    label = f"wan-{number:032x}.1"
    headers = {"Authorization": f"Bearer {key}", "X-Client-Request-Id": label}
    return requests.post(api.base_url + GENERATIONS, json=BODY, headers=headers, timeout=10)


def poll(api: FakeApi, generation_id: str, key: str = "key") -> requests.Response:
    return requests.get(
        api.base_url + GENERATIONS,
        params={"generation_id": generation_id},
        headers={"Authorization": f"Bearer {key}"},
        timeout=10,
    )


def test_a_crossed_post_has_the_whole_reply_to_the_one_before_it(api: FakeApi) -> None:
    api.on_post(Reply(), Reply(crossed=True))
    first, second = post(api, 1), post(api, 2)
    assert second.json()["id"] == first.json()["id"] == api.posts[0].id
    assert second.headers["x-inference-id"] == api.posts[0].id
    assert second.headers["x-client-request-id"] == f"wan-{1:032x}.1"
    assert len(api.accepted) == 2
    # The client cannot know the second id from its reply.
    assert api.sent_ids == {api.posts[0].id}


def test_a_crossed_poll_is_about_another_generation_and_counts_for_neither(api: FakeApi) -> None:
    first, second = api.add_generation(status="completed"), api.add_generation()
    api.on_get(Reply(crossed=True))
    reply = poll(api, second.id).json()
    assert (reply["id"], reply["status"], bool(reply["video"])) == (first.id, "completed", True)
    assert (first.seen, second.seen) == (0, 0)
    assert poll(api, second.id).json()["id"] == second.id


def test_a_share_of_the_replies_is_crossed_and_the_first_post_never(api: FakeApi) -> None:
    api.crossing = Crossing(polls=0.5, posts=1.0)
    made = [str(post(api, number).json()["id"]) for number in range(5)]
    assert api.crossing.crossed_posts == 4
    assert made[0] == api.posts[0].id
    assert all(id_ != post.id for id_, post in zip(made[1:], api.posts[1:], strict=True))
    asked = str(api.posts[0].id)
    told = [poll(api, asked).json()["id"] == asked for _ in range(40)]
    assert told.count(False) == api.crossing.crossed_polls
    assert 5 < told.count(True) < 35


def test_one_generation_can_have_its_own_replies(api: FakeApi) -> None:
    one, other = api.add_generation(), api.add_generation()
    api.on_get_of[one.id](refusal(403, "not yours"), FIREWALL)
    assert [poll(api, other.id).status_code, poll(api, one.id).status_code] == [200, 403]
    assert b"<h1>" in poll(api, one.id).content
    assert poll(api, one.id).status_code == 200
    polled = [get.generation_id for get in api.gets]
    assert polled == [other.id, one.id, one.id, one.id]
    assert sorted(get.at for get in api.gets) == [get.at for get in api.gets]


def test_a_key_sees_its_own_generations(api: FakeApi) -> None:
    made = post(api, key="key").json()["id"]
    api.hides_others = True
    assert poll(api, made).status_code == 200
    assert poll(api, made, key="another").status_code == 404


def test_on_accept_is_called_before_the_post_is_answered(api: FakeApi) -> None:
    def fail(state: GenerationState) -> None:
        state.fail("the content was refused")
        api.on_get_of[state.id](refusal(403, "not yours"))

    api.on_accept = fail
    made = post(api).json()["id"]
    assert poll(api, made).status_code == 403
    assert api.generations[made].error


def test_each_video_can_have_its_own_bytes_and_replies(api: FakeApi) -> None:
    api.cdn.size_of_each = 3_000
    one, other = (requests.get(api.cdn.url(name), timeout=10).content for name in ("a/b", "c"))
    assert is_whole(one)
    assert one != other
    assert one == api.cdn.video_of("a/b")
    api.cdn.on_get_of["c"](CdnReply(status=404))
    assert requests.get(api.cdn.url("a/b"), timeout=10).status_code == 200
    assert requests.get(api.cdn.url("c"), timeout=10).status_code == 404
    assert requests.get(api.cdn.url("c"), timeout=10).content == other


def test_the_server_can_refuse_connections_and_keep_its_port(api: FakeApi) -> None:
    port = api.port
    session = requests.Session()
    url = api.base_url + "/v1/models"
    assert session.get(url, timeout=10).ok
    for _ in range(3):
        api.refuse()
        with pytest.raises(requests.ConnectionError):
            session.get(url, timeout=10)
        with pytest.raises(requests.ConnectionError, match="refused"):
            requests.get(url, timeout=10)
        api.listen()
        assert (session.get(url, timeout=10).ok, api.port) == (True, port)
    api.refuse()  # The server also stops in this state.


def test_refuse_still_answers_the_post_that_is_being_served(api: FakeApi) -> None:
    api.on_accept = lambda _state: api.refuse()
    assert post(api).ok
    with pytest.raises(requests.ConnectionError, match="refused"):
        post(api)
    assert len(api.posts) == 1


def test_a_handshake_hangs_or_is_cut_before_anything_is_sent() -> None:
    with FakeApi(tls=True) as api:
        api.on_connect.extend(["close", "close", "hang"])
        url = api.base_url + "/v1/models"
        for _ in range(2):
            with pytest.raises(requests.ConnectionError):
                requests.get(url, timeout=10, verify=str(api.ca_pem))
        replies: list[int] = []

        def ask() -> None:
            replies.append(requests.get(url, timeout=30, verify=str(api.ca_pem)).status_code)

        asking = threading.Thread(target=ask)
        asking.start()
        wait_until(lambda: api.connections == 3)
        assert (api.gets, replies) == ([], [])
        api.release()
        asking.join()
        assert replies == [200]


def test_the_log_can_be_empty_at_first(api: FakeApi) -> None:
    post(api)
    api.on_logs(NO_ROWS)
    headers = {"Authorization": "Bearer key"}
    url = api.base_url + "/v2/logs"
    rows = [len(requests.get(url, headers=headers, timeout=10).json()["data"]) for _ in range(2)]
    assert rows == [0, 1]
