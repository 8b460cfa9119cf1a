"""Read replies: bounded JSON, error messages, and whether a reply is about the request. Pure."""

import json
import re
from collections.abc import Iterable

from wan_cli.api.exchange import Reply
from wan_cli.errors import (
    KeyNotAllowed,
    KeyRefused,
    NoCredits,
    NotAboutIt,
    NotFound,
    NotTheApi,
    Rejected,
    WanError,
)
from wan_cli.generation import Generation, error_words
from wan_cli.text import hide_queries, one_line

_WORDS_MAX_CHARS = 500
_DEPTH_MAX = 50
_CREDITS = re.compile(r"credit|balance|funds|top.?up|quota", re.IGNORECASE)


def json_object(reply: Reply) -> dict[str, object] | None:
    """Return the body as a JSON object, or None if it is cut off, too deep or anything else."""
    if not reply.whole:
        return None
    try:
        data = json.loads(reply.body)
    except (ValueError, RecursionError):
        return None
    return data if isinstance(data, dict) and _is_shallow(data) else None


def _is_shallow(data: object) -> bool:
    """Whether recursive functions can safely walk a value."""
    level = [data]
    for _ in range(_DEPTH_MAX):
        level = [child for value in level for child in _children(value)]
        if not level:
            return True
    return False


def _children(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def server_words(reply: Reply) -> str:
    """Return the server's message, cleaned and shortened, or the status if there is none."""
    data = json_object(reply)
    words = ""
    if data:
        words = error_words(data.get("message") or data.get("error") or data.get("detail") or "")
    return one_line(hide_queries(words), _WORDS_MAX_CHARS) or f"HTTP {reply.status}"


def is_from_api(reply: Reply) -> bool:
    """Whether an error reply has the API's form: a JSON object with an error message."""
    data = json_object(reply)
    return data is not None and bool({"message", "error", "statusCode", "detail"} & data.keys())


def refusal(reply: Reply, *, waiting: bool = False) -> WanError:
    """Return the error of a 4xx reply, with the server's message.

    A 403 means that the credits are used up or that the key may not do this; while `waiting` for a
    paid generation, it can only be the key.
    """
    words = server_words(reply)
    if reply.status in (401, 403) and not is_from_api(reply):
        return NotTheApi(
            f"a firewall or a proxy answered instead of the API (HTTP {reply.status})",
            hint="check the network and the proxy (HTTPS_PROXY), then: wan doctor",
        )
    no_credits = reply.status == 402 or (reply.status == 403 and _CREDITS.search(words))
    if no_credits and not waiting:
        return NoCredits(f"no credits: {words}", hint="wan balance")
    if reply.status == 403:
        return KeyNotAllowed(f"the API does not allow this: {words}", hint="wan doctor")
    if reply.status in (401, 402):
        return KeyRefused(f"the API refused the key: {words}", hint="wan config set api_key")
    if reply.status == 404:
        return NotFound(f"not found: {words}", hint="wan list")
    return Rejected(f"the API refused the request: {words}", hint="wan generate --help")


def as_number(value: object) -> object:
    """Return a number sent as text as a float; return other values unchanged."""
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return None


def about_it(generation: Generation, asked_id: str, second_id: str | None) -> Generation:
    """Return a generation's state if its id is the requested one, or the second id.

    Raises:
        NotAboutIt: it has another id.
    """
    if generation.id is not None and generation.id not in (asked_id, second_id):
        raise NotAboutIt(generation.id)
    return generation


def is_about_another(reply: Reply, label: str) -> bool:
    """Whether a reply echoes the label of another submission.

    The API sends no echo if it did not accept the label (public reference, "Tracing").
    """
    echoed = reply.headers.get("x-client-request-id")
    return bool(echoed) and echoed != label


def about_us(error: WanError, base_url: str, key_origin: str, key_remedy: str) -> WanError:
    """Add the source of the refused key (401) or the base URL (404) to a refusal."""
    if type(error) is KeyRefused and key_origin:
        words = f"{error.message} (the key {key_origin})"
        return error.with_message(words).with_hint(key_remedy)
    if isinstance(error, NotFound):
        words = f"{base_url} has no such endpoint or model ({error.message})"
        return error.with_message(words).with_hint("wan models, and: wan config get base_url")
    return error
