"""The checks of a history in PostgreSQL: can it be used, and does it keep what it is given?"""

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from wan_cli.checkup import Check, fine, problem, warning
from wan_cli.database import Address
from wan_cli.errors import SetupError
from wan_cli.journal.schema import TO_FETCH
from wan_cli.journal.tables import TABLES
from wan_cli.journal.workers import DEAD_S

if TYPE_CHECKING:
    from wan_cli.journal.postgres import Postgres

CLOCK_OFF_MAX_S = 5.0
# Without these, a crash of the server may lose what it has confirmed.
_SAFE = ("fsync", "full_page_writes")
_RIGHTS = ("SELECT", "INSERT", "UPDATE")
# Rights that each table needs beyond SELECT: the version is written by migrations only.
_ONLY_READ = "wan_schema"


def examine(engine: "Postgres") -> Iterator[Check]:
    """Yield a check for each thing that generations on several machines need.

    Raises:
        SetupError: the database is away, or refuses a question.
    """
    began = time.monotonic()
    engine.run("SELECT 1")
    took_ms = (time.monotonic() - began) * 1000
    version = _setting(engine, "server_version").partition(" ")[0]
    ((schema, _size),) = engine.run(engine.schema_and_size)
    words = f"{engine.place}: PostgreSQL {version} answers in {took_ms:.1f} ms, schema {schema}"
    yield fine("history", words)
    yield from _network(engine)
    yield _safety(engine)
    rights = _rights(engine)
    yield rights
    yield _tables(engine)
    yield _primary(engine)
    yield from _replicas(engine)
    yield _clock(engine)
    if not rights.exit_code:
        yield _machines(engine)


def _setting(engine: "Postgres", name: str) -> str:
    ((value,),) = engine.run("SELECT current_setting(:name, true)", {"name": name})
    return str(value or "")


def _network(engine: "Postgres") -> Iterator[Check]:
    host, is_encrypted = engine.connected_to()
    if is_encrypted:
        yield fine("history network", "encrypted")
    elif not Address(hosts=(host,)).is_local:
        words = f"prompts and links travel to {host} without encryption"
        yield warning(
            "history network", words, hint="add ?sslmode=require to the URL: wan config get history"
        )


def _safety(engine: "Postgres") -> Check:
    off = [name for name in _SAFE if _setting(engine, name) == "off"]
    if off:
        return warning(
            "history server",
            f"{' and '.join(off)} off: a crash of the server may lose generations",
            hint="; ".join(f"ALTER SYSTEM SET {name} = on" for name in off),
        )
    waits = _setting(engine, "synchronous_commit")
    own = "" if waits in ("on", "remote_apply") else " (wan turns it on for itself)"
    words = f"fsync on, full_page_writes on, synchronous_commit {waits}{own}"
    return fine("history server", words)


def _rights(engine: "Postgres") -> Check:
    """Ask for the rights of this role on each table."""
    lacking: dict[str, list[str]] = {}
    for table in TABLES:
        wanted = ("SELECT",) if table == _ONLY_READ else _RIGHTS
        for right in wanted:
            query = "SELECT has_table_privilege(CAST(:name AS text), CAST(:right AS text))"
            ((has,),) = engine.run(query, {"name": table, "right": right})
            if not has:
                lacking.setdefault(right, []).append(table)
    ((role,),) = engine.run("SELECT quote_ident(current_user)")
    if not lacking:
        return fine("history rights", f"the role {role} can read and write")
    grants = "; ".join(
        f"GRANT {right} ON {', '.join(tables)} TO {role}" for right, tables in lacking.items()
    )
    words = f"the role {role} lacks {', '.join(lacking)}"
    return problem("history rights", SetupError(words, hint=grants))


def _tables(engine: "Postgres") -> Check:
    name = "history tables"
    rows = engine.run(
        "SELECT relname FROM pg_class WHERE relpersistence <> 'p'"
        f" AND oid IN ({', '.join(f'to_regclass({table!r})' for table in TABLES)})"
    )
    if rows:
        tables = [str(table) for (table,) in rows]
        words = f"{', '.join(tables)} UNLOGGED: a crash of the server empties them"
        hint = "; ".join(f"ALTER TABLE {table} SET LOGGED" for table in tables)
        return problem(name, SetupError(words, hint=hint))
    return fine(name, "UTF8, and safe after a crash")


def _primary(engine: "Postgres") -> Check:
    ((is_standby,),) = engine.run("SELECT pg_is_in_recovery()")
    if is_standby:
        error = SetupError(
            "this server is a standby, which can only be read",
            hint="name the primary, or add ?target_session_attrs=read-write to the URL",
        )
        return problem("history writable", error)
    return fine("history writable", "the server is no standby")


def _replicas(engine: "Postgres") -> Iterator[Check]:
    ((count,),) = engine.run("SELECT count(*) FROM pg_stat_replication")
    if not count:
        return
    if _setting(engine, "synchronous_standby_names"):
        yield fine("history replicas", f"{count}, synchronous")
        return
    yield warning(
        "history replicas",
        f"{count}, asynchronous: a failover may lose the newest generations",
        hint="ALTER SYSTEM SET synchronous_standby_names = '*'",
    )


def _clock(engine: "Postgres") -> Check:
    before = time.time()
    ((theirs,),) = engine.run(f"SELECT {engine.now}")
    offset_s = float(str(theirs)) - (before + time.time()) / 2
    if abs(offset_s) > CLOCK_OFF_MAX_S:
        words = f"{abs(offset_s):.0f} s off the clock of the database"
        return warning("history clock", words, hint="timedatectl status")
    return fine("history clock", f"within {abs(offset_s):.1f} s of the clock of the database")


def _machines(engine: "Postgres") -> Check:
    seen = f"seen_at > {engine.now} - {DEAD_S}"
    ((processes, hosts),) = engine.run(
        f"SELECT count(*), count(DISTINCT host) FROM workers WHERE {seen}"
    )
    ((orphans,),) = engine.run(
        f"SELECT count(*) FROM generations WHERE {TO_FETCH} AND worker IS NOT NULL"
        " AND NOT EXISTS (SELECT 1 FROM workers AS w"
        f" WHERE w.worker = generations.worker AND w.{seen})"
    )
    words = f"{_many(int(str(processes)), 'process')} on {_many(int(str(hosts)), 'machine')}"
    if orphans:
        return warning(
            "machines",
            f"{words}; the process of {_many(int(str(orphans)), 'generation')} has ended",
            hint="wan fetch --all",
        )
    return fine("machines", f"{words} in the last {DEAD_S / 60:.0f} minutes")


def _many(count: int, what: str) -> str:
    ends = "es" if what.endswith("s") else "s"
    return f"{count:,} {what}{'' if count == 1 else ends}"
