"""The identity of generations: their keys in the history, and the labels sent to the API.

Everything here is pure and the same on every machine: two machines that run the same batch, or the
same `--once KEY`, compute the same keys and labels.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple
from urllib.parse import urlsplit

# The service name of the embedded sandbox, whose port changes and which has its own history.
SANDBOX = "sandbox"
_DEFAULT_PORTS = {"http": 80, "https": 443}
_VERSION = re.compile(r"/v[12]$")

ONCE_MAX_CHARS = 200
_HEX_CHARS = 32
_LABEL = re.compile(r"wan-[0-9a-f]{32}\.[0-9]{1,6}")
# The variables that identify a task of an orchestrator; the last one may be missing. Airflow and
# GitHub Actions do not set theirs: a mapped task or a matrix must pass it to wan.
_TASKS: Mapping[str, tuple[str, ...]] = {
    "airflow": (
        "AIRFLOW_CTX_DAG_ID",
        "AIRFLOW_CTX_DAG_RUN_ID",
        "AIRFLOW_CTX_TASK_ID",
        "AIRFLOW_CTX_MAP_INDEX",
    ),
    "github": ("GITHUB_REPOSITORY", "GITHUB_RUN_ID", "GITHUB_JOB", "STRATEGY_JOB_INDEX"),
    "gitlab": ("CI_PROJECT_PATH", "CI_PIPELINE_ID", "CI_JOB_NAME", "CI_NODE_INDEX"),
    "slurm-array": ("SLURM_ARRAY_JOB_ID", "SLURM_ARRAY_TASK_ID", "SLURM_PROCID"),
    "slurm": ("SLURM_JOB_ID", "SLURM_PROCID"),
    # A job may pass its name by the downward API. Otherwise its pods have the host name JOB-INDEX.
    "kubernetes-job": ("JOB_COMPLETION_INDEX", "JOB_NAME", ""),
    "kubernetes": ("JOB_COMPLETION_INDEX", "HOSTNAME", ""),
}


class Keys(NamedTuple):
    """The keys of a generation: `first`, and `other` if it has a second name."""

    first: str
    other: str | None = None

    @property
    def all(self) -> tuple[str, ...]:
        """All keys, beginning with `first`."""
        return (self.first,) if self.other is None else (self.first, self.other)


class BatchName(NamedTuple):
    """The name of a batch, which distinguishes its rows from equal rows of another batch.

    Args:
        service: the API, in the one form of `service_of`.
        name: `--as NAME`, or the file's name without folders, or the working folder for stdin.
        target: the name of a link's target, if it differs.
        old_url: the API's base URL as written, which older histories used in their keys.
        old_places: the paths of the file that older histories used in their keys.
    """

    service: str
    name: str
    target: str | None = None
    old_url: str = ""
    old_places: tuple[str, ...] = ()

    def keys(self, body: str, nth: int, once: str | None = None) -> Keys:
        """Return the keys of the nth row with this request; `body` is the request as JSON."""
        first = _digest("row", self.service, self.name, body, nth)
        if once is not None:
            return Keys(once_key(self.service, once), first)
        if self.target is None:
            return Keys(first)
        return Keys(first, _digest("row", self.service, self.target, body, nth))


def task_key(env: Mapping[str, str]) -> str | None:
    """Return the key of the task that an orchestrator runs, None if there is none.

    Every attempt of a task has the same key, which does not include the attempt's number.
    """
    for name, variables in _TASKS.items():
        parts = [env.get(variable, "") for variable in variables]
        # The last variable numbers the parts of a task, and is optional.
        if parts[0] and all(parts[:-1]) and not (name == "kubernetes" and _is_of_node(parts)):
            return _short(" ".join([name, *filter(None, parts)]))
    return None


def _is_of_node(parts: list[str]) -> bool:
    """Whether a pod has its node's host name (hostNetwork), which a retry may not have."""
    index, host = parts[0], parts[1]
    return not host.endswith(f"-{index}")


def _short(key: str) -> str:
    """Return a key that `--once` accepts: a digest replaces the end of a long one."""
    if len(key) <= ONCE_MAX_CHARS:
        return key
    return f"{key[: ONCE_MAX_CHARS - _HEX_CHARS - 1]} {_digest('task', key)}"


def once_key(service: str, key: str) -> str:
    """Return the key of `--once KEY` at a service."""
    return _digest("once", service, key)


def budget_name(batch: BatchName, keys: Sequence[str]) -> str:
    """Return the name of the rows of a batch file, which share a budget on all machines."""
    return _digest("budget", batch.service, batch.name, *sorted(keys))


def is_once_key(value: object) -> bool:
    """Whether a value can be the KEY of `--once KEY`: 1 to 200 printable characters."""
    return (
        isinstance(value, str)
        and value.isprintable()
        and bool(value.strip())
        and len(value) <= ONCE_MAX_CHARS
    )


def old_key(base_url: str, place: str, body: str, nth: int) -> str:
    """Return the key of a row in a history of schema 5 or older, which used the file's path."""
    return _digest(f"{base_url} {place}", body, nth)


class Label(NamedTuple):
    """The `client_request_id` of one attempt: `base.attempt`."""

    base: str
    attempt: int

    @classmethod
    def of(cls, text: str | None) -> "Label":
        """Split a label into its parts; other texts get attempt 0."""
        base, _, number = (text or "").rpartition(".")
        is_number = number.isascii() and number.isdigit() and len(number) < 7
        return cls(base, int(number)) if base and is_number else cls(text or "", 0)

    def __str__(self) -> str:
        """Return the label as text, as wan sends it."""
        return f"{self.base}.{self.attempt}"

    @property
    def next(self) -> "Label":
        """The label of the next attempt."""
        return self._replace(attempt=self.attempt + 1)


def is_label(text: str | None) -> bool:
    """Whether a text is a label that wan made."""
    return _LABEL.fullmatch(text or "") is not None


def label_base(key: str, body: str) -> str:
    """Return the base that all labels for a key and a request share."""
    return f"wan-{_digest('label', key, body)}"


def _digest(*parts: object) -> str:
    # hashlib loads OpenSSL, which takes 3 ms: only commands that make keys import it.
    import hashlib

    whole = json.dumps(parts)
    return hashlib.sha256(whole.encode("utf-8", "surrogatepass")).hexdigest()[:_HEX_CHARS]


def service_of(base_url: str, *, sandbox: bool = False) -> str:
    """Return the name of a service: its base URL in a normal form, or SANDBOX.

    The scheme and host are in lower case, without a default port, a final slash, or a final /v1 or
    /v2 (which OpenAI-style clients have in their settings).
    """
    if sandbox:
        return SANDBOX
    parts = urlsplit(base_url.strip())
    scheme, host = parts.scheme.lower(), (parts.hostname or "").lower()
    if ":" in host:
        host = f"[{host}]"
    port = parts.port
    if port is not None and port != _DEFAULT_PORTS.get(scheme):
        host = f"{host}:{port}"
    path = _VERSION.sub("", parts.path.rstrip("/")).rstrip("/")
    return f"{scheme}://{host}{path}"


def is_of(base_url: str, service: str) -> bool:
    """Whether a base URL in the history belongs to a service."""
    return service in (SANDBOX, service_of(base_url))
