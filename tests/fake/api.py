"""FakeApi: the API over a real socket, with a ledger of what it received and scripted faults."""

import json
import ssl
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from email.message import Message
from email.utils import formatdate
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self
from urllib.parse import parse_qsl

from tests.fake.account import Account, key_of
from tests.fake.catalogue import MODELS, PRICING, wan_metrics, wan_model
from tests.fake.cdn import FakeCdn
from tests.fake.crossing import Crossing, neighbour
from tests.fake.records import CREDITS_PER_USD, GenerationState, Post, Row, stamp
from tests.fake.rules import GENERATIONS as GENERATIONS
from tests.fake.rules import is_allowed, judge, label_of, parse, tells_id
from tests.fake.script import Reply, Script, deliver, refusal
from tests.fake.server import Connection, HeaderList, Request, Server


class Get(NamedTuple):
    """A GET that the API received; `at` is monotonic seconds."""

    path: str
    query: str
    headers: Message
    at: float

    @property
    def generation_id(self) -> str | None:
        """The generation that a poll asks for, None for any other GET."""
        ids = dict(parse_qsl(self.query)).get("generation_id")
        return ids if self.path == GENERATIONS else None


class FakeApi(Account, Server):
    """Serves the API on loopback; `cdn` serves the videos. A test may set any attribute.

    `on_get_of[id]` is what is answered to polls of one generation; it is looked at before `on_get`.
    With `hides_others` a key sees its own generations only.
    """

    def __init__(self, *, tls: bool = False, video: bytes | None = None) -> None:
        self.ca_pem: Path | None = None
        Server.__init__(self, self._tls_context() if tls else None)
        Account.__init__(self)
        self.cdn = FakeCdn(self._context, video)
        self.posts: list[Post] = []
        self.gets: list[Get] = []
        self.sent_ids: set[str] = set()  # ids of generations that a complete good reply named
        self.fresh_urls = True
        self.balance = 123.45
        self.pricing: Row | None = PRICING
        self.etag = '"models-1"'
        self.metrics_p50_ms: float | None = 205_000
        # The invariants that the check after each test skips.
        self.allow_multiple = False
        self.check_files = True
        self.check_history = True
        self.check_secrets = True
        self.on_post: Script[Reply] = Script()
        self.on_get: Script[Reply] = Script()
        self.on_get_of: defaultdict[str, Script[Reply]] = defaultdict(Script)
        self.crossing = Crossing()
        self.hides_others = False
        self.on_logs: Script[Reply] = Script()
        self.on_transactions: Script[Reply] = Script()
        self.on_billing: Script[Reply] = Script()
        self.on_key: Script[Reply] = Script()
        self.on_usage: Script[Reply] = Script()
        self.on_models: Script[Reply] = Script()
        self.on_metrics: Script[Reply] = Script()
        self._routes: dict[str, tuple[Script[Reply], Callable[[Request], Reply]]] = {
            GENERATIONS: (self.on_get, self._state),
            "/v2/logs": (self.on_logs, self.logs),
            "/v2/billing/transactions": (self.on_transactions, self.transactions),
            "/v2/billing": (self.on_billing, self._billing),
            "/v1/key": (self.on_key, self.about_key),
            "/v2/usage": (self.on_usage, self.usage),
            "/v1/models": (self.on_models, self._models),
            "/models/metrics": (self.on_metrics, self._metrics),
        }
        # Rows of the catalogue besides the Wan models, and the replies at other paths.
        self.more_models: list[Row] = []
        self.documents: dict[str, Row] = {}

    def _tls_context(self) -> ssl.SSLContext:
        import trustme

        authority = trustme.CA()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1", "localhost").configure_cert(context)
        with tempfile.NamedTemporaryFile(suffix=".pem", delete=False) as file:
            file.write(authority.cert_pem.bytes())
        self.ca_pem = Path(file.name)
        return context

    def __enter__(self) -> Self:
        self.cdn.__enter__()
        return super().__enter__()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        super().__exit__(kind, error, trace)
        self.cdn.__exit__(kind, error, trace)
        if self.ca_pem is not None:
            self.ca_pem.unlink()

    @property
    def video(self) -> bytes:
        return self.cdn.video

    @video.setter
    def video(self, data: bytes) -> None:
        self.cdn.video = data

    @property
    def accepted(self) -> list[Post]:
        """The POSTs that made a generation and were charged."""
        return [post for post in self.posts if post.accepted]

    def handle(self, request: Request, connection: Connection) -> None:
        if request.method == "POST":
            self._post(request, connection)
            return
        get = Get(request.path, request.query, request.headers, time.monotonic())
        self.gets.append(get)
        connection.keep = connection.keep and request.method == "GET"
        if request.path in self.documents:
            document = Reply(body=self.documents[request.path], headers={"ETag": '"document-1"'})
            self._send(connection, request, document, None)
            return
        if request.method != "GET" or request.path not in self._routes:
            self._send(connection, request, refusal(404, f"Cannot {request.method}"), None)
            return
        script, answer = self._routes[request.path]
        of_it = self.on_get_of.get(get.generation_id or "")
        scripted = (of_it and of_it.next()) or script.next()
        if scripted is None:
            reply = answer(request) if is_allowed(request) else refusal(401, "Unauthorized")
        elif scripted.crossed:
            reply = self._about(neighbour(self.generations, get.generation_id or ""))
        elif scripted.body is None and scripted.is_success:
            own = answer(request)
            status = own.status if scripted.status == 200 else scripted.status
            headers = scripted.headers or own.headers
            reply = replace(scripted, status=status, body=own.body, headers=headers)
        else:
            reply = scripted
        generation_id = request.parameters.get("generation_id", "")
        self._send(connection, request, reply, self.generations.get(generation_id))

    def _post(self, request: Request, connection: Connection) -> None:
        scripted = self.on_post.next() if request.path == GENERATIONS else None
        if scripted is not None and scripted.fault == "reset-before-body":
            connection.reset()
            return
        raw = connection.read_body(request.headers)
        body = parse(raw)
        reply = scripted or judge(request, body)
        taken = label_of(request)
        state = None
        if reply.accepts:
            state = self.add_generation(body, client_request_id=taken, key=key_of(request))
        post = Post(
            body=body,
            raw=raw,
            headers=request.headers,
            accepted=state is not None,
            id=state.id if state else None,
            client_request_id=taken,
            time=self.now(),
            path=request.path,
        )
        self.posts.append(post)
        if state is not None:
            self.on_accept(state)
            other = self._crossed_with(reply, state)
            if other is not None:
                reply = replace(reply, crossed=True)
                state, taken = other, other.client_request_id
        if state is not None and reply.body is None and reply.is_success:
            reply = replace(reply, body=state.reply(None))
        self._send(connection, request, reply, state, label=taken)

    def _crossed_with(self, reply: Reply, made: GenerationState) -> GenerationState | None:
        """Return the generation whose reply a POST gets instead of its own, or None."""
        if reply.crossed:
            return neighbour(self.generations, made.id)
        return self.crossing.post(self.generations, made.id)

    def _send(
        self,
        connection: Connection,
        request: Request,
        reply: Reply,
        state: GenerationState | None,
        label: str | None = None,
    ) -> None:
        if reply.body is None and reply.status not in (204, 304):
            body = refusal(reply.status, "scripted", request.path).body
            reply = replace(reply, body=body)
        headers: HeaderList = [
            ("Date", formatdate(self.now().timestamp(), usegmt=True)),
            ("Content-Type", "application/json"),
        ]
        if label is not None:
            headers.append(("x-client-request-id", label))
        if request.method == "POST" and state is not None and reply.is_success:
            headers += [
                ("x-inference-id", state.id),
                ("x-aimlapi-credits-used", str(state.credits_used)),
                ("x-aimlapi-usd-spent", str(state.credits_used / CREDITS_PER_USD)),
            ]
        if state is not None:
            reply = self._filled(reply, state)
        if state is not None and tells_id(reply, headers, state.id):
            self.sent_ids.add(state.id)
        deliver(self, connection, reply, headers)

    def _filled(self, reply: Reply, state: GenerationState) -> Reply:
        """Return the reply with `{id}` and `{url}` filled in."""

        def fill(text: str) -> str:
            if "{url}" in text:
                text = text.replace("{url}", self._url(state))
            return text.replace("{id}", state.id)

        body = reply.body
        if isinstance(body, dict):
            body = json.loads(fill(json.dumps(body)))
        elif body is not None:
            body = fill(body.decode("latin-1")).encode("latin-1")
        pairs = reply.headers.items() if not isinstance(reply.headers, list) else reply.headers
        headers = [(name, value and fill(value)) for name, value in pairs]
        return replace(reply, body=body, headers=headers)

    def _url(self, state: GenerationState) -> str:
        if state.url is not None:
            return state.url
        url = self.cdn.url(state.id)
        if not self.fresh_urls:
            state.url = url
        return url

    def _state(self, request: Request) -> Reply:
        state = self.generations.get(request.parameters.get("generation_id", ""))
        if state is None or (self.hides_others and state.key not in ("", key_of(request))):
            return refusal(404, "Generation not found", request.path)
        other = self.crossing.poll(self.generations, state.id)
        if other is not None:
            return self._about(other)
        state.seen += 1
        return replace(self._about(state), crossed=False)

    def _about(self, state: GenerationState | None) -> Reply:
        """Return the state of a generation, possibly of another one than requested."""
        if state is None:
            return Reply(crossed=True, body={"id": "another", "status": "queued"})
        has_video = state.url is not None or state.current_status == "completed"
        return Reply(crossed=True, body=state.reply(self._url(state) if has_video else None))

    def _billing(self, _request: Request) -> Reply:
        return Reply(body={"current_balance": self.balance, "currency": "USD"})

    def _models(self, request: Request) -> Reply:
        headers = {"ETag": self.etag, "Cache-Control": "public, max-age=300"}
        if request.headers.get("If-None-Match") == self.etag:
            return Reply(status=304, headers=headers)
        with_price = "pricing" in request.parameters.get("include", "")
        pricing = self.pricing if with_price else None
        rows = [wan_model(pricing, name) for name in MODELS] + self.more_models
        asked = request.parameters.get("id")
        data = [row for row in rows if asked in (None, row["id"], *row.get("aliases", []))]
        return Reply(body={"object": "list", "data": data}, headers=headers)

    def _metrics(self, _request: Request) -> Reply:
        p50 = self.metrics_p50_ms
        models = [] if p50 is None else [wan_metrics(p50)]
        now = stamp(self.now())
        return Reply(body={"window_seconds": 300, "generated_at": now, "models": models})
