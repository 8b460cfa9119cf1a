"""The sandbox's data on disk: generations, the account, and a ledger of every submission.

Several processes may use one folder at once. The store keeps no states: a generation's state
follows from its times and the clock.
"""

import json
import secrets
import sqlite3
import string
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from wan_cli.errors import SetupError
from wan_cli.generation import CREDITS_PER_USD
from wan_cli.sandbox.catalogue import done_after_s, price, queued_s
from wan_cli.sandbox.magic import Magic
from wan_cli.sandbox.pictures import shortened
from wan_cli.storage import make_private

PLAY_MONEY_CREDITS = 100 * CREDITS_PER_USD
# Below this balance, the account gets its play money once more; no clip costs as much.
_REFILL_BELOW_CREDITS = 20 * CREDITS_PER_USD
_SLOW_FACTOR = 30
_BUSY_TIMEOUT_S = 10.0
_NOTED_BYTES_MAX = 100_000
_ID_LENGTH = 21
_ID_ALPHABET = string.ascii_letters + string.digits + "_-"
_SCHEMA = """
CREATE TABLE IF NOT EXISTS generations (
    number INTEGER PRIMARY KEY, id TEXT UNIQUE NOT NULL, body TEXT NOT NULL, label TEXT,
    credits INTEGER NOT NULL, created REAL NOT NULL, started REAL NOT NULL, due REAL NOT NULL,
    fails INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS posts (
    number INTEGER PRIMARY KEY, time REAL NOT NULL, label TEXT, body TEXT NOT NULL,
    generation_id TEXT);
CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS refills (number INTEGER PRIMARY KEY, time REAL NOT NULL);
CREATE TABLE IF NOT EXISTS account (
    one INTEGER PRIMARY KEY CHECK (one = 1), opened REAL NOT NULL, secret TEXT NOT NULL);
"""
_COLUMNS = "id, body, label, credits, created, started, due, fails"


@dataclass(frozen=True, slots=True)
class StoredGeneration:
    """An accepted generation; times are Unix times in seconds."""

    id: str
    body: Mapping[str, object]
    label: str | None
    credits: int
    created: float
    started: float
    due: float
    fails: bool

    @property
    def cost(self) -> int:
        """The final cost in credits; a failed generation is not charged."""
        return 0 if self.fails else self.credits

    def has_magic(self, word: Magic) -> bool:
        """Whether the prompt contains a magic word."""
        return word.is_in(self.body.get("prompt"))


@dataclass(frozen=True, slots=True)
class Post:
    """A received submission, accepted or not; `body` is text if it was not JSON."""

    time: float
    label: str | None
    body: object
    generation_id: str | None


class Store:
    """The data in one folder, for one thread. Every process opens its own store."""

    def __init__(self, folder: Path) -> None:
        """Open the folder; create it (mode 0700) if it is missing.

        Raises:
            SetupError: the folder cannot be created or written, or its file is broken.
        """
        try:
            make_private(folder)
            self._database = sqlite3.connect(
                folder / "sandbox.sqlite3",
                timeout=_BUSY_TIMEOUT_S,
                isolation_level=None,
                check_same_thread=False,
            )
        except (OSError, sqlite3.Error) as cause:
            raise _broken(folder, cause) from None
        try:
            # This is play money: if the machine crashes, losing the last second does not matter.
            self._database.execute("PRAGMA synchronous = OFF")
            with self._transaction():
                self._prepare()
        except sqlite3.Error as cause:
            self._database.close()
            raise _broken(folder, cause) from None

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    @property
    def opened(self) -> float:
        """The time when the account got its play money."""
        return float(self._value("SELECT opened FROM account"))

    @property
    def secret(self) -> bytes:
        """The secret that signs URLs."""
        return str(self._value("SELECT secret FROM account")).encode()

    def accept(
        self, body: Mapping[str, object], label: str | None, speed: float
    ) -> StoredGeneration:
        """Store a new generation and charge it; refill the account if little is left."""
        now, model = time.time(), str(body["model"])
        slowness = (_SLOW_FACTOR if Magic.SLOW.is_in(body["prompt"]) else 1) / speed
        with self._transaction():
            number = int(self._value("SELECT count(*) FROM generations"))
            generation = StoredGeneration(
                id=_new_id(number),
                body=body,
                label=label,
                credits=price(body),
                created=now,
                started=now + queued_s(model) * slowness,
                due=now + done_after_s(model) * slowness,
                fails=Magic.ERROR.is_in(body["prompt"]),
            )
            self._insert(generation)
            self._refill()
        return generation

    def balance(self) -> int:
        """Return the balance in credits; generations in progress are already charged."""
        spent = self._value("SELECT coalesce(sum(credits), 0) FROM generations WHERE NOT fails")
        return PLAY_MONEY_CREDITS * (1 + len(self.refills())) - int(spent)

    def refills(self) -> list[float]:
        """Return the times when the account got its play money once more."""
        return [at for (at,) in self._database.execute("SELECT time FROM refills ORDER BY number")]

    def find(self, generation_id: str) -> StoredGeneration | None:
        """Return the generation with an id, or None."""
        return next(self._select("WHERE id = ?", generation_id), None)

    def finished(self) -> list[StoredGeneration]:
        """Return the finished generations, newest first."""
        return list(self._select("WHERE due <= ? ORDER BY number DESC", time.time()))

    def note_post(self, label: str | None, raw: bytes) -> int:
        """Write a submission to the ledger before it is validated; return its number."""
        cursor = self._database.execute(
            "INSERT INTO posts (time, label, body) VALUES (?, ?, ?)",
            (time.time(), label, json.dumps(_readable(raw))),
        )
        assert cursor.lastrowid is not None
        return cursor.lastrowid

    def note_accepted(self, post: int, generation_id: str) -> None:
        """Add the generation's id to an accepted submission in the ledger."""
        self._database.execute(
            "UPDATE posts SET generation_id = ? WHERE number = ?", (generation_id, post)
        )

    def posts(self) -> list[Post]:
        """Return the ledger, oldest first."""
        rows = self._database.execute(
            "SELECT time, label, body, generation_id FROM posts ORDER BY number"
        )
        return [Post(at, label, json.loads(body), found) for at, label, body, found in rows]

    def count(self, name: str) -> int:
        """Count an event; return how often it has happened so far, in all processes."""
        with self._transaction():
            self._database.execute(
                "INSERT INTO counters VALUES (?, 1) ON CONFLICT DO UPDATE SET value = value + 1",
                (name,),
            )
            return int(self._value("SELECT value FROM counters WHERE name = ?", name))

    def _prepare(self) -> None:
        for statement in _SCHEMA.split(";"):
            self._database.execute(statement)
        self._database.execute(
            "INSERT OR IGNORE INTO account VALUES (1, ?, ?)", (time.time(), secrets.token_hex(32))
        )
        self._refill()

    def _refill(self) -> None:
        while self.balance() < _REFILL_BELOW_CREDITS:
            self._database.execute("INSERT INTO refills (time) VALUES (?)", (time.time(),))

    def _insert(self, generation: StoredGeneration) -> None:
        self._database.execute(
            f"INSERT INTO generations ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
            (
                generation.id,
                json.dumps(generation.body),
                generation.label,
                generation.credits,
                generation.created,
                generation.started,
                generation.due,
                generation.fails,
            ),
        )

    def _select(self, condition: str, *values: object) -> Iterator[StoredGeneration]:
        rows = self._database.execute(f"SELECT {_COLUMNS} FROM generations {condition}", values)  # noqa: S608
        for generation_id, body, label, cost, created, started, due, fails in rows:
            yield StoredGeneration(
                generation_id, json.loads(body), label, cost, created, started, due, bool(fails)
            )

    def _value(self, query: str, *values: object) -> str | int | float:
        value: str | int | float = self._database.execute(query, values).fetchone()[0]
        return value

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        # IMMEDIATE: a transaction that starts as a reader cannot always become a writer.
        self._database.execute("BEGIN IMMEDIATE")
        with self._database:
            yield


def _new_id(number: int) -> str:
    """Return an id; every fourth id begins with a dash, as some ids of the API do."""
    letters = [secrets.choice(_ID_ALPHABET) for _ in range(_ID_LENGTH)]
    if number % 4 == 3:
        letters[0] = "-"
    return "".join(letters)


def _readable(raw: bytes) -> object:
    """Return a body for the ledger: pictures replaced by their hash, long text cut short."""
    try:
        value = shortened(json.loads(raw))
        if len(json.dumps(value, allow_nan=False)) <= _NOTED_BYTES_MAX:
            return value
    except (ValueError, RecursionError):
        pass
    return raw[:_NOTED_BYTES_MAX].decode("utf-8", "replace")


def _broken(folder: Path, cause: Exception) -> SetupError:
    return SetupError(
        f"the sandbox cannot use its folder {folder}: {cause}",
        hint=f"check that you can write to it, or delete it to start over: rm -r {folder}",
    )
