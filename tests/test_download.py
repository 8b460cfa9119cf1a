"""Downloads over real sockets: every fault ends in the same bytes, or in the right error."""

import contextlib
import fcntl
import io
import json
import os
import shutil
import stat
import threading
import time
import types
from dataclasses import replace
from pathlib import Path

import pytest
import requests

from tests.fake.cdn import CdnReply, FakeCdn
from tests.fake.mp4 import make_mp4
from tests.fake.waiting import wait_until
from wan_cli.download.address import Network
from wan_cli.download.body import HttpBody
from wan_cli.download.fetch import Target, copy_to, download, give_up, private_target
from wan_cli.download.meta import tidy
from wan_cli.download.outcome import NOTHING_KEPT, Meter, Reason, Saved
from wan_cli.download.ranges import Answer
from wan_cli.download.transfer import RESERVE_BYTES, Broken, Limits, Pace
from wan_cli.errors import DownloadFailed, DriveTrouble, LocalFileError
from wan_cli.http.trust import Authorities

VIDEO = make_mp4(60_000)
ID = "-G3b3vVKdoC42fMNeK1T5"
PACE = Pace(sleep=lambda _seconds: None)
IMPATIENT = Pace(sleep=lambda _seconds: None, connect=0.3, window=0.3)


@pytest.fixture
def cdn():
    with FakeCdn(video=VIDEO) as server:
        yield server


@pytest.fixture
def target(tmp_path):
    return tmp_path / "fox.mp4"


def once(cdn, target, *, url=None, identity=ID, overwrite=False, loopback=True, pace=PACE,
         deadline=None, stop=None, meter=None, kept=NOTHING_KEPT, meanwhile=None):  # fmt: skip
    """Call `download` once."""
    return download(
        url or cdn.url(ID),
        Target(target, identity, overwrite),
        network=Network(Authorities(), loopback=loopback),
        limits=Limits(deadline or time.monotonic() + 60, stop or threading.Event(), pace),
        meter=meter or Meter(),
        kept=kept,
        saved_by_others=meanwhile or (lambda: None),
    )


def fetch(cdn, target, *, url=None, renew=None, tries=12, seconds=60.0, **options):
    """Call `download` as the command does, without its pauses, until the video is saved."""
    url, kept, vain = url or cdn.url(ID), NOTHING_KEPT, 0
    deadline = time.monotonic() + seconds
    while True:
        result = once(cdn, target, url=url, kept=kept, deadline=deadline, **options)
        if isinstance(result, Saved):
            tidy(result.path, options.get("identity", ID))
            return result
        vain = 1 if result.has_progressed else vain + 1
        if vain >= min(tries, result.tries_max) or time.monotonic() >= deadline:
            give_up(Target(target, options.get("identity", ID)))
            raise result.error
        kept = result.kept
        if result.wants_url and renew:
            url = renew() or url


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def ranges(cdn):
    return [request.headers.get("Range") for request in cdn.requests]


def cut(after, **options):
    return CdnReply(cut_after=after, **options)


def forever(**options):
    return CdnReply(lasting=True, **options)


def test_a_video_is_saved_with_the_mode_that_the_umask_leaves_and_nothing_else_stays(cdn, target):
    meter = Meter()
    assert fetch(cdn, target, meter=meter) == Saved(target, len(VIDEO))
    assert target.read_bytes() == VIDEO
    assert (meter.received, meter.total) == (len(VIDEO), len(VIDEO))
    assert names(target.parent) == ["fox.mp4"]
    umask = os.umask(0)
    os.umask(umask)
    assert stat.S_IMODE(target.stat().st_mode) == 0o666 & ~umask


def test_the_cdn_gets_no_key_no_cookie_and_no_netrc_password(cdn, target, tmp_path, monkeypatch):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password secret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    cdn.on_get(
        CdnReply(
            status=503, headers={"Set-Cookie": "a=b; Path=/", "WWW-Authenticate": "Basic realm=x"}
        )
    )
    fetch(cdn, target)
    assert len(cdn.requests) == 2
    for request in cdn.requests:
        assert "Authorization" not in request.headers
        assert "Cookie" not in request.headers
        assert request.headers["Accept-Encoding"] == "identity"


def test_proxies_of_the_environment_are_not_used_for_loopback(cdn, target, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    assert fetch(cdn, target).bytes == len(VIDEO)


@pytest.mark.parametrize("cut_with", ["close", "reset"])
def test_a_fast_download_uses_large_pieces_and_resumes_after_a_cut(target, cut_with):
    video = make_mp4(20_000_000)
    at_once = Pace(clock=lambda: 0.0, sleep=lambda _seconds: None)  # Each piece arrives in no time.
    with FakeCdn(video=video) as cdn:
        cdn.on_get(cut(9_000_000, cut_with=cut_with))
        saved = fetch(cdn, target, pace=at_once)
        assert saved == Saved(target, len(video))
        assert target.read_bytes() == video
        if cut_with == "close":
            assert ranges(cdn) == [None, "bytes=9000000-"]


OVERCOME = {
    "reset in place of an answer": [CdnReply(fault="reset")],
    "closed in place of an answer": [CdnReply(fault="close")],
    "cut": [cut(20_000)],
    "cut by a reset": [cut(20_000, cut_with="reset")],
    "cut again and again": [cut(5_000)] * 9,
    "cut at once": [cut(0)] * 3,
    "cut without a length": [cut(20_000, no_length=True)],
    "cut without validators": [cut(20_000, no_validators=True)],
    "cut with a weak ETag": [cut(20_000, etag='W/"x"')],
    "no length": [CdnReply(no_length=True)],
    "no validators": [CdnReply(no_validators=True)],
    "500": [CdnReply(status=500, body=b"oops")] * 2,
    "503": [CdnReply(status=503)],
    "429": [CdnReply(status=429)],
    "408": [CdnReply(status=408)],
    "HTML": [CdnReply(body=b"<!doctype html><html>log in</html>")],
    "JSON": [CdnReply(body=b'{"error": "no"}')],
    "empty": [CdnReply(body=b"")],
    "204": [CdnReply(status=204, body=b"")],
    "half a video that calls itself whole": [CdnReply(body=VIDEO[:30_000])],
    "trailing bytes": [CdnReply(body=VIDEO + b"\0" * 10)],
    "trailing bytes without a length": [CdnReply(trailing=b"garbage", no_length=True)],
    "gzip": [CdnReply(gzip=True)],
    "gzip, cut": [cut(20_000, gzip=True)],
    "gzip, cut without a length": [cut(20_000, gzip=True, no_length=True)],
    "gzip that is none": [CdnReply(headers={"Content-Encoding": "gzip"})],
    "an encoding that nobody knows": [CdnReply(headers={"Content-Encoding": "br"})],
    "Range ignored": [cut(20_000), CdnReply(ignore_range=True)],
    "Range ignored and cut": [cut(20_000), cut(10_000, ignore_range=True)],
    "wrong start": [cut(20_000), CdnReply(content_range=f"bytes 0-59999/{len(VIDEO)}")],
    "wrong total": [cut(20_000), CdnReply(content_range="bytes 20000-59999/70000")],
    "garbage for Content-Range": [cut(20_000), CdnReply(content_range="octets ?")],
    "no Content-Range": [cut(20_000), CdnReply(headers={"Content-Range": None})],
    "416": [cut(20_000), CdnReply(status=416)],
    "changed ETag": [cut(20_000, etag='"old"')],
    "changed ETag in a 206": [cut(20_000), CdnReply(headers={"ETag": '"other"'})],
    "206 that nobody asked for": [CdnReply(status=206)],
    "a redirect": [CdnReply(location="/to-nowhere")],
    "wrong length, too long": [CdnReply(headers={"Content-Length": "70000"}, cut_after=60_000)],
    "garbage for a length": [CdnReply(headers={"Content-Length": "many"}, no_length=True)],
    "a negative length": [CdnReply(headers={"Content-Length": "-5"}, no_length=True)],
}


@pytest.mark.parametrize("replies", OVERCOME.values(), ids=OVERCOME.keys())
def test_a_fault_that_passes_ends_in_the_same_bytes(cdn, target, replies):
    cdn.on_get(*replies)
    saved = fetch(cdn, target, renew=lambda: cdn.url(ID))
    assert saved == Saved(target, len(VIDEO))
    assert target.read_bytes() == VIDEO
    assert names(target.parent) == ["fox.mp4"]


LASTING = {
    "reset": forever(fault="reset"),
    "always cut at the same place": forever(
        cut_after=20_000, no_validators=True, ignore_range=True
    ),
    "cut at once": forever(cut_after=0),
    "500": forever(status=500, body=b"oops"),
    "403": forever(status=403),
    "404": forever(status=404),
    "HTML": forever(body=b"<!DOCTYPE html><html></html>"),
    "JSON": forever(body=b'{"error": "no"}'),
    "empty": forever(body=b""),
    "cut without length": forever(cut_after=30_000, no_length=True, no_validators=True),
    "trailing bytes": forever(body=VIDEO + b"garbage"),
    "an unheard of status": forever(status=799),
    "redirected for ever": forever(location="/v/again"),
    "redirected nowhere": forever(location="http://["),
    "redirected to a file": forever(location="file:///etc/passwd"),
    "redirected to plain http elsewhere": forever(location="http://example.org/x.mp4"),
    "redirected to a private address": forever(location="https://10.0.0.1/x.mp4"),
    "redirected to a link-local address": forever(location="https://169.254.169.254/latest"),
    "redirected with a user name": forever(location="https://a:b@127.0.0.1/x.mp4"),
}


@pytest.mark.parametrize("reply", LASTING.values(), ids=LASTING.keys())
def test_a_fault_that_lasts_is_a_failed_download_without_a_file(cdn, target, reply):
    cdn.on_get(reply)
    with pytest.raises(DownloadFailed) as caught:
        fetch(cdn, target, renew=lambda: cdn.url(ID), tries=6)
    assert caught.value.hint == f"wan fetch {ID}"
    assert "Signature" not in str(caught.value)
    assert len(cdn.requests) <= 8
    assert names(target.parent) == []


def test_wan_requests_the_missing_bytes_by_range_and_if_range(cdn, target):
    cdn.on_get(cut(20_000), cut(10_000))
    fetch(cdn, target)
    assert ranges(cdn) == [None, "bytes=20000-", "bytes=30000-"]
    assert all(request.headers["If-Range"].startswith('"') for request in cdn.requests[1:])


def test_without_an_etag_last_modified_is_the_validator(cdn, target):
    cdn.on_get(cut(20_000, headers={"ETag": None}))
    fetch(cdn, target)
    assert cdn.requests[1].headers["If-Range"].endswith("GMT")
    assert cdn.requests[1].headers["Range"] == "bytes=20000-"


def interrupted(cdn, target, reply=None):
    """Leave a part of 20,000 bytes, as an interrupted run does."""
    cdn.on_get(reply or cut(20_000))
    assert once(cdn, target).reason is Reason.MAY_PASS


def test_a_later_run_continues_the_part_of_an_earlier_run(cdn, target):
    interrupted(cdn, target)
    assert names(target.parent) == ["fox.mp4.part", "fox.mp4.part.json"]
    assert "Signature" not in (target.parent / "fox.mp4.part.json").read_text()
    fetch(cdn, target)
    assert ranges(cdn) == [None, "bytes=20000-"]
    assert target.read_bytes() == VIDEO
    assert names(target.parent) == ["fox.mp4"]


def test_a_later_run_does_not_continue_a_part_without_a_validator(cdn, target):
    interrupted(cdn, target, cut(20_000, no_validators=True))
    fetch(cdn, target)
    assert ranges(cdn) == [None, None]
    assert target.read_bytes() == VIDEO
    assert names(target.parent) == ["fox.mp4"]


def test_wan_does_not_touch_the_part_of_another_generation(cdn, target):
    interrupted(cdn, target)
    part = target.parent / "fox.mp4.part"
    before = part.read_bytes()
    assert fetch(cdn, target, identity="other") == Saved(target, len(VIDEO))
    assert ranges(cdn) == [None, None]
    assert part.read_bytes() == before
    assert names(target.parent) == ["fox.mp4", "fox.mp4.part", "fox.mp4.part.json"]


@pytest.mark.parametrize("content", [b"mine", b"x" * 100_000])
def test_wan_does_not_touch_a_users_file_with_the_name_of_a_part(cdn, target, content):
    part = target.parent / "fox.mp4.part"
    part.write_bytes(content)
    fetch(cdn, target)
    assert part.read_bytes() == content
    assert target.read_bytes() == VIDEO


@pytest.mark.parametrize("make", [Path.symlink_to, Path.mkdir, os.mkfifo])
def test_wan_does_not_touch_a_folder_link_or_pipe_with_the_name_of_a_part(
    cdn, target, tmp_path, make
):
    part = target.parent / "fox.mp4.part"
    victim = tmp_path / "victim"
    victim.write_bytes(b"")
    make(part, victim) if make is Path.symlink_to else make(part)
    fetch(cdn, target)
    assert target.read_bytes() == VIDEO
    assert victim.read_bytes() == b""


BROKEN_WORDS = [
    "",
    "[]",
    "[" * 9000,
    '{"identity": 1}',
    "\0",
    json.dumps({"identity": ID, "validator": "a\r\nb: c", "total": "x"}),
]


@pytest.mark.parametrize("text", BROKEN_WORDS)
def test_a_broken_meta_file_does_no_harm(cdn, target, text):
    interrupted(cdn, target)
    (target.parent / "fox.mp4.part.json").write_text(text)
    fetch(cdn, target)
    assert ranges(cdn) == [None, None]
    assert target.read_bytes() == VIDEO


def test_a_complete_part_is_published_without_a_request(cdn, target):
    interrupted(cdn, target)
    (target.parent / "fox.mp4.part").write_bytes(VIDEO)
    fetch(cdn, target)
    assert len(cdn.requests) == 1
    assert target.read_bytes() == VIDEO


def test_a_part_of_the_right_size_that_is_not_an_mp4_is_started_over(cdn, target):
    interrupted(cdn, target)
    (target.parent / "fox.mp4.part").write_bytes(bytes(len(VIDEO)))
    fetch(cdn, target)
    assert target.read_bytes() == VIDEO


def test_a_part_that_is_too_long_is_started_over(cdn, target):
    interrupted(cdn, target)
    (target.parent / "fox.mp4.part").write_bytes(VIDEO + b"x")
    fetch(cdn, target)
    assert ranges(cdn) == [None, None]
    assert target.read_bytes() == VIDEO


def test_a_416_confirms_that_a_part_is_complete(cdn, target):
    interrupted(cdn, target, cut(20_000, cut_with="reset", no_length=True))
    (target.parent / "fox.mp4.part").write_bytes(VIDEO)
    cdn.on_get(CdnReply(status=416, content_range=f"bytes */{len(VIDEO)}", body=b"<Error/>"))
    fetch(cdn, target)
    assert ranges(cdn) == [None, f"bytes={len(VIDEO)}-"]
    assert target.read_bytes() == VIDEO


def test_an_expired_url_is_renewed_and_the_download_goes_on_where_it_stopped(cdn, target):
    cdn.on_get(cut(20_000), CdnReply(status=403))
    old = cdn.url(ID)
    renewed = []

    def renew():
        renewed.append(cdn.url(ID))
        return renewed[-1]

    fetch(cdn, target, url=old, renew=renew)
    assert len(renewed) == 1
    assert ranges(cdn) == [None, "bytes=20000-", "bytes=20000-"]
    assert renewed[0].endswith(cdn.requests[-1].query)


def test_a_bad_url_of_a_renewal_is_refused(cdn, target):
    cdn.expire()
    with pytest.raises(DownloadFailed, match="not https"):
        fetch(cdn, target, url=cdn.base_url + "/v/x.mp4", renew=lambda: "http://example.org/x")


def test_an_existing_file_is_not_replaced(cdn, target):
    target.write_bytes(b"mine")
    (target.parent / "fox-1.mp4").write_bytes(b"mine too")
    assert fetch(cdn, target).path.name == "fox-2.mp4"
    assert target.read_bytes() == b"mine"


def test_overwrite_replaces_an_existing_file(cdn, target):
    target.write_bytes(b"old")
    assert fetch(cdn, target, overwrite=True).path == target
    assert target.read_bytes() == VIDEO
    assert names(target.parent) == ["fox.mp4"]


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_link_with_the_name_of_the_target_is_never_followed(cdn, target, tmp_path, overwrite):
    victim = tmp_path / "victim"
    victim.write_bytes(b"mine")
    target.symlink_to(victim)
    saved = fetch(cdn, target, overwrite=overwrite)
    assert victim.read_bytes() == b"mine"
    assert saved.path.name == ("fox.mp4" if overwrite else "fox-1.mp4")
    assert not saved.path.is_symlink()


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_folder_with_the_name_of_the_target_is_a_local_error(cdn, target, overwrite):
    target.mkdir()
    with pytest.raises(LocalFileError, match="directory"):
        fetch(cdn, target, overwrite=overwrite)
    assert cdn.requests == []


def test_a_missing_folder_is_a_local_error(cdn, tmp_path):
    with pytest.raises(LocalFileError, match="No such file") as caught:
        fetch(cdn, tmp_path / "gone" / "fox.mp4")
    assert caught.value.hint == f"wan fetch {ID}"


def test_a_disk_that_is_too_small_is_found_before_a_byte_is_written(cdn, target):
    cdn.on_get(CdnReply(headers={"Content-Length": str(10**17)}))
    with pytest.raises(LocalFileError, match="the disk is nearly full"):
        fetch(cdn, target)
    assert names(target.parent) == []


def test_a_disk_too_small_for_a_body_without_a_length_is_a_local_error(cdn, target, monkeypatch):
    cdn.on_get(CdnReply(no_length=True))
    free = types.SimpleNamespace(free=RESERVE_BYTES + len(VIDEO) - 1)
    monkeypatch.setattr(shutil, "disk_usage", lambda _folder: free)
    with pytest.raises(LocalFileError, match="the disk is nearly full"):
        fetch(cdn, target)
    assert not target.exists()


def test_when_the_disk_fills_up_the_part_is_kept(cdn, target):
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, before[1]))
    try:
        with pytest.raises(LocalFileError, match="too large") as caught:
            fetch(cdn, target)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert caught.value.hint == f"wan fetch {ID}"
    assert (target.parent / "fox.mp4.part").read_bytes() == VIDEO[:30_000]
    fetch(cdn, target)
    assert ranges(cdn) == [None, "bytes=30000-"]
    assert target.read_bytes() == VIDEO


def test_the_longest_possible_file_name_works(cdn, tmp_path):
    target = tmp_path / ("é" * 125 + ".mp4")
    assert fetch(cdn, target).path == target
    assert names(tmp_path) == [target.name]


STALLS = {
    "headers that never come": forever(hang=True),
    "a body that stops": forever(cut_after=20_000, cut_with="hang", no_validators=True),
    "a body that drips": forever(drip=0.02),
}


@pytest.mark.parametrize("reply", STALLS.values(), ids=STALLS.keys())
def test_a_stall_ends_at_the_deadline(cdn, target, reply):
    cdn.on_get(reply)
    began = time.monotonic()
    with pytest.raises(DownloadFailed):
        fetch(cdn, target, seconds=1.0, pace=Pace())
    assert time.monotonic() - began < 20  # Each time limit alone would be 30 s.


@pytest.mark.parametrize("reply", STALLS.values(), ids=STALLS.keys())
def test_a_stalled_connection_is_replaced(cdn, target, reply):
    cdn.on_get(replace(reply, lasting=False))
    assert fetch(cdn, target, pace=IMPATIENT).bytes == len(VIDEO)
    assert len(cdn.requests) == 2


def test_a_forbidden_url_is_refused_before_anything_is_sent(cdn, target):
    with pytest.raises(DownloadFailed, match="not https"):
        fetch(cdn, target, loopback=False)
    with pytest.raises(DownloadFailed, match="inside this network"):
        fetch(cdn, target, loopback=False, url=cdn.url().replace("http:", "https:"))
    assert cdn.requests == []


def test_a_second_process_waits_and_returns_what_the_first_one_saved(cdn, target):
    cdn.on_get(cut(20_000, cut_with="hang"))
    results, waits, meter = [], threading.Event(), Meter()

    def nap(_seconds):
        waits.set()
        time.sleep(0.01)

    def start(**options):
        thread = threading.Thread(target=lambda: results.append(fetch(cdn, target, **options)))
        thread.start()
        return thread

    first = start(meter=meter)
    wait_until(lambda: meter.received)
    second = start(pace=Pace(sleep=nap))
    assert waits.wait(60)
    cdn.release()
    first.join(60)
    second.join(60)
    assert results == [Saved(target, len(VIDEO))] * 2
    assert ranges(cdn) == [None, "bytes=20000-"]
    assert names(target.parent) == ["fox.mp4"]


def test_a_second_process_takes_over_if_the_first_one_dies(cdn, target):
    interrupted(cdn, target)
    other = (target.parent / "fox.mp4.part").open("rb")
    fcntl.flock(other, fcntl.LOCK_EX)
    meter = Meter()

    def die(_seconds):
        assert (meter.received, meter.total) == (20_000, len(VIDEO))
        other.close()

    assert fetch(cdn, target, meter=meter, pace=Pace(sleep=die)) == Saved(target, len(VIDEO))
    assert ranges(cdn) == [None, "bytes=20000-"]


def test_a_second_process_does_not_wait_beyond_its_deadline(cdn, target):
    interrupted(cdn, target)
    with (target.parent / "fox.mp4.part").open("rb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        result = once(cdn, target, deadline=time.monotonic())
    assert (result.reason, result.tries_max) == (Reason.BUSY, 0)
    assert "another process" in result.error.message


def test_a_later_run_tidies_up_after_a_process_that_died_after_publishing(cdn, target):
    interrupted(cdn, target)
    part = target.parent / "fox.mp4.part"
    part.write_bytes(VIDEO)
    os.link(part, target)
    assert fetch(cdn, target) == Saved(target, len(VIDEO))
    assert len(cdn.requests) == 1
    assert names(target.parent) == ["fox.mp4"]


def stream(cdn, folder, out):
    with private_target(folder, ID) as target:
        copy_to(out, fetch(cdn, target.path), ID)


def test_a_stream_gets_the_whole_video_and_nothing_stays_on_disk(cdn, tmp_path):
    cdn.on_get(cut(20_000))
    out = io.BytesIO()
    stream(cdn, tmp_path, out)
    assert out.getvalue() == VIDEO
    assert names(tmp_path) == []


def test_a_stream_gets_no_byte_of_a_file_that_is_not_a_video(cdn, tmp_path):
    cdn.on_get(forever(body=VIDEO[:-1]))
    out = io.BytesIO()
    with pytest.raises(DownloadFailed):
        stream(cdn, tmp_path, out)
    assert out.getvalue() == b""
    assert names(tmp_path) == []


def test_three_redirects_are_followed_with_the_range(cdn, target):
    hops = [CdnReply(location=cdn.url(ID))] * 3
    cdn.on_get(*hops, cut(20_000), *hops)
    assert fetch(cdn, target).bytes == len(VIDEO)
    assert ranges(cdn) == [None] * 4 + ["bytes=20000-"] * 4


def test_four_redirects_are_too_many(cdn, target):
    cdn.on_get(*[CdnReply(location=cdn.url(ID))] * 4)
    with pytest.raises(DownloadFailed, match="more than 3 times"):
        fetch(cdn, target)
    assert names(target.parent) == []


# The results that the caller decides about.

XML = b'<?xml version="1.0"?><Error><Code>AccessDenied</Code><Message>Expired</Message></Error>'
JSON = b'{"code": "SignatureExpired"}'
EXPIRED = {
    "400": CdnReply(status=400, body=XML),
    "401": CdnReply(status=401, body=b""),
    "403": CdnReply(status=403, body=XML),
    "410": CdnReply(status=410, body=b"gone"),
    "451": CdnReply(status=451, body=b""),
    "200 with XML": CdnReply(body=XML),
    "200 with JSON": CdnReply(body=JSON),
    "200 with XML after a mark": CdnReply(body=b"\xef\xbb\xbf\r\n " + XML),
    "200 with XML, in drips": CdnReply(body=XML, drip=0.001),
    "200 with an HTML page": CdnReply(body=b"<!doctype html><html>Link expired</html>"),
    "200 with XML, by gzip": CdnReply(body=XML, gzip=True),
}


@pytest.mark.parametrize("reply", EXPIRED.values(), ids=EXPIRED.keys())
def test_every_form_of_expired_asks_for_a_fresh_url_and_keeps_the_received_bytes(
    cdn, target, reply
):
    cdn.on_get(cut(20_000), reply)
    once(cdn, target)
    result = once(cdn, target)
    assert (result.reason, result.wants_url) == (Reason.EXPIRED, True)
    assert (target.parent / "fox.mp4.part").read_bytes() == VIDEO[:20_000]
    fetch(cdn, target)
    assert ranges(cdn)[-1] == "bytes=20000-"
    assert target.read_bytes() == VIDEO


MAY_PASS = {
    "404": (CdnReply(status=404, body=b""), True),
    "404 with XML": (CdnReply(status=404, body=XML), True),
    "408": (CdnReply(status=408, body=b""), False),
    "429": (CdnReply(status=429, body=b""), False),
    "500": (CdnReply(status=500, body=b"oops"), False),
    "503": (CdnReply(status=503, body=b"<html>busy</html>"), True),
    "503 with XML": (CdnReply(status=503, body=XML), True),
    "reset": (CdnReply(fault="reset"), False),
}


@pytest.mark.parametrize(("reply", "wants_url"), MAY_PASS.values(), ids=MAY_PASS.keys())
def test_temporary_failures_have_no_limit_of_tries(cdn, target, reply, wants_url):
    cdn.on_get(reply)
    result = once(cdn, target)
    assert (result.reason, result.wants_url) == (Reason.MAY_PASS, wants_url)
    assert result.tries_max == float("inf")
    assert len(cdn.requests) == 1


def test_a_page_instead_of_the_video_keeps_the_received_bytes(cdn, target):
    interrupted(cdn, target)
    cdn.on_get(CdnReply(body=b"no video at all", headers={"Content-Type": "video/mp4"}))
    result = once(cdn, target)
    assert (result.reason, result.tries_max) == (Reason.GARBAGE, 3)
    assert (target.parent / "fox.mp4.part").read_bytes() == VIDEO[:20_000]


def test_without_an_etag_a_download_continues_by_range_within_a_run(target):
    video = make_mp4(1_500_000)
    with FakeCdn(video=video) as cdn:
        cdn.on_get(forever(cut_after=300_000, no_validators=True))
        assert once(cdn, target) == Saved(target, len(video))
        assert ranges(cdn) == [
            None,
            *(f"bytes={start}-" for start in range(300_000, 1_500_000, 300_000)),
        ]
        assert all("If-Range" not in request.headers for request in cdn.requests)
    assert target.read_bytes() == video


def test_within_one_run_a_later_call_continues_by_range_alone(cdn, target):
    cdn.on_get(cut(20_000, etag='W/"weak"'), CdnReply(status=503), CdnReply(etag='W/"weak"'))
    fetch(cdn, target)
    assert ranges(cdn) == [None, "bytes=20000-", "bytes=20000-"]
    assert target.read_bytes() == VIDEO


ANOTHER = {
    "another total": CdnReply(body=make_mp4(70_000, seed=1), no_validators=True),
    "another tag": CdnReply(body=make_mp4(60_000, seed=1), etag='W/"new"'),
    "no word of the total": CdnReply(content_range="bytes 20000-59999/*", no_validators=True),
    "another file that nothing tells apart": CdnReply(
        body=make_mp4(60_000, seed=1)[:40_000] + bytes(20_000), no_validators=True
    ),
}


@pytest.mark.parametrize("reply", ANOTHER.values(), ids=ANOTHER.keys())
def test_a_download_continued_by_range_alone_is_a_complete_mp4_or_starts_over(cdn, target, reply):
    cdn.on_get(
        cut(20_000, etag='W/"old"') if reply.etag else cut(20_000, no_validators=True), reply
    )
    saved = fetch(cdn, target)
    data = target.read_bytes()
    assert saved.bytes == len(data)
    assert data == VIDEO or data[20_000:] == reply.body[20_000:]


def test_another_process_does_not_continue_by_range_alone(cdn, target):
    cdn.on_get(cut(20_000, no_validators=True))
    kept = once(cdn, target).kept
    assert (kept.size, kept.total) == (20_000, len(VIDEO))
    # Meanwhile another process has started over.
    part = target.parent / "fox.mp4.part"
    part.write_bytes(part.read_bytes()[:15_000])
    assert once(cdn, target, kept=kept) == Saved(target, len(VIDEO))
    assert ranges(cdn) == [None, None]


@pytest.mark.parametrize("said", ["utf-8", "binary", "UTF-8, none", "aws-chunked", "br", "gzip"])
def test_an_unknown_encoding_means_no_encoding(cdn, target, said):
    cdn.on_get(forever(headers={"Content-Encoding": said}))
    assert once(cdn, target) == Saved(target, len(VIDEO))
    assert target.read_bytes() == VIDEO


@pytest.mark.parametrize("hops", [0, 2])
def test_a_signed_url_is_sent_unchanged(cdn, target, hops):
    cdn.extra_query = "&a=%7Eb~c%2bd%2Be+f&g=%c3%A9|h\\i/../j k"
    cdn.on_get(*[CdnReply(location=cdn.url(ID))] * hops)
    assert once(cdn, target) == Saved(target, len(VIDEO))
    assert cdn.requests[-1].query.endswith("&a=%7Eb~c%2bd%2Be+f&g=%c3%A9|h\\i/../j%20k")


def test_a_stop_keeps_the_received_bytes(cdn, target):
    cdn.on_get(CdnReply(drip=0.005, drip_size=1_000))
    stop, meter, results = threading.Event(), Meter(), []
    thread = threading.Thread(
        target=lambda: results.append(once(cdn, target, stop=stop, meter=meter))
    )
    thread.start()
    wait_until(lambda: meter.received)
    stop.set()
    thread.join(60)
    assert (results[0].reason, results[0].tries_max) == (Reason.STOPPED, 0)
    size = (target.parent / "fox.mp4.part").stat().st_size
    assert 0 < size < len(VIDEO)
    fetch(cdn, target)
    assert ranges(cdn) == [None, f"bytes={size}-"]


def test_give_up_removes_only_a_part_that_no_later_run_could_continue(cdn, target):
    cdn.on_get(cut(20_000, no_validators=True), cut(20_000))
    once(cdn, target)
    give_up(Target(target, ID))
    assert names(target.parent) == []
    once(cdn, target)
    give_up(Target(target, ID))
    assert names(target.parent) == ["fox.mp4.part", "fox.mp4.part.json"]


def test_a_video_that_another_process_saved_is_not_downloaded(cdn, target):
    known = Saved(target, 5)
    assert once(cdn, target, meanwhile=lambda: known) == known
    assert (cdn.requests, names(target.parent)) == ([], [])


def test_a_published_video_is_found_until_the_history_knows_it(cdn, target):
    target.write_bytes(b"mine")
    saved = once(cdn, target)
    assert saved.path.name == "fox-1.mp4"
    assert once(cdn, target) == saved
    # The meta file of another generation stays.
    assert once(cdn, target, identity="other").path.name == "fox-2.mp4"
    assert len(cdn.requests) == 2
    tidy(saved.path, ID)
    tidy(target.parent / "fox-2.mp4", "other")
    assert names(target.parent) == ["fox-1.mp4", "fox-2.mp4", "fox.mp4"]


def test_a_meta_file_without_its_video_is_not_a_video(cdn, target):
    assert once(cdn, target) == Saved(target, len(VIDEO))
    target.write_bytes(bytes(len(VIDEO)))
    assert once(cdn, target).path.name == "fox-1.mp4"
    assert len(cdn.requests) == 2


@pytest.mark.parametrize("_round", range(3))
def test_many_threads_download_at_once(target, _round):
    with FakeCdn() as cdn:
        cdn.videos = {str(number): make_mp4(90_000 + number) for number in range(12)}
        results = {}

        def run(number):
            results[number] = once(cdn, target, url=cdn.url(number), identity=number)

        threads = [threading.Thread(target=run, args=(number,)) for number in cdn.videos]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        for number, video in cdn.videos.items():
            assert results[number].path.read_bytes() == video
        assert len({saved.path for saved in results.values()}) == 12


@pytest.mark.parametrize("overwrite", [False, True])
def test_errors_of_the_drive_differ_from_errors_of_the_file(cdn, target, overwrite):
    folder = target.parent / "gone"
    missing = once(cdn, folder / "fox.mp4", overwrite=overwrite)
    assert (missing.reason, type(missing.error)) == (Reason.LOCAL, LocalFileError)
    full = once(cdn, Path("/dev/full/fox.mp4"), overwrite=overwrite)
    assert type(full.error) is LocalFileError
    cdn.on_get(CdnReply(headers={"Content-Length": str(10**17)}))
    assert isinstance(once(cdn, target, overwrite=overwrite).error, DriveTrouble)


def test_an_old_urllib3_works_too() -> None:
    class Raw:
        """A body without read1, which came with urllib3 2.2."""

        def __init__(self, data: bytes) -> None:
            self._data = io.BytesIO(data)

        def read(self, amount: int, *, decode_content: bool) -> bytes:
            assert not decode_content
            return self._data.read(amount)

    response = requests.Response()
    response.raw = Raw(b"x" * 5000)
    answer = Answer(0, 5000, 5000, None)
    limits = Limits(time.monotonic() + 60, threading.Event())
    body = HttpBody(response, answer, contextlib.ExitStack(), limits)
    assert b"".join(iter(body.read, b"")) == b"x" * 5000


def test_wan_does_not_wait_for_large_pieces_from_a_server_that_slows_down() -> None:
    class Raw:
        """Wait for all bytes, which arrive one by one, so that no wait of the socket is long."""

        def __init__(self) -> None:
            self._is_shut = threading.Event()

        def read(self, amount: int, *, decode_content: bool) -> bytes:
            assert (amount, decode_content) == (2**18, False)
            assert self._is_shut.wait(20)
            raise ValueError("read on a closed socket")

        def shutdown(self) -> None:
            self._is_shut.set()

    response = requests.Response()
    response.raw = Raw()
    answer = Answer(0, 2**22, 2**22, None)
    limits = Limits(time.monotonic() + 3600, threading.Event(), Pace(window=0.2))
    body = HttpBody(response, answer, contextlib.ExitStack(), limits)
    with pytest.raises(Broken):
        body.read(fill=2**18)
    body.close()
