"""The host of the videos: signed URLs and ranges that behave like Alibaba OSS."""

import base64
import hashlib
import hmac
import re
import time
from collections.abc import Mapping
from email.utils import formatdate
from pathlib import Path
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from wan_cli.sandbox.catalogue import is_2_7
from wan_cli.sandbox.connection import CutReply
from wan_cli.sandbox.magic import Magic
from wan_cli.sandbox.renders import Renders
from wan_cli.sandbox.store import Store, StoredGeneration

_FOLDER = "/cdn/generations"
_ACCESS_KEY_ID = "sandbox"
_RANGE = re.compile(r"bytes=(?:([0-9]{1,18})-([0-9]{0,18})|-([0-9]{1,18}))")


def video_path(generation_id: str) -> str:
    """Return the path of a video, without a signature."""
    return f"{_FOLDER}/{generation_id}.mp4"


def is_unsigned(generation: StoredGeneration) -> bool:
    """Whether the URL of a generation's video never expires, as with Wan 2.7."""
    return is_2_7(str(generation.body["model"]))


class Signer:
    """Signs the paths of videos; anyone with a signed path can read the video until it expires."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def signed_path(self, generation_id: str, expires: int) -> str:
        """Return the path and query of a video, valid until the Unix time `expires`."""
        path = video_path(generation_id)
        query = {
            "Expires": str(expires),
            "OSSAccessKeyId": _ACCESS_KEY_ID,
            "Signature": self._signature("GET", path, str(expires)),
        }
        return f"{path}?{urlencode(query)}"

    def refusal(self, request: Request) -> str | None:
        """Return the OSS error code to refuse a request with, or None if its signature is valid."""
        expires = request.query_params.get("Expires", "")
        given = request.query_params.get("Signature", "")
        # Like OSS: the signature covers the method, and would cover any x-oss header.
        wanted = self._signature(request.method, request.url.path, expires)
        has_oss_headers = any(name.startswith("x-oss-") for name in request.headers)
        is_ours = request.query_params.get("OSSAccessKeyId") == _ACCESS_KEY_ID
        if (
            not is_ours
            or has_oss_headers
            or not hmac.compare_digest(given.encode(), wanted.encode())
        ):
            return "SignatureDoesNotMatch"
        return None if int(expires) > time.time() else "AccessDenied"

    def _signature(self, method: str, path: str, expires: str) -> str:
        signed = f"{method}\n\n\n{expires}\n{path}".encode()
        return base64.b64encode(hmac.digest(self._secret, signed, hashlib.sha1)).decode()


class Cdn:
    """The route of the videos."""

    def __init__(self, store: Store, renders: Renders, signer: Signer) -> None:
        self._store = store
        self._renders = renders
        self._signer = signer

    def routes(self) -> list[Route]:
        """Return the route."""
        return [Route(_FOLDER + "/{name}", self.video)]

    async def video(self, request: Request) -> Response:
        """Answer with the video, or with the requested part of it."""
        generation = self._store.find(str(request.path_params["name"]).removesuffix(".mp4"))
        is_open = generation is not None and is_unsigned(generation) and not request.url.query
        refusal = None if is_open else self._signer.refusal(request)
        if refusal is not None:
            return _oss_error(403, refusal, "The URL has expired or does not fit this request.")
        path = self._renders.path(generation.id) if generation else None
        if generation is None or path is None or not path.exists():
            return _oss_error(404, "NoSuchKey", "The specified key does not exist.")
        status, headers, content = _answer(request, path)
        if (
            generation.has_magic(Magic.CUT_DOWNLOAD)
            and self._store.count(f"download {generation.id}") == 1
        ):
            return CutReply(content, status, headers)
        return Response(content, status, headers)


def _answer(request: Request, path: Path) -> tuple[int, Mapping[str, str], bytes]:
    """Return status, headers and content: 206 for a valid range, else 200 and the whole file."""
    content = path.read_bytes()
    stat = path.stat()
    headers = {
        "content-type": "video/mp4",
        "accept-ranges": "bytes",
        "etag": f'"{stat.st_size:X}-{stat.st_mtime_ns:X}"',
        "last-modified": formatdate(stat.st_mtime, usegmt=True),
    }
    wanted = _range(request.headers.get("range", ""), len(content))
    condition = request.headers.get("if-range")
    if wanted is None or condition not in (None, headers["etag"], headers["last-modified"]):
        return 200, headers, content
    headers["content-range"] = f"bytes {wanted.start}-{wanted.stop - 1}/{len(content)}"
    return 206, headers, content[wanted.start : wanted.stop]


def _range(header: str, size: int) -> range | None:
    """Return the bytes that a Range header asks for, or None if OSS would send the whole file."""
    match = _RANGE.fullmatch(header.strip())
    if match is None:
        return None
    first, last, tail = match.groups()
    if tail is not None:
        wanted = range(max(0, size - int(tail)), size)
    else:
        wanted = range(int(first), min(int(last) + 1, size) if last else size)
    return wanted or None


def _oss_error(status: int, code: str, message: str) -> Response:
    content = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Error><Code>{code}</Code><Message>{message}</Message>"
        "<HostId>sandbox</HostId></Error>\n"
    )
    return Response(content, status, media_type="application/xml")
