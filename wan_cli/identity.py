"""Which generation is which: the keys that a history knows it by, and the labels the API sees.

Everything here is pure, and equal on every machine: two machines that run the same batch, or the
same `--once KEY`, arrive at the same keys and labels.
"""

import json
import re
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

# The service of the embedded sandbox, whose port changes and whose history is its own.
SANDBOX = "sandbox"
_DEFAULT_PORTS = {"http": 80, "https": 443}
_VERSION = re.compile(r"/v[12]$")

ONCE_MAX_CHARS = 200
_HEX_CHARS = 32
# The variables by which orchestrators tell a task which one it is; the last one may be missing.
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
    # The pod of an Indexed Job is called JOB-INDEX, whichever attempt it is.
    "kubernetes": ("JOB_COMPLETION_INDEX", "HOSTNAME", ""),
}


class Keys(NamedTuple):
    """What a generation is known by: `first`, and `other` if there is a second name for it."""

    first: str
    other: str | None = None

    @property
    def all(self) -> tuple[str, ...]:
        """Every key, the first one first."""
        return (self.first,) if self.other is None else (self.first, self.other)


class BatchName(NamedTuple):
    """What tells the rows of a batch from equal rows of another batch.

    Args:
        service: the API, whichever way its base URL is written.
        name: `--as NAME`, or the file's name without folders, or the folder in which stdin is read.
        target: the name of the file that a link leads to, where that is another name.
        old_url: the API's base URL as it is written, by which an older history knows the rows.
        old_places: how an older history names the place of the file.
    """

    service: str
    name: str
    target: str | None = None
    old_url: str = ""
    old_places: tuple[str, ...] = ()

    def keys(self, body: str, nth: int, once: str | None = None) -> Keys:
        """Return the keys of the nth of the rows that have this request, as JSON."""
        first = _digest("row", self.service, self.name, body, nth)
        if once is not None:
            return Keys(once_key(self.service, once), first)
        if self.target is None:
            return Keys(first)
        return Keys(first, _digest("row", self.service, self.target, body, nth))


def task_key(env: Mapping[str, str]) -> str | None:
    """Return the key of the task that an orchestrator runs, None where there is none.

    Every attempt of a task has the same key: the number of the attempt is no part of it.
    """
    for name, variables in _TASKS.items():
        parts = [env.get(variable, "") for variable in variables]
        # Without the last one, which numbers the parts of a task, it is a task all the same.
        if parts[0] and all(parts[:-1]):
            return " ".join([name, *filter(None, parts)])
    return None


def once_key(service: str, key: str) -> str:
    """Return the key of `--once KEY` at a service."""
    return _digest("once", service, key)


def is_once_key(value: object) -> bool:
    """Whether a value can be the KEY of `--once KEY`: 1 to 200 printable characters."""
    return (
        isinstance(value, str)
        and value.isprintable()
        and bool(value.strip())
        and len(value) <= ONCE_MAX_CHARS
    )


def old_key(base_url: str, place: str, body: str, nth: int) -> str:
    """Return the key by which a history of schema 5 or older knows a row: by its file's path."""
    return _digest(f"{base_url} {place}", body, nth)


class Label(NamedTuple):
    """The `client_request_id` of one attempt: `base.attempt`."""

    base: str
    attempt: int

    @classmethod
    def of(cls, text: str | None) -> "Label":
        """Return a label by its parts; what is none has attempt 0."""
        base, _, number = (text or "").rpartition(".")
        is_number = number.isascii() and number.isdigit() and len(number) < 7
        return cls(base, int(number)) if base and is_number else cls(text or "", 0)

    def __str__(self) -> str:
        """Return it as it is sent."""
        return f"{self.base}.{self.attempt}"

    @property
    def next(self) -> "Label":
        """The label of the next attempt."""
        return self._replace(attempt=self.attempt + 1)


def label_base(key: str, body: str) -> str:
    """Return what the labels of all attempts for a key and a request begin with."""
    return f"wan-{_digest('label', key, body)}"


def _digest(*parts: object) -> str:
    # OpenSSL comes with it: 3 ms, for commands that make a key alone.
    import hashlib

    whole = json.dumps(parts)
    return hashlib.sha256(whole.encode("utf-8", "surrogatepass")).hexdigest()[:_HEX_CHARS]


def service_of(base_url: str, *, sandbox: bool = False) -> str:
    """Return a base URL in the one form that stands for its service, or that it is the sandbox.

    Scheme and host are lower case; a default port, a slash at the end and a trailing /v1 or /v2 (as
    OpenAI-style clients are configured) are left out.
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
    """Whether a base URL of the history is of a service."""
    return service in (SANDBOX, service_of(base_url))
