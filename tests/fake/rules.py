"""The requests that the fake API accepts and refuses, by the reference."""

import json
import re

from tests.fake.account import key_of
from tests.fake.catalogue import MODELS
from tests.fake.records import Row
from tests.fake.script import Reply, merge, refusal
from tests.fake.server import HeaderList, Request

GENERATIONS = "/v2/video/generations"
_LABEL = re.compile(r"[A-Za-z0-9._:-]{1,128}")


def label_of(request: Request) -> str | None:
    """Return the client's label if the server accepts it, else None."""
    label = request.headers.get("X-Client-Request-Id", "")
    return label if _LABEL.fullmatch(label) else None


def is_allowed(request: Request) -> bool:
    needs_key = request.path.startswith("/v2/") or request.path == "/v1/key"
    return not needs_key or bool(key_of(request))


def parse(raw: bytes) -> Row:
    try:
        body = json.loads(raw)
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def judge(request: Request, body: Row) -> Reply:
    """Return the API's own reply to a POST; a good reply has no body yet."""
    if request.path != GENERATIONS:
        return refusal(404, f"Cannot POST {request.path}", request.path)
    if not is_allowed(request):
        return refusal(401, "Unauthorized", request.path)
    for name in ("model", "prompt"):
        if not isinstance(body.get(name), str) or not body[name]:
            return refusal(400, f"{name}: expected a string", request.path)
    schema = MODELS.get(body["model"], {"properties": body})
    unknown = sorted(body.keys() - schema["properties"].keys())
    if unknown:
        return refusal(400, f"{unknown[0]}: unrecognized key", request.path)
    return Reply()


def tells_id(reply: Reply, defaults: HeaderList, generation_id: str) -> bool:
    """Whether the client must know the id from this reply: complete, in time, and not a refusal."""
    if reply.fault or reply.delay or reply.crossed or 400 <= reply.status < 500:
        return False
    headers = dict(merge(defaults, reply.headers))
    body = reply.body if isinstance(reply.body, dict) else {}
    return generation_id in (headers.get("x-inference-id"), body.get("id"))
