"""What a reply is about: it is believed only where it is about what was asked."""

from wan_cli.api.exchange import Reply
from wan_cli.errors import KeyRefused, NotAboutIt, NotFound, WanError
from wan_cli.generation import Generation


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
