"""Try, before anything is paid, whether objects can be created; ask for many objects at once."""

from collections import deque
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from queue import SimpleQueue
from threading import Thread
from typing import NamedTuple, TypeVar

from wan_cli.bucket import RETRIES_S, Bucket, Found, Unreadable
from wan_cli.errors import LocalFileError, UsageError
from wan_cli.uri import Uri

A = TypeVar("A")
T = TypeVar("T")
# Requests at a time.
AT_ONCE = 16


class Wanted(NamedTuple):
    """The objects of one video: the prefix to write below, and the names that must be free."""

    folder: Uri
    names: tuple[Uri, ...] = ()


def try_objects(
    wanted: Sequence[Wanted], ours: Collection[str] = ()
) -> list[UsageError | LocalFileError | None]:
    """Try whether videos can be saved as objects; try each prefix and each name once.

    Leave one trace: an empty object `.wan` below each prefix proves the right to write.

    Args:
        wanted: the objects of each video.
        ours: the ids of generations whose own objects may exist.

    Returns:
        For each video an error or None. A UsageError (exit 2): an object exists. A DriveTrouble
        (exit 13): the credentials, the region, the bucket or the right to write are wrong.

    Raises:
        SetupError: obstore is not installed.
    """
    folders = list(dict.fromkeys(each.folder for each in wanted))
    refused = dict(zip(folders, _each(_proved, folders), strict=True))
    names = list(
        dict.fromkeys(name for each in wanted if not refused[each.folder] for name in each.names)
    )
    found = dict(zip(names, find_all(names), strict=True))
    return [refused[each.folder] or _taken(each, found, ours) for each in wanted]


def _proved(folder: Uri) -> LocalFileError | None:
    try:
        Bucket(folder, seconds=RETRIES_S).prove(folder)
    except LocalFileError as error:
        return error
    return None


def _taken(
    wanted: Wanted, found: dict[Uri, Found | LocalFileError | None], ours: Collection[str]
) -> UsageError | LocalFileError | None:
    for name in wanted.names:
        match found[name]:
            case LocalFileError() as error if not isinstance(error, Unreadable):
                return error
            case Found() as other if other.about.wan_id not in ours:
                return UsageError(
                    f"{name} already exists", hint="add --force, or choose another -o"
                )
    return None


def find_all(uris: Sequence[Uri]) -> list[Found | LocalFileError | None]:
    """Return each object, None if it does not exist, or the error that hides it.

    Raises:
        SetupError: obstore is not installed.
    """
    first = {(uri.scheme, uri.bucket): uri for uri in uris}
    buckets = {name: Bucket(uri, seconds=RETRIES_S) for name, uri in first.items()}

    def find(uri: Uri) -> Found | LocalFileError | None:
        try:
            return buckets[uri.scheme, uri.bucket].find(uri)
        except LocalFileError as error:
            return error

    return _each(find, uris)


def in_thread(call: Callable[[], T]) -> T:
    """Call a function in a thread, so that a signal ends the wait for its request."""
    return _each(lambda _: call(), [None])[0]


def _each(call: Callable[[A], T], arguments: Sequence[A]) -> list[T]:
    """Call a function for each argument, in daemon threads; return the results in order.

    obstore blocks its thread until a request ends: the main thread must stay free for signals.
    """
    todo = deque(enumerate(arguments))
    done: SimpleQueue[tuple[int, T | None, Exception | None]] = SimpleQueue()

    def work() -> None:
        with suppress(IndexError):
            while True:
                at, argument = todo.popleft()
                try:
                    done.put((at, call(argument), None))
                except Exception as error:  # noqa: BLE001  The main thread raises it again.
                    done.put((at, None, error))

    for _ in range(min(AT_ONCE, len(arguments))):
        Thread(target=work, name="wan-bucket", daemon=True).start()
    results: dict[int, T] = {}
    try:
        for _ in arguments:
            at, result, error = done.get()
            if error is not None:
                raise error
            results[at] = result  # type: ignore[assignment]
    finally:
        todo.clear()
    return [results[at] for at in range(len(arguments))]
