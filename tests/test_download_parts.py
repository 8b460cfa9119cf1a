"""The pure parts of a download: the checks of URLs and of responses."""

import contextlib
import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wan_cli.download.address import check_url, first_forbidden, target_of
from wan_cli.download.meta import Meta
from wan_cli.download.part import CACHED_BYTES, WRITE_BACK_BYTES, Part
from wan_cli.download.publish import free_names
from wan_cli.download.ranges import BadAnswer, RangeRequest, read_answer
from wan_cli.errors import DownloadFailed

ASKED = RangeRequest(10, '"tag"', 100)
SECRET = "?Signature=secret"


@pytest.mark.parametrize(
    "url",
    ["https://cdn.example.com/a.mp4?x=1", "https://cdn.example.com:8443/a", "https://[2001:db8::1]/"],
)  # fmt: skip
def test_an_https_url_is_accepted(url):
    assert check_url(url, loopback=False) == url


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:8080", "[::1]"])
def test_plain_http_is_accepted_on_loopback_if_the_api_is_there_too(host):
    assert check_url(f"http://{host}/a", loopback=True)
    with pytest.raises(DownloadFailed):
        check_url(f"http://{host}/a", loopback=False)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "video.mp4",
        "//cdn.example.com/a",
        "https://",
        "https:///a",
        "http://cdn.example.com/a",
        "http://127.0.0.1.example.com/a",
        "ftp://cdn.example.com/a",
        "file:///etc/passwd",
        "data:video/mp4,x",
        "https://user@cdn.example.com/a",
        "https://user:word@cdn.example.com/a",
        "https://@cdn.example.com/a",
        "https://cdn.example.com:99999/a",
        "https://cdn.example.com:0/a",
        "https://cdn.example.com:x/a",
        "https://[::1/a",
        "https://cdn.exa\nmple.com/",
        "https://cdn.example.com\\@10.0.0.1/",
    ],
)
def test_any_other_url_is_refused_without_showing_its_query(url):
    with pytest.raises(DownloadFailed) as caught:
        check_url(url + SECRET, loopback=True)
    assert "secret" not in str(caught.value)


@given(st.text())
def test_check_url_raises_no_other_error_for_any_text(text):
    for url in (text, "https://" + text, "https://cdn.example.com/" + text):
        with contextlib.suppress(DownloadFailed):
            sent = check_url(url, loopback=True)
            assert target_of(sent).isascii()
            assert target_of(sent).isprintable()
            assert check_url(sent, loopback=True) == sent


@given(st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E)))
def test_valid_characters_of_a_url_are_sent_unchanged(text):
    url = f"https://cdn.example.com/v/{text}?x=1"
    assert check_url(url, loopback=False) == url
    assert url.partition("#")[0].endswith(target_of(url))


VERBATIM = [
    ("/a.mp4?Signature=%7Ea~b%2bc%2Bd+e", "/a.mp4?Signature=%7Ea~b%2bc%2Bd+e"),
    ("/a/../b//c/./d.mp4?x=../y", "/a/../b//c/./d.mp4?x=../y"),
    ("/%41%c3%A9.mp4?a=%zz&b=100%", "/%41%c3%A9.mp4?a=%zz&b=100%"),
    ("/a|b{c}^`d`\\e\"<f>[g].mp4?h='i'", "/a|b{c}^`d`\\e\"<f>[g].mp4?h='i'"),
    ("?x=1", "/?x=1"),
    ("", "/"),
    ("/a.mp4?x=1#t=5", "/a.mp4?x=1"),
    ("/a.mp4?#", "/a.mp4?"),
    ("/a b.mp4?name=x y", "/a%20b.mp4?name=x%20y"),
    ("/a.mp4?x=1\r\nX: y", "/a.mp4?x=1%0D%0AX:%20y"),
    ("/f\u00fcchse\U0001f98a\x7f\t.mp4", "/f%C3%BCchse%F0%9F%A6%8A%7F%09.mp4"),
    ("/a.mp4?x=1 \n", "/a.mp4?x=1"),
]


@pytest.mark.parametrize(("rest", "sent"), VERBATIM)
def test_only_invalid_characters_of_a_url_are_encoded(rest, sent):
    assert target_of(check_url(f"https://cdn.example.com{rest}", loopback=False)) == sent


@pytest.mark.parametrize(
    "address",
    [
        "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "127.0.0.1", "::1", "0.0.0.0",
        "::", "fe80::1%eth0", "fd00::1", "::ffff:10.0.0.1", "100.64.0.1", "224.0.0.1",
        "255.255.255.255", "ff02::1", "nonsense",
    ],
)  # fmt: skip
def test_an_address_inside_this_network_is_forbidden(address):
    assert first_forbidden(["8.8.8.8", address], loopback=False) == address


def test_public_addresses_are_allowed_and_loopback_if_the_api_is_there():
    public = ["8.8.8.8", "2606:4700::1111", "198.18.0.7"]
    assert first_forbidden(public, loopback=False) is None
    assert first_forbidden(["127.0.0.1", "::1", *public], loopback=True) is None
    assert first_forbidden(["10.0.0.1"], loopback=True) == "10.0.0.1"


def test_a_range_is_requested_only_if_there_is_a_part_to_continue():
    assert ASKED.headers() == {"Range": "bytes=10-", "If-Range": '"tag"'}
    assert RangeRequest(10, None, 100).headers() == {"Range": "bytes=10-"}
    assert RangeRequest(10, None, None).headers() == {}
    assert RangeRequest(0, '"tag"', 100).headers() == {}


def test_a_fitting_partial_response_is_accepted():
    answer = read_answer(206, {"content-range": "bytes 10-49/100", "content-length": "40"}, ASKED)
    assert (answer.start, answer.end, answer.total) == (10, 50, 100)
    assert read_answer(206, {"content-range": "bytes 10-99/*"}, ASKED).total == 100


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"content-range": "bytes 9-99/100"},
        {"content-range": "bytes 11-99/100"},
        {"content-range": "bytes 10-9/100"},
        {"content-range": "bytes 10-100/100"},
        {"content-range": "bytes 10-99/101"},
        {"content-range": "bytes 10-99/100", "content-length": "89"},
        {"content-range": "bytes 10-99/100", "etag": '"other"'},
        {"content-range": "bytes 10-99/100", "etag": 'W/"tag"'},
        {"content-range": "bytes 10-99/100", "content-encoding": "utf-8, gzip"},
        {"content-range": "bytes " + "9" * 5000 + "-1/2"},
    ],
)
def test_a_partial_response_that_does_not_fit_is_refused(headers):
    with pytest.raises(BadAnswer):
        read_answer(206, headers, ASKED)


UNSURE = RangeRequest(10, None, 100, 'W/"tag"')


@pytest.mark.parametrize("headers", [{}, {"etag": 'W/"tag"'}, {"content-encoding": "utf-8"}])
def test_without_a_validator_the_same_total_means_the_same_file(headers):
    answer = read_answer(206, {"content-range": "bytes 10-99/100", **headers}, UNSURE)
    assert (answer.start, answer.end, answer.validator) == (10, 100, None)


@pytest.mark.parametrize(
    "headers",
    [
        {"content-range": "bytes 10-99/101"},
        {"content-range": "bytes 10-99/*"},
        {"content-range": "bytes 10-99/100", "etag": 'W/"other"'},
        {"content-range": "bytes 10-99/100", "etag": '"tag"'},
    ],
)
def test_without_a_validator_another_total_or_tag_means_another_file(headers):
    with pytest.raises(BadAnswer):
        read_answer(206, headers, UNSURE)


@pytest.mark.parametrize(
    ("said", "taken"),
    [
        ("", ""), ("identity", ""), ("utf-8", ""), ("binary", ""), ("br", ""), ("aws-chunked", ""),
        ("none, UTF-8", ""), ("gzip", "gzip"), ("X-GZIP", "x-gzip"), ("aws-chunked,gzip", "gzip"),
    ],
)  # fmt: skip
def test_an_unknown_encoding_means_no_encoding(said, taken):
    headers = {"content-encoding": said, "content-length": "100", "etag": '"tag"'}
    answer = read_answer(200, headers, RangeRequest())
    assert answer.encoding == taken
    assert (answer.end, answer.validator) == ((None, None) if taken else (100, '"tag"'))


@given(
    st.sampled_from([200, 206, 416]),
    st.dictionaries(
        st.sampled_from(
            ["content-range", "content-length", "etag", "last-modified", "content-encoding"]
        ),
        st.text() | st.from_regex(r"bytes [0-9*]+-?[0-9]*/[0-9*]+", fullmatch=True),
    ),
)
def test_read_answer_raises_no_other_error_for_any_headers(status, headers):
    for wanted in (ASKED, RangeRequest()):
        try:
            answer = read_answer(status, headers, wanted)
        except BadAnswer:
            continue
        assert answer.start in (0, wanted.start)
        assert answer.end is None or answer.end >= answer.start


def test_a_long_video_is_written_to_disk_during_the_download_and_leaves_memory(
    tmp_path, monkeypatch
):
    advice: list[tuple[int, int]] = []
    monkeypatch.setattr(
        os, "posix_fadvise", lambda _file, start, length, _: advice.append((start, length))
    )
    part = Part.open(tmp_path / "fox.mp4", "id")
    part.begin(None, None)
    piece, size = bytes(2**20), CACHED_BYTES + 3 * WRITE_BACK_BYTES
    for _ in range(size // len(piece)):
        part.write(piece)
    part.release()
    # A length of 0 would mean the whole file.
    assert all(length > 0 and start + length <= size for start, length in advice)
    handed = [(start, length) for start, length in advice if start or length == WRITE_BACK_BYTES]
    assert [start for start, _ in handed][:3] == [0, WRITE_BACK_BYTES, 2 * WRITE_BACK_BYTES]
    # The last bytes are still in memory for a player.
    forgotten = max(length for start, length in advice if not start)
    assert forgotten == size - CACHED_BYTES


def test_an_empty_part_that_two_generations_opened_is_published_for_only_one(tmp_path):
    target = tmp_path / "fox.mp4"
    one, other = Part.open(target, "one"), Part.open(target, "other")
    assert one.path == other.path
    assert one.lock()
    assert one.published() is None
    assert one.claim()
    assert not other.lock()
    one.write(b"the video of one")
    path = one.publish(overwrite=False)
    one.release()
    assert other.lock()
    assert other.published() is None
    assert not other.claim()
    other.release()
    # A process that waited for the same generation gets the video.
    again = Part.open(target, "other")
    assert again.path != one.path
    again.release()
    assert path == target
    assert names_beside(target) == ["fox.mp4", "fox.mp4.1.part", "fox.mp4.part.json"]


def names_beside(target):
    return sorted(path.name for path in target.parent.iterdir())


LONG = "\u732b" * 83 + ".mp4"


def test_the_names_beside_a_long_one_are_valid_and_fit(tmp_path):
    part = Part.open(tmp_path / LONG, "id")
    part.lock()
    part.claim()
    part.release()
    for name in names_beside(tmp_path / LONG):
        assert len(name.encode("utf-8", "strict")) <= 255
    numbered = next(path for path in free_names(tmp_path / LONG) if path.name != LONG)
    assert len(numbered.name.encode("utf-8", "strict")) <= 255
    assert numbered.name.endswith("-1.mp4")


@pytest.mark.parametrize(
    "name", ["../x.mp4", "/x.mp4", "", ".", "..", "a\x00b", 5, None, "x/y", ["a"]]
)
def test_a_final_name_in_the_meta_file_must_be_in_the_same_folder(tmp_path, name):
    file = tmp_path / "fox.mp4.part.json"
    file.write_text(json.dumps({"identity": "id", "validator": None, "total": 1, "name": name}))
    meta = Meta.read(file)
    assert meta is not None
    assert meta.name is None
