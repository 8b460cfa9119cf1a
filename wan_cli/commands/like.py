"""The request that --like ID names, from the history or from the sandbox's history."""

from collections.abc import Mapping
from pathlib import Path

from wan_cli.commands.workspace import READING_PATIENCE_S, Workspace
from wan_cli.core.named import check_word
from wan_cli.errors import UsageError
from wan_cli.journal import Journal
from wan_cli.models import MEDIA_NAMES, Value, flag_of
from wan_cli.output import Output
from wan_cli.record import Record
from wan_cli.text import one_line


def request_like(space: Workspace, out: Output, word: str) -> dict[str, Value]:
    """Return the fields of a generation's request, including the prompt.

    A request tried in the sandbox can be submitted to the service, and vice versa.

    Raises:
        UsageError: the generation is in neither history, or another machine submitted it.
    """
    with space.journal(out) as journal:
        check_word(journal, word)
        record = journal.find(word) or _of_other_history(space, out, word)
    shown = one_line(word, 60)
    if record is None:
        raise UsageError(f"--like {shown}: it is not in the history", hint="wan list")
    if not record.request:
        raise UsageError(
            f"--like {shown}: another machine submitted it, so wan does not know its request",
            hint="type the prompt and the flags",
        )
    there = {key: path for key, path in (record.pictures or {}).items() if _has_hash(path, key)}
    return record._replace(pictures=there).typed


def _has_hash(path: str, key: str) -> bool:
    """Whether a picture is still the one that was sent."""
    import hashlib  # It loads OpenSSL, which takes 5 ms.

    try:
        return key == f"sha256:{hashlib.sha256(Path(path).read_bytes()).hexdigest()}"
    except OSError:
        return False


def refuse_lost_pictures(fields: Mapping[str, object]) -> None:
    """Refuse a picture if the history has only its hash.

    Raises:
        UsageError: there is such a picture; the hint names the flag that replaces it.
    """
    for name in MEDIA_NAMES:
        value = fields.get(name)
        items = value if isinstance(value, list) else [value]
        if any(isinstance(item, str) and item.startswith("sha256:") for item in items):
            raise UsageError(
                "--like: the picture that was sent is gone, or has changed",
                hint=f"add {flag_of(name)} FILE to the same command",
            )


def _of_other_history(space: Workspace, out: Output, word: str) -> Record | None:
    """Look into the history of the service from the sandbox, and vice versa; change neither."""
    there = space._replace(sandbox=not space.sandbox)
    if there.address is not None:
        with there.connected(out, there.address, READING_PATIENCE_S, creates=False) as shared:
            return shared.find(word)
    if not there.history_file.is_file():
        return None
    with Journal.open_read_only(there.history_file) as other:
        return other.find(word)
