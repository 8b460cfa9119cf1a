"""What the response to a GET, with or without Range, says about its body (RFC 9110). Pure."""

import re
from collections.abc import Mapping
from typing import NamedTuple

_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18}|\*)")
_UNSATISFIED = re.compile(r"bytes \*/([0-9]{1,18})")
_STRONG_ETAG = re.compile(r'"[\x21\x23-\x7e]{1,500}"')
_HTTP_DATE = re.compile(r"[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9:]{8} GMT")
# The encodings that wan can decode. It ignores unknown words: servers often send words there that
# say nothing about the bytes (such as "utf-8"), and the mp4 check decides whether it is a video.
_CODINGS = frozenset({"gzip", "x-gzip", "deflate"})


class BadAnswer(Exception):
    """The response does not fit the request; the message says how."""


class RangeRequest(NamedTuple):
    """The bytes on disk to continue from: `start` of `total`; 0 means none.

    `validator` names the version of the file. Without one, only the total and the `tag` that the
    same run saw before (such as a weak ETag) can show that the file is still the same.
    """

    start: int = 0
    validator: str | None = None
    total: int | None = None
    tag: str = ""

    def headers(self) -> dict[str, str]:
        """Return the headers that request the missing bytes."""
        if not self.start or not (self.validator or self.total):
            return {}
        wanted = {"Range": f"bytes={self.start}-"}
        return {**wanted, "If-Range": self.validator} if self.validator else wanted


class Answer(NamedTuple):
    """The body holds the bytes [start, end) of `total`; None means that the server did not say.

    `validator` may be sent in If-Range later (a strong ETag, or Last-Modified if there is no ETag
    at all); `tag` is any name that the server gave the version; `encoding` is a Content-Encoding
    that the server used although wan did not accept it.
    """

    start: int
    end: int | None
    total: int | None
    validator: str | None
    encoding: str = ""
    tag: str = ""


def read_answer(status: int, headers: Mapping[str, str], wanted: RangeRequest) -> Answer:
    """Return what the body of a response with status 200, 206 or 416 holds.

    Args:
        status: the HTTP status.
        headers: the response's headers, by lower-case name.
        wanted: the request for a range.

    Raises:
        BadAnswer: the response does not fit; its bytes must not be added to those on disk.
    """
    if status == 200:
        return _whole(headers)
    if not wanted.headers():
        raise BadAnswer(f"status {status}, although wan requested no range")
    return _rest(headers, wanted) if status == 206 else _nothing_more(headers, wanted)


def _whole(headers: Mapping[str, str]) -> Answer:
    if encoding := _encoding(headers):
        return Answer(0, None, None, None, encoding)
    length = _length(headers)
    return Answer(0, length, length, _validator(headers), tag=_tag(headers))


def _rest(headers: Mapping[str, str], wanted: RangeRequest) -> Answer:
    match = _CONTENT_RANGE.fullmatch(headers.get("content-range", "").strip())
    if match is None or _encoding(headers):
        raise BadAnswer("a partial response that does not say which part it is")
    start, end = int(match[1]), int(match[2]) + 1
    if match[3] == "*" and wanted.validator is None:
        raise BadAnswer("a partial response without the total size")
    total = wanted.total if match[3] == "*" else int(match[3])
    if wanted.total is not None and total != wanted.total:
        raise BadAnswer(f"a file of {total} bytes; it had {wanted.total} before")
    if start != wanted.start or end <= start or (total is not None and end > total):
        raise BadAnswer(
            f"the bytes {start} to {end - 1}, although wan requested {wanted.start} and later"
        )
    if _length(headers) not in (None, end - start):
        raise BadAnswer("a partial response whose length does not match its range")
    if _differs(headers, wanted):
        raise BadAnswer("another version of the file")
    return Answer(start, end, total, wanted.validator, tag=wanted.tag)


def _nothing_more(headers: Mapping[str, str], wanted: RangeRequest) -> Answer:
    match = _UNSATISFIED.fullmatch(headers.get("content-range", "").strip())
    if match is None or int(match[1]) != wanted.start or wanted.total not in (None, wanted.start):
        raise BadAnswer("a refusal of the range")
    return Answer(wanted.start, wanted.start, wanted.start, wanted.validator)


def _length(headers: Mapping[str, str]) -> int | None:
    text = headers.get("content-length", "").strip()
    if "transfer-encoding" in headers or not re.fullmatch("[0-9]{1,18}", text):
        return None
    return int(text)


def _validator(headers: Mapping[str, str]) -> str | None:
    if "etag" in headers:
        etag = headers["etag"].strip()
        return etag if _STRONG_ETAG.fullmatch(etag) else None
    date = headers.get("last-modified", "").strip()
    return date if _HTTP_DATE.fullmatch(date) else None


def _tag(headers: Mapping[str, str]) -> str:
    return headers.get("etag", headers.get("last-modified", "")).strip()


def _differs(headers: Mapping[str, str], wanted: RangeRequest) -> bool:
    validator = wanted.validator
    if validator is None:
        return bool(wanted.tag) and bool(_tag(headers)) and _tag(headers) != wanted.tag
    name = "etag" if validator.startswith('"') else "last-modified"
    return name in headers and headers[name].strip() != validator


def _encoding(headers: Mapping[str, str]) -> str:
    """Return the encodings that the server names and wan can decode; "" means plain."""
    words = headers.get("content-encoding", "").lower().split(",")
    return ",".join(word.strip() for word in words if word.strip() in _CODINGS)
