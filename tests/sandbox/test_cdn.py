import re
from collections.abc import Iterator

import pytest
import requests

from tests.sandbox.conftest import Api, serving

NO_KEY: dict[str, str] = {}


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """One sandbox for all: these tests change nothing in it."""
    with serving(tmp_path_factory.mktemp("cdn")) as client:
        yield client


@pytest.fixture(scope="module")
def url(api: Api) -> str:
    found: str = api.finished(api.post().json()["id"])["video"]["url"]
    return found


def test_the_whole_video_has_an_etag_and_a_date(api: Api, url: str):
    assert re.fullmatch(
        r"http://127\.0\.0\.1:\d+/cdn/[\w/-]+\.mp4\?Expires=\d+&OSSAccessKeyId=sandbox&Signature=\S+",
        url,
    )
    reply = api.get(url, NO_KEY)
    assert reply.status_code == 200
    assert reply.headers["Content-Type"] == "video/mp4"
    assert reply.headers["Accept-Ranges"] == "bytes"
    assert int(reply.headers["Content-Length"]) == len(reply.content)
    assert {"etag", "last-modified"} <= set(reply.headers)


def test_ranges_are_answered_as_oss_does(api: Api, url: str):
    whole = api.get(url, NO_KEY)
    size = len(whole.content)
    for header, wanted in (
        ("bytes=0-99", range(100)),
        ("bytes=100-", range(100, size)),
        ("bytes=-10", range(size - 10, size)),
        (f"bytes=10-{size * 2}", range(10, size)),
    ):
        reply = api.get(url, {"Range": header})
        assert reply.status_code == 206
        assert reply.content == whole.content[wanted.start : wanted.stop]
        assert reply.headers["Content-Range"] == f"bytes {wanted[0]}-{wanted[-1]}/{size}"
    for header in (f"bytes={size}-", "bytes=5-2", "bytes=0-1,4-5", "bytes=-0", "lines=1-2", "x"):
        reply = api.get(url, {"Range": header})
        assert (reply.status_code, reply.content) == (200, whole.content)


def test_if_range_protects_a_range(api: Api, url: str):
    whole = api.get(url, NO_KEY)
    for name in ("ETag", "Last-Modified"):
        headers = {"Range": "bytes=0-9", "If-Range": whole.headers[name]}
        assert api.get(url, headers).status_code == 206
    assert api.get(url, {"Range": "bytes=0-9", "If-Range": '"other"'}).status_code == 200


def test_a_changed_url_is_refused(api: Api, url: str):
    assert requests.head(url, timeout=30).status_code == 403
    later = re.sub(r"Expires=(\d)", r"Expires=9\1", url)
    for changed in (later, url.replace("Signature=", "Signature=x"), url.partition("?")[0]):
        reply = api.get(changed, NO_KEY)
        assert reply.status_code == 403
        assert "<Code>SignatureDoesNotMatch</Code>" in reply.text
    assert api.get(url, {"x-oss-process": "video"}).status_code == 403
