"""Create the tables of a history in PostgreSQL, and bring older ones to this version."""

from wan_cli.journal.postgres import LOCK, Postgres
from wan_cli.journal.refusals import Denied, not_its_owner, other_version
from wan_cli.journal.tables import OLDEST_READ, SCHEMA, VERSION

MIGRATING_S = 3600.0
# Indexes of a long history take their time; another process that migrates takes as long.
_BEGIN = (
    "; SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = '60s';"
    f" SELECT pg_advisory_xact_lock({LOCK}, 0)"
)


def prepare(engine: Postgres, *, creates: bool) -> None:
    """Check the version of the tables; create them in an empty database.

    Raises:
        SetupError: the tables are of another version, or, without `creates`, there are none.
    """
    version = version_of(engine)
    if version is None and creates:
        migrate(engine)
    elif version is None or not OLDEST_READ <= version <= VERSION:
        raise other_version(engine.place, version)


def version_of(engine: Postgres) -> int | None:
    """Return the version of the tables, None if the database has none."""
    query = "SELECT to_regclass('wan_schema'), pg_is_in_recovery()"
    ((table, is_standby),) = engine.run(query)
    engine.is_read_only = bool(is_standby)
    if table is None:
        return None
    (row,) = engine.run("SELECT max(version) FROM schema")
    return None if row[0] is None else int(str(row[0]))


def migrate(engine: Postgres) -> int | None:
    """Create the tables, or bring them to this version; return the version before.

    Two processes may do it at the same moment: the second one waits, and finds it done.

    Raises:
        SetupError: the tables are of a newer version, or this role may not create them.
    """
    usual_s, engine.limit_s = engine.limit_s, MIGRATING_S
    try:
        with engine.locked(_BEGIN):
            version = version_of(engine)
            if version is not None and version > VERSION:
                raise other_version(engine.place, version)
            if version != VERSION:
                for statement in SCHEMA:
                    engine.change(statement)
                engine.change("INSERT INTO schema (version) VALUES (:new)", {"new": VERSION})
    except Denied as cause:
        raise not_its_owner(engine.place, cause) from None
    finally:
        engine.limit_s = usual_s
    return version
