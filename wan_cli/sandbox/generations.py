"""POST and GET /v2/video/generations: submit a generation and return its state."""

import asyncio
import re
import time

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from wan_cli.sandbox.catalogue import is_2_7, usd
from wan_cli.sandbox.cdn import Signer, is_unsigned, video_path
from wan_cli.sandbox.connection import NoReply
from wan_cli.sandbox.magic import Magic
from wan_cli.sandbox.pictures import Pictures
from wan_cli.sandbox.renders import Renders
from wan_cli.sandbox.replies import ApiError, json_reply, require_key
from wan_cli.sandbox.store import Store, StoredGeneration
from wan_cli.sandbox.validation import parse_body, validate

_PATH = "/v2/video/generations"
BODY_LIMIT_BYTES = 20 * 1024 * 1024
# Receive and drop this much of a body over the limit, so that the client reads the reply.
_DRAIN_LIMIT_BYTES = 5 * BODY_LIMIT_BYTES
_LABEL = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_URL_VALID_S = 24 * 3600


class Generations:
    """The two routes of a generation: submit and state."""

    def __init__(
        self, store: Store, pictures: Pictures, renders: Renders, signer: Signer, speed: float
    ) -> None:
        self._store = store
        self._pictures = pictures
        self._renders = renders
        self._signer = signer
        self._speed = speed

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route(_PATH, self.submit, methods=["POST"]),
            Route(_PATH, self.state, methods=["GET"]),
        ]

    async def submit(self, request: Request) -> Response:
        """Write the submission to the ledger, validate it and accept it."""
        raw = await _read_body(request)
        post = self._store.note_post(request.headers.get("x-client-request-id"), raw)
        require_key(request)
        if len(raw) > BODY_LIMIT_BYTES:
            raise ApiError(413, "request entity too large")
        body = parse_body(raw)
        validate(body)
        # In another thread, since a large picture takes a second to decode.
        body = await asyncio.to_thread(self._pictures.keep, body)
        self._refuse_by_magic(str(body["prompt"]))
        generation = self._store.accept(body, _label(request), self._speed)
        self._store.note_accepted(post, generation.id)
        if not generation.fails:
            self._renders.start(generation)
        if generation.has_magic(Magic.LOST_REPLY):
            return NoReply()
        return _reply(request, generation, "queued")

    async def state(self, request: Request) -> Response:
        """Return the state of a generation, with a fresh URL if it is completed."""
        require_key(request)
        generation_id = request.query_params.get("generation_id")
        if not generation_id:
            raise ApiError(400, "generation_id: expected string, received nothing")
        generation = self._store.find(generation_id)
        if generation is None:
            raise ApiError(404, "generation not found")
        now = time.time()
        if now < generation.started:
            return _reply(request, generation, "queued")
        if now < generation.due:
            return _reply(request, generation, "generating")
        if generation.fails:
            return _reply(request, generation, "error")
        if not await self._renders.wait(generation):
            return _reply(request, generation, "generating")
        return _reply(request, generation, "completed", self._url(request, generation))

    def _refuse_by_magic(self, prompt: str) -> None:
        if Magic.REJECT.is_in(prompt):
            raise ApiError(400, f"prompt: expected a prompt without {Magic.REJECT}, received it")
        if Magic.NO_CREDIT.is_in(prompt):
            raise _no_credits()
        # Refuse every other submission, so that the word works again the next time.
        if Magic.RATE_LIMIT.is_in(prompt) and self._store.count(f"rate-limit {prompt!a}") % 2:
            raise ApiError(429, "rate limit exceeded", {"retry-after": "1"})

    def _url(self, request: Request, generation: StoredGeneration) -> str:
        expires = int(time.time()) + _URL_VALID_S
        if (
            generation.has_magic(Magic.EXPIRED_URL)
            and self._store.count(f"url {generation.id}") == 1
        ):
            expires -= _URL_VALID_S + 60
        # Ignore the Host header: a client must not choose the host of the URL.
        host = f"http://127.0.0.1:{request.scope['server'][1]}"
        if is_unsigned(generation) and not generation.has_magic(Magic.EXPIRED_URL):
            return f"{host}{video_path(generation.id)}"
        return f"{host}{self._signer.signed_path(generation.id, expires)}"


async def _read_body(request: Request) -> bytes:
    """Return the body; if it is over the limit, return a little more than the limit."""
    chunks, size = [], 0
    async for chunk in request.stream():
        if size <= BODY_LIMIT_BYTES:
            chunks.append(chunk)
        size += len(chunk)
        if size > _DRAIN_LIMIT_BYTES:
            break
    return b"".join(chunks)


def _label(request: Request) -> str | None:
    """Return the tracing label, or None if it is missing or malformed."""
    label = request.headers.get("x-client-request-id", "")
    return label if _LABEL.fullmatch(label) else None


def _no_credits() -> ApiError:
    return ApiError(403, "You've run out of credits. Top up your balance to continue.")


def _reply(
    request: Request, generation: StoredGeneration, status: str, url: str | None = None
) -> Response:
    spent = generation.cost if status == "error" else generation.credits
    headers = {
        "x-inference-id": generation.id,
        "x-aimlapi-credits-used": str(spent),
        "x-aimlapi-usd-spent": str(usd(spent)),
    }
    label = _label(request)
    if label is not None:
        headers["x-client-request-id"] = label
    failure = {
        "name": "GenerationFailed",
        "message": f"the prompt contains {Magic.ERROR}, so the sandbox fails this generation",
    }
    usage: dict[str, object] = {"credits_used": spent}
    if is_2_7(str(generation.body["model"])):
        usage["usd_spent"] = usd(spent)
    body = {
        "id": generation.id,
        "status": status,
        "video": {"url": url} if url else None,
        "error": failure if status == "error" else None,
        "meta": {"usage": usage},
    }
    return json_reply(body, headers=headers)
