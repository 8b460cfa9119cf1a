"""The replies of the routes: JSON, the API's error body, and its format of times."""

import json
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response


class ApiError(Exception):
    """A refusal in the API's own words."""

    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = headers


def json_reply(
    body: object, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """Return a JSON reply in pure ASCII, since received text may hold lone surrogates."""
    return Response(json.dumps(body), status, headers, media_type="application/json")


async def refused(request: Request, error: Exception) -> Response:
    """Answer an ApiError, or a missing route or method, with the API's error body."""
    if isinstance(error, HTTPException):
        error = ApiError(error.status_code, f"Cannot {request.method} {request.url.path}")
    assert isinstance(error, ApiError)
    body = {
        "message": error.message,
        "path": request.url.path,
        "requestId": secrets.token_hex(16),
        "statusCode": error.status,
        "timestamp": iso(datetime.now(UTC).timestamp()),
    }
    return json_reply(body, status=error.status, headers=error.headers)


def require_key(request: Request) -> None:
    """Check that the request has a key; accept any key.

    Raises:
        ApiError: 401, the request has no key.
    """
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not key.strip():
        raise ApiError(401, "Unauthorized: the API key is missing or invalid")


def iso(timestamp: float) -> str:
    """Return a Unix time as the API writes it: UTC with milliseconds."""
    time = datetime.fromtimestamp(timestamp, UTC)
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def query_time(request: Request, name: str) -> float | None:
    """Return a query parameter in ISO 8601 as a Unix time, or None if it is missing.

    Raises:
        ApiError: 400, the parameter is not a time.
    """
    text = request.query_params.get(name)
    if text is None:
        return None
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise ApiError(400, f"{name}: expected an ISO 8601 time, received {text[:100]!r}") from None
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()


def query_integer(request: Request, name: str, default: int, low: int, high: int) -> int:
    """Return a query parameter that is an integer in a range.

    Raises:
        ApiError: 400, the parameter is not such an integer.
    """
    text = request.query_params.get(name, str(default))
    if not (text.isascii() and text.isdigit() and len(text) < 16 and low <= int(text) <= high):
        raise ApiError(
            400, f"{name}: expected an integer from {low} to {high}, received {text[:100]!r}"
        )
    return int(text)


def query_choice(request: Request, name: str, choices: tuple[str, ...]) -> str | None:
    """Return a query parameter that is one of `choices`, or None if it is missing.

    Raises:
        ApiError: 400, the parameter is another word.
    """
    text = request.query_params.get(name)
    if text is not None and text not in choices:
        raise ApiError(
            400, f"{name}: expected one of {', '.join(choices)}, received {text[:100]!r}"
        )
    return text
