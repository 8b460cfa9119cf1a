"""The routes about the models: the catalogue with its prices, schemas, and live durations."""

import hashlib
import json
import time

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from wan_cli.sandbox.catalogue import metrics_rows, model_rows
from wan_cli.sandbox.replies import ApiError, iso, json_reply
from wan_cli.sandbox.schemas import REQUESTS, document

_METRICS_WINDOW_S = 300


class Models:
    """The routes that need no key."""

    def __init__(self, speed: float) -> None:
        self._speed = speed

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route("/v1/models", self.models),
            Route("/docs-json", self.schema),
            Route("/models/metrics", self.metrics),
        ]

    async def models(self, request: Request) -> Response:
        """Answer with the models and, on request, their prices."""
        query = request.query_params
        capabilities = {word for word in query.get("capabilities", "").split(",") if word}
        # Use the client's name for this machine: `_Door` refuses every other host name.
        host = f"http://{request.headers['host']}"
        rows = model_rows(
            query.get("id"),
            capabilities,
            host=host,
            with_pricing="pricing" in query.get("include", "").split(","),
        )
        return _kept(request, {"object": "list", "data": rows})

    async def schema(self, request: Request) -> Response:
        """Answer with the OpenAPI document of a model's request."""
        model = request.query_params.get("model", "")
        if model not in REQUESTS:
            raise ApiError(404, "model not found")
        return _kept(request, document(model))

    async def metrics(self, request: Request) -> Response:
        """Answer with the durations of generations in this sandbox."""
        return json_reply(
            {
                "window_seconds": _METRICS_WINDOW_S,
                "generated_at": iso(time.time()),
                "models": metrics_rows(request.query_params.get("aliases"), self._speed),
            }
        )


def _kept(request: Request, body: object) -> Response:
    """Return a reply with its ETag, or 304 if the client already has it."""
    etag = f'"{hashlib.sha256(json.dumps(body).encode()).hexdigest()[:32]}"'
    known = [tag.strip() for tag in request.headers.get("if-none-match", "").split(",")]
    if etag in known or f"W/{etag}" in known or "*" in known:
        return Response(status_code=304, headers={"etag": etag})
    return json_reply(body, headers={"etag": etag})
