"""FakeS3: object storage over a real socket, with conditional writes and scripted faults.

It speaks as S3, as Google Cloud Storage and as Azure do, as far as wan uses them.
"""

import base64
import hashlib
import json
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple
from urllib.parse import unquote

from tests.fake.script import Script
from tests.fake.server import Connection, HeaderList, Request, Server, head

ACCESS_KEY = "AKIATESTTESTTEST"
SECRET_KEY = "secret-of-tests/abcdefghijklmnop"
MODIFIED = "Fri, 21 Aug 2026 10:00:00 GMT"


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Reply:
    """One reply of the service: its differences from a good one. `delay` in seconds.

    Faults: `lost` carries out the request and closes the connection without a reply; `late` carries
    it out and replies only after `release()`; `hang` replies only then, and does nothing before;
    `cut` closes it in the middle of the body. `meanwhile` is called before the request is judged.
    """

    status: int | None = None
    code: str = ""
    fault: Literal["lost", "late", "hang", "close", "cut"] | None = None
    delay: float = 0.0
    meanwhile: Callable[[], object] | None = None
    lasting: bool = False


class S3Request(NamedTuple):
    """A request that the service received; `path` is BUCKET/KEY."""

    method: str
    path: str
    headers: dict[str, str]
    query: str


@dataclass(frozen=True, slots=True)
class Stored:
    """An object with its version and its metadata."""

    data: bytes
    etag: str
    headers: dict[str, str] = field(default_factory=dict)

    generation: int = 0

    @property
    def wan_id(self) -> str | None:
        names = ("x-amz-meta-wan-id", "x-goog-meta-wan-id", "x-ms-meta-wan_id")
        return next((self.headers[name] for name in names if name in self.headers), None)


class FakeS3(Server):
    """Serves the buckets at paths (BUCKET/KEY). A test may set any attribute.

    `on[method]` is what is answered to the next requests of a method, `.wan` markers excepted;
    `on_marker` is what is answered to requests for those. `ignores_conditions` makes it replace
    objects as old services do; `hides_missing` answers 403 for a missing object, as S3 does to
    those who may not list the bucket.
    """

    def __init__(self) -> None:
        super().__init__()
        self.buckets = {"clips"}
        self.objects: dict[str, Stored] = {}
        self.requests: list[S3Request] = []
        self.on: defaultdict[str, Script[S3Reply]] = defaultdict(Script[S3Reply])
        self.on_marker: Script[S3Reply] = Script()
        self.ignores_conditions = False
        self.hides_missing = False
        self._versions = 0

    @property
    def env(self) -> dict[str, str]:
        """The variables that make a client use this service."""
        return {
            "AWS_ENDPOINT_URL": self.base_url,
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "AWS_REGION": "us-east-1",
        }

    def env_of(self, scheme: str, folder: Path) -> dict[str, str]:
        """Return the variables that make a client of s3, gs or az use this service."""
        if scheme == "s3":
            return self.env
        if scheme == "az":
            return {
                "AZURE_STORAGE_ENDPOINT": self.base_url,
                "AZURE_STORAGE_ACCOUNT_NAME": "account",
                "AZURE_STORAGE_ACCOUNT_KEY": base64.b64encode(SECRET_KEY.encode()).decode(),
            }
        account = folder / "account.json"
        empty = dict.fromkeys(("client_email", "private_key", "private_key_id"), "")
        account.write_text(
            json.dumps({"gcs_base_url": self.base_url, "disable_oauth": True, **empty})
        )
        return {"GOOGLE_SERVICE_ACCOUNT": str(account)}

    @property
    def videos(self) -> list[str]:
        """The addresses of all objects but the markers, in order."""
        return sorted(f"s3://{path}" for path in self.objects if not path.endswith("/.wan"))

    def asked(self, method: str) -> list[str]:
        """Return the paths of the requests of a method, `.wan` markers excepted."""
        return [
            each.path
            for each in self.requests
            if each.method == method and not each.path.endswith("/.wan")
        ]

    def put(self, path: str, data: bytes, **metadata: str) -> Stored:
        """Store an object as another client would."""
        named = {f"x-amz-meta-{name.replace('_', '-')}": value for name, value in metadata.items()}
        return self._store(path, data, named)

    def handle(self, request: Request, connection: Connection) -> None:
        path = unquote(request.path).removeprefix("/")
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.requests.append(S3Request(request.method, path, headers, request.query))
        script = self.on_marker if path.endswith("/.wan") else self.on[request.method]
        reply = script.next() or S3Reply()
        if reply.fault == "cut" and request.method == "PUT":
            connection.keep = False
            return
        body = connection.read_body(request.headers)
        self.pause(reply.delay)
        if reply.fault == "hang":
            self.hang()
        if reply.fault == "close":
            connection.keep = False
            return
        fields: HeaderList = []
        if reply.meanwhile is not None:
            reply.meanwhile()
        if reply.status is not None:
            status, content = reply.status, _error(reply.code)
        else:
            status, fields, content = self._answer(request.method, path, headers, body)
        if reply.fault == "late":
            self.hang()
        if reply.fault == "lost":
            connection.keep = False
            return
        _send(connection, request, reply, head(status, _sized(fields, content)), content)

    def _answer(
        self, method: str, path: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, HeaderList, bytes]:
        if path.partition("/")[0] not in self.buckets:
            return 404, [], _error("NoSuchBucket")
        old = self.objects.get(path)
        if method == "PUT":
            refused = _refused(headers, old)
            if refused and not self.ignores_conditions:
                return refused, [], _error("PreconditionFailed")
            kept = {
                name: value
                for name, value in headers.items()
                if "-meta-" in name or name.endswith("content-type")
            }
            return 200, _version(self._store(path, body, kept)), b""
        if method not in ("GET", "HEAD"):
            return 405, [], _error("MethodNotAllowed")
        if old is None:
            status = 403 if self.hides_missing else 404
            return status, [], _error("AccessDenied" if self.hides_missing else "NoSuchKey")
        fields = [*_version(old), ("Last-Modified", MODIFIED), *old.headers.items()]
        return 200, fields, old.data

    def _store(self, path: str, data: bytes, headers: dict[str, str]) -> Stored:
        with self._lock:
            self._versions += 1
            etag = f'"{hashlib.md5(data).hexdigest()}-{self._versions}"'
            self.objects[path] = stored = Stored(data, etag, headers, self._versions)
        return stored


def _refused(headers: dict[str, str], old: Stored | None) -> int | None:
    """Return the status that refuses a conditional write, or None."""
    if headers.get("if-none-match") == "*" and old is not None:
        return 409 if "x-ms-version" in headers else 412
    generation = headers.get("x-goog-if-generation-match")
    if generation is not None and generation != str(old.generation if old else 0):
        return 412
    if "if-match" in headers and (old is None or old.etag != headers["if-match"]):
        return 412 if old else 404
    return None


def _version(stored: Stored) -> HeaderList:
    return [("ETag", stored.etag), ("x-goog-generation", str(stored.generation))]


def _error(code: str) -> bytes:
    return f"<Error><Code>{code}</Code><Message>{SECRET_KEY}</Message></Error>".encode()


def _sized(fields: HeaderList, content: bytes) -> HeaderList:
    return [*fields, ("Content-Length", str(len(content)))]


def _send(
    connection: Connection, request: Request, reply: S3Reply, message: bytes, content: bytes
) -> None:
    if request.method == "HEAD":
        content = b""
    if reply.fault == "cut":
        connection.keep = False
        content = content[: len(content) // 2]
    connection.send(message + content)
