"""What a reply says, and whether it is about the request: JSON of a bounded kind, errors. Pure."""

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
    """Return the body as a JSON object, or None where it is cut, absurdly deep or anything else."""
    if not reply.whole:
        return None
    try:
        data = json.loads(reply.body)
    except (ValueError, RecursionError):
        return None
    return data if isinstance(data, dict) and _is_shallow(data) else None


def _is_shallow(data: object) -> bool:
    """Whether a value may be walked by functions that call themselves."""
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
    """Return the server's message, cleaned and cut, or the status where it has none."""
    data = json_object(reply)
    words = ""
    if data:
        words = error_words(data.get("message") or data.get("error") or data.get("detail") or "")
    return one_line(hide_queries(words), _WORDS_MAX_CHARS) or f"HTTP {reply.status}"


def is_from_api(reply: Reply) -> bool:
    """Whether an error has the form of the API's: a JSON object that names what went wrong."""
    data = json_object(reply)
    return data is not None and bool({"message", "error", "statusCode", "detail"} & data.keys())


def refusal(reply: Reply, *, waiting: bool = False) -> WanError:
    """Return a 4xx as an error, in the server's words.

    A 403 says either that the credits are gone or that the key may not do this; while `waiting`
    for a generation that is paid for, it can only be the key.
    """
    words = server_words(reply)
    if reply.status in (401, 403) and not is_from_api(reply):
        return NotTheApi(
            f"it is not the API that answered (HTTP {reply.status}), but something in between:"
            " a firewall or a proxy",
            hint="check the network and the proxy (HTTPS_PROXY), then: wan doctor",
        )
    no_credits = reply.status == 402 or (reply.status == 403 and _CREDITS.search(words))
    if no_credits and not waiting:
        return NoCredits(f"no credits: {words}", hint="wan balance")
    if reply.status == 403:
        return KeyNotAllowed(f"the API does not allow it: {words}", hint="wan doctor")
    if reply.status in (401, 402):
        return KeyRefused(f"the API refused the key: {words}", hint="wan config set api_key")
    if reply.status == 404:
        return NotFound(f"not found: {words}", hint="wan list")
    return Rejected(f"the API refused the request: {words}", hint="wan generate --help")


def as_number(value: object) -> object:
    """Return a number that was sent as text, anything else as it is."""
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return None


def about_it(generation: Generation, asked_id: str, second_id: str | None) -> Generation:
    """Return a generation's state if it is about the id that was asked for, or its second id.

    Raises:
        NotAboutIt: it names another one.
    """
    if generation.id is not None and generation.id not in (asked_id, second_id):
        raise NotAboutIt(generation.id)
    return generation


def is_about_another(reply: Reply, label: str) -> bool:
    """Whether a reply answers another submission, by the label that it echoes.

    The echo is missing where the API did not take the label (public reference, "Tracing").
    """
    echoed = reply.headers.get("x-client-request-id")
    return bool(echoed) and echoed != label


def about_us(error: WanError, base_url: str, key_origin: str, key_remedy: str) -> WanError:
    """Return a refusal that names what of ours was refused: the key (401), or the address (404)."""
    if type(error) is KeyRefused and key_origin:
        words = f"{error.message} (the key {key_origin})"
        return error.with_message(words).with_hint(key_remedy)
    if isinstance(error, NotFound):
        words = f"{base_url} knows no such endpoint or model ({error.message})"
        return error.with_message(words).with_hint("wan models, and: wan config get base_url")
    return error
