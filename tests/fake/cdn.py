"""FakeCdn: an object store that serves videos at signed URLs and behaves like OSS."""

import gzip
import hashlib
import re
import ssl
import threading
import zlib
from collections import defaultdict
from dataclasses import dataclass, field
from email.message import Message
from typing import Literal, NamedTuple
from urllib.parse import quote, unquote

from tests.fake.mp4 import is_whole, make_mp4
from tests.fake.script import Headers, Script, merge
from tests.fake.server import Connection, HeaderList, Request, Server, head

LAST_MODIFIED = "Fri, 21 Aug 2026 10:00:00 GMT"
_DENIED = b'<?xml version="1.0"?><Error><Code>AccessDenied</Code><Message>Expired</Message></Error>'


@dataclass(frozen=True, slots=True, kw_only=True)
class CdnReply:
    """One reply of the CDN: its differences from a good reply. Times are in seconds.

    `cut_after` counts bytes of this reply's body; `cut_with` says what comes then. `headers` take
    the place of the CDN's own (None: leave out), so they also spoil Content-Range or ETag.
    """

    status: int | None = None
    headers: Headers = field(default_factory=dict)
    body: bytes | None = None
    cut_after: int | None = None
    cut_with: Literal["close", "reset", "hang"] = "close"
    drip: float = 0.0
    drip_size: int = 1
    no_length: bool = False
    gzip: bool = False
    ignore_range: bool = False
    content_range: str | None = None
    etag: str | None = None
    no_validators: bool = False
    location: str | None = None
    delay: float = 0.0
    hang: bool = False
    fault: Literal["reset", "close"] | None = None
    trailing: bytes = b""
    lasting: bool = False


class CdnRequest(NamedTuple):
    """A request that the CDN received."""

    path: str
    query: str
    headers: Message
    method: str


class FakeCdn(Server):
    """Serves `video`, or `videos[id]`, only at the URLs that it has signed.

    With `size_of_each` every generation has bytes of its own, so many. `on_get_of[id]` is what is
    answered to requests for one video; it is looked at before `on_get`.
    """

    def __init__(self, context: ssl.SSLContext | None = None, video: bytes | None = None) -> None:
        super().__init__(context)
        self.video = make_mp4() if video is None else video
        self.videos: dict[str, bytes] = {}
        self.size_of_each: int | None = None
        self.extra_query = ""  # the end of signed URLs
        self.requests: list[CdnRequest] = []
        self.on_get: Script[CdnReply] = Script()
        self.on_get_of: defaultdict[str, Script[CdnReply]] = defaultdict(Script)
        self.served: set[str] = set()  # sha256 of each mp4 that was served, whole or in part
        self._signed: set[str] = set()
        self._signatures = 0
        self._signing = threading.Lock()

    def url(self, generation_id: str = "video") -> str:
        """Return a fresh signed URL of a generation's video."""
        with self._signing:
            self._signatures += 1
            signature = f"s%2B{self._signatures:06d}%3D"
            query = f"Expires=4102444800&OSSAccessKeyId=LTAI5t&Signature={signature}"
            target = f"/v/{quote(generation_id, safe='')}.mp4?{query}"
            # Only characters that no URL can hold may reach the server in another form.
            self._signed.add(target + self.extra_query.replace(" ", "%20"))
        return self.base_url + target + self.extra_query

    def expire(self) -> None:
        """Refuse every URL that was signed so far with 403."""
        with self._signing:
            self._signed.clear()

    def handle(self, request: Request, connection: Connection) -> None:
        self.requests.append(
            CdnRequest(request.path, request.query, request.headers, request.method)
        )
        of_it = self.on_get_of.get(_name(request))
        reply = (of_it and of_it.next()) or self.on_get.next() or CdnReply()
        self.pause(reply.delay)
        if reply.hang:
            self.hang()
        if reply.fault:
            connection.keep = False
            if reply.fault == "reset":
                connection.reset()
            return
        status, headers, body = self._answer(request, reply)
        connection.keep = connection.keep and request.method == "GET"
        _send(self, connection, reply, head(status, headers), body + reply.trailing)

    def _answer(self, request: Request, reply: CdnReply) -> tuple[int, HeaderList, bytes]:
        # A URL signed for GET fails for HEAD; a changed query fails too.
        if reply.location is not None:
            return _settle(reply, 302, [("Location", reply.location)], b"")
        if reply.body is None and (request.method != "GET" or request.target not in self._signed):
            return _settle(reply, 403, [("Content-Type", "application/xml")], _DENIED)
        video = self.video_of(_name(request)) if reply.body is None else reply.body
        if reply.status is not None and reply.status >= 300:
            return _settle(reply, reply.status, [], reply.body or b"")
        if is_whole(video):
            self.served.add(hashlib.sha256(video).hexdigest())
        etag = reply.etag or f'"{hashlib.md5(video).hexdigest().upper()}"'
        headers = [("Content-Type", "video/mp4"), ("Accept-Ranges", "bytes")]
        if not reply.no_validators:
            headers += [("ETag", etag), ("Last-Modified", LAST_MODIFIED)]
        part = None if reply.ignore_range else _range(request.headers, etag, len(video))
        if part is None:
            return _settle(reply, 200, headers, video)
        start, end = part
        headers.append(("Content-Range", f"bytes {start}-{end - 1}/{len(video)}"))
        return _settle(reply, 206, headers, video[start:end])

    def video_of(self, generation_id: str) -> bytes:
        """Return the bytes that the URLs of a generation serve."""
        video = self.videos.get(generation_id)
        if video is None and self.size_of_each is not None:
            video = make_mp4(self.size_of_each, seed=zlib.crc32(generation_id.encode()))
            self.videos[generation_id] = video
        return self.video if video is None else video


def _name(request: Request) -> str:
    return unquote(request.path.removeprefix("/v/").removesuffix(".mp4"))


def _range(headers: Message, etag: str, size: int) -> tuple[int, int] | None:
    """Return the requested part as start and end, or None for the whole (as OSS does)."""
    if headers.get("If-Range", etag) not in (etag, LAST_MODIFIED):
        return None
    match = re.fullmatch(r"bytes=(\d*)-(\d*)", headers.get("Range", ""))
    if match is None or not any(match.groups()):
        return None
    first, last = match.groups()
    if not first:
        return max(0, size - int(last)), size
    start, end = int(first), min(size, int(last) + 1 if last else size)
    return (start, end) if start < end else None


def _settle(
    reply: CdnReply, status: int, headers: HeaderList, body: bytes
) -> tuple[int, HeaderList, bytes]:
    if reply.gzip:
        body = gzip.compress(body)
        headers = [*headers, ("Content-Encoding", "gzip")]
    if reply.content_range is not None:
        headers = merge(headers, {"Content-Range": reply.content_range})
    if not reply.no_length:
        headers = [*headers, ("Content-Length", str(len(body)))]
    return reply.status or status, merge(headers, reply.headers), body


def _send(
    server: Server, connection: Connection, reply: CdnReply, message: bytes, body: bytes
) -> None:
    if reply.no_length or reply.trailing or reply.cut_after is not None:
        connection.keep = False
    body = body[: reply.cut_after]
    if reply.drip:
        connection.send(message)
        for at in range(0, len(body), reply.drip_size):
            connection.send(body[at : at + reply.drip_size])
            server.pause(reply.drip)
    else:
        connection.send(message + body)
    if reply.cut_after is not None and reply.cut_with == "reset":
        connection.reset()
    if reply.cut_after is not None and reply.cut_with == "hang":
        server.hang()
