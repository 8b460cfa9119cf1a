"""Exchanges with the API that are told to the trace: one wrapper around the one HTTP call."""

from collections.abc import Callable, Mapping

from wan_cli.api.exchange import Body, ExchangeFailed, Reply
from wan_cli.http.trace import Trace


def told(
    send: Callable[..., Reply], base_url: str, key: str | None, trace: Trace
) -> Callable[..., Reply]:
    """Return `send`, telling the trace of each request and its outcome.

    The key is in none of it: its header is added further in, and bodies are shown without it.
    """
    if not trace.is_on:
        return send

    def exchange(
        method: str,
        path: str,
        *,
        seconds: float,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: Body | None = None,
    ) -> Reply:
        data = body.data if body else b""
        sent = trace.sent(
            method, base_url + path, params=params, headers=headers, body=data, key=key
        )
        try:
            reply = send(method, path, seconds=seconds, params=params, headers=headers, body=body)
        except ExchangeFailed as failure:
            sent.failed(str(failure))
            raise
        sent.answered(reply.status, reply.headers, reply.body)
        return reply

    return exchange
