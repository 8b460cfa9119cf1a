"""Record: a row of the history, with one submission, its generation and its video."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

from wan_cli.errors import WanError
from wan_cli.generation import Status
from wan_cli.models import Value
from wan_cli.uri import Place, place_of


class Accepted(NamedTuple):
    """A submission that the server has accepted, and given an id."""

    id: str


class Ready(NamedTuple):
    """A completed generation: its id and the URL of its video."""

    id: str
    url: str


class Stored(NamedTuple):
    """A generation whose video was saved: its id and the file."""

    id: str
    file: Place


class Record(NamedTuple):
    """One row of the history. Times are seconds since the epoch (UTC), paths are absolute.

    `ref` names the submission (`wan-<uuid4 hex>`); `client_request_id` is the label of its newest
    attempt: `<ref>.<attempt>`, or `wan-<hash>.<attempt>` if it has a key; `id` comes from the
    server, None until it answers. `row_key` and `other_key` identify the purpose: a row of a batch,
    or a `--once` key. `row` is the row's number, `batch` the name of its batch (None in rows of
    older histories), `once` the key as the user wrote it. `sandbox` marks generations of a served
    sandbox, which are not charged. `request` has the hash (`sha256:…`) of each local picture, and
    `pictures` has its path. `sha256` is the hash of the saved video in hex, None in rows of older
    histories.
    """

    ref: str
    client_request_id: str
    status: Status
    request: Mapping[str, Value]
    created_at: float
    updated_at: float
    base_url: str
    key_fingerprint: str
    folder: str
    name: str | None = None
    name_template: str | None = None
    sidecar: bool = False
    pid: int | None = None
    id: str | None = None
    other_id: str | None = None
    server_offset_s: float | None = None
    finished_at: float | None = None
    credits_used: int | None = None
    cost_usd: float | None = None
    video_url: str | None = None
    file: str | None = None
    bytes: int | None = None
    error_code: str | None = None
    error_message: str | None = None
    error_hint: str | None = None
    exit_code: int | None = None
    row_key: str | None = None
    row: int | None = None
    sandbox: bool = False
    other_key: str | None = None
    batch: str | None = None
    once: str | None = None
    pictures: Mapping[str, str] | None = None
    host: str | None = None
    sha256: str | None = None
    worker: str | None = None
    price_usd: float | None = None
    budget: str | None = None
    try_: int = 1

    @property
    def prompt(self) -> str:
        """The prompt, exactly as it was sent."""
        return str(self.request.get("prompt", ""))

    @property
    def model(self) -> str:
        """The requested model."""
        return str(self.request.get("model", ""))

    @property
    def typed(self) -> dict[str, Value]:
        """The request as the user typed it, with the paths of local pictures."""
        return {name: self._typed(value) for name, value in self.request.items()}

    def _typed(self, value: Value) -> Value:
        if isinstance(value, list):
            return [self._typed(item) for item in value]
        return (self.pictures or {}).get(value, value) if isinstance(value, str) else value

    @property
    def accepted(self) -> Accepted | None:
        """The submission as an accepted one, None before the server has answered."""
        return None if self.id is None else Accepted(self.id)

    @property
    def ready(self) -> Ready | None:
        """The generation as a completed one with a video, None before it is completed."""
        if self.id is None or self.video_url is None or self.status is not Status.COMPLETED:
            return None
        return Ready(self.id, self.video_url)

    @property
    def stored(self) -> Stored | None:
        """The generation as a saved one, None before; the file may have been moved since."""
        if self.id is None or self.file is None:
            return None
        return Stored(self.id, place_of(self.file))

    @property
    def handle(self) -> str:
        """The name to type for this generation: the id, or the submission's ref if it has no id."""
        return self.id or self.ref

    @property
    def url_expires_at(self) -> float | None:
        """The expiry time of the signed URL, from its `Expires` (seconds since the epoch)."""
        if not self.video_url:
            return None
        try:
            text = parse_qs(urlsplit(self.video_url).query).get("Expires", [""])[0]
        except ValueError:
            return None
        return float(text) if text.isascii() and text.isdigit() and len(text) < 12 else None


def error_fields(error: WanError | None) -> dict[str, object]:
    """Return the fields of a record for an error; for None, the fields that clear it."""
    return {
        "error_code": error.code if error else None,
        "error_message": error.message if error else None,
        "error_hint": error.hint if error else None,
        "exit_code": error.exit_code if error else None,
    }


class Outcome(NamedTuple):
    """The outcome of one generation in one command: its record, and an error if it failed.

    `row` is the number of its row in a batch; `is_earlier` is true if an earlier run ended it,
    and `is_new` if this run submitted it.
    """

    record: Record | None
    error: WanError | None = None
    row: int | None = None
    is_earlier: bool = False
    is_new: bool = False

    @property
    def exit_code(self) -> int:
        """The exit code for this outcome alone."""
        return self.error.exit_code if self.error else 0


def utc(seconds: float | None) -> str | None:
    """Return a time as ISO 8601 in UTC, to the millisecond, or None."""
    if seconds is None:
        return None
    text = datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")
