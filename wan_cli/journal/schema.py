"""The schema of the journal: the migrations of an SQLite file, and what both engines share."""

from wan_cli.journal.totals import TOTALS, UNRESOLVED

# Generations that are paid for or running, and not on disk.
TO_FETCH = "id IS NOT NULL AND file IS NULL AND status IN ('queued', 'generating', 'completed')"

# Rows of batches from before batch names were kept: their keys derive from the file's path.
OLD_KEY = "row_key IS NOT NULL AND batch IS NULL AND once IS NULL"

# What the unique index of keys holds: everything that was, or may have been, accepted.
KEYED = "row_key IS NOT NULL AND status NOT IN ('unsent', 'rejected')"
# Indexes that both engines have.
INDEXES = (
    "CREATE INDEX generations_class ON generations (class, seq)"
    " WHERE status = 'completed' AND finished_at IS NOT NULL",
    "CREATE INDEX generations_digest ON generations (digest)",
    "CREATE INDEX generations_budget ON generations (budget, status, cost_usd, price_usd)"
    " WHERE budget IS NOT NULL",
    "CREATE INDEX generations_spent"
    " ON generations (created_at, status, credits_used, cost_usd, price_usd, sandbox)",
)

# Step N migrates the file from version N to N + 1 (PRAGMA user_version).
MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """CREATE TABLE IF NOT EXISTS generations (
            seq INTEGER PRIMARY KEY,
            ref TEXT NOT NULL UNIQUE,
            client_request_id TEXT NOT NULL,
            status TEXT NOT NULL,
            request TEXT NOT NULL,
            created_at REAL NOT NULL,
            updated_at REAL NOT NULL,
            base_url TEXT NOT NULL,
            key_fingerprint TEXT NOT NULL,
            folder TEXT NOT NULL,
            name TEXT,
            name_template TEXT,
            sidecar INTEGER NOT NULL DEFAULT 0,
            pid INTEGER,
            id TEXT,
            finished_at REAL,
            credits_used INTEGER,
            cost_usd REAL,
            video_url TEXT,
            file TEXT,
            bytes INTEGER,
            error_code TEXT,
            error_message TEXT,
            error_hint TEXT,
            exit_code INTEGER
        )""",
        "CREATE INDEX IF NOT EXISTS generations_id ON generations (id)",
        "CREATE INDEX IF NOT EXISTS generations_created_at ON generations (created_at)",
    ),
    (
        # For settling: the second id of a reply that had two, and the server's clock.
        "ALTER TABLE generations ADD COLUMN other_id TEXT",
        "ALTER TABLE generations ADD COLUMN server_offset_s REAL",
        "CREATE INDEX generations_open ON generations (status)"
        " WHERE status IN ('sending', 'unknown')",
    ),
    (
        # A covering index: computing a total need not read the rows.
        "CREATE INDEX generations_spent"
        " ON generations (created_at, status, credits_used, cost_usd)",
        "DROP INDEX IF EXISTS generations_created_at",
    ),
    (
        # A batch that runs again finds its submissions by these.
        "ALTER TABLE generations ADD COLUMN row_key TEXT",
        "ALTER TABLE generations ADD COLUMN row INTEGER",
        "CREATE INDEX generations_row ON generations (row_key) WHERE row_key IS NOT NULL",
    ),
    (
        # Status `claimed` comes before the connection is opened, `sending` before the body.
        "DROP INDEX IF EXISTS generations_open",
        f"CREATE INDEX generations_open ON generations (status) WHERE {UNRESOLVED}",
    ),
    (
        # Generations of a served sandbox: nothing was charged.
        "ALTER TABLE generations ADD COLUMN sandbox INTEGER NOT NULL DEFAULT 0",
    ),
    (
        # The keys of rows now derive from the batch's name, no longer from the file's path. A
        # row_key without a batch and a --once key is an old one, until its batch runs again.
        "ALTER TABLE generations ADD COLUMN other_key TEXT",
        "ALTER TABLE generations ADD COLUMN batch TEXT",
        "ALTER TABLE generations ADD COLUMN once TEXT",
        "CREATE INDEX generations_other ON generations (other_key) WHERE other_key IS NOT NULL",
        "CREATE INDEX generations_batch ON generations (batch, base_url) WHERE batch IS NOT NULL",
        f"CREATE INDEX generations_old ON generations (base_url) WHERE {OLD_KEY}",
    ),
    (
        # The paths of a request's local pictures, by their hashes.
        "ALTER TABLE generations ADD COLUMN pictures TEXT",
        # The host of the pid: machines and containers may share a home folder.
        "ALTER TABLE generations ADD COLUMN host TEXT",
        # With these indexes, only a search reads the whole of a long history.
        "CREATE INDEX generations_other_id ON generations (other_id) WHERE other_id IS NOT NULL",
        "CREATE INDEX generations_label ON generations (client_request_id)",
        "CREATE INDEX generations_once ON generations (once) WHERE once IS NOT NULL",
        f"CREATE INDEX generations_due ON generations (seq) WHERE {TO_FETCH}",
        "CREATE INDEX generations_class ON generations (json_extract(request, '$.model'),"
        " json_extract(request, '$.resolution'), json_extract(request, '$.duration'), seq)"
        " WHERE status = 'completed' AND finished_at IS NOT NULL",
        *TOTALS,
    ),
    (
        # A file name has eight characters of the id, and a path names the video saved there.
        "CREATE INDEX generations_id8 ON generations"
        " (substr(replace(replace(id, '-', ''), '_', ''), 1, 8))",
        "CREATE INDEX generations_file ON generations (file) WHERE file IS NOT NULL",
    ),
    (
        # The hash of the saved video: it proves that a file or an object is this video.
        "ALTER TABLE generations ADD COLUMN sha256 TEXT",
    ),
    (
        # Several machines may share a journal: who works on a row, for which budget, at what price.
        "ALTER TABLE generations ADD COLUMN worker TEXT",
        "ALTER TABLE generations ADD COLUMN price_usd REAL",
        "ALTER TABLE generations ADD COLUMN budget TEXT",
        # One generation for each purpose: `try` is above 1 only after an earlier one has failed.
        "ALTER TABLE generations ADD COLUMN try INTEGER NOT NULL DEFAULT 1",
        "UPDATE generations SET try = (SELECT count(*) FROM generations AS earlier"
        " WHERE earlier.row_key = generations.row_key AND earlier.seq <= generations.seq)"
        " WHERE row_key IS NOT NULL",
        f"CREATE UNIQUE INDEX generations_try ON generations (row_key, try) WHERE {KEYED}",
        # Made in Python, since the engines differ in how they read JSON and fold case.
        "ALTER TABLE generations ADD COLUMN model TEXT",
        "ALTER TABLE generations ADD COLUMN class TEXT",
        "ALTER TABLE generations ADD COLUMN prompt_folded TEXT",
        "ALTER TABLE generations ADD COLUMN digest TEXT",
        "UPDATE generations SET model = derived(request, 0), class = derived(request, 1),"
        " prompt_folded = derived(request, 2), digest = derived(request, 3)",
        "DROP INDEX IF EXISTS generations_class",
        "DROP INDEX IF EXISTS generations_spent",
        *INDEXES,
        "CREATE TABLE workers"
        " (worker TEXT PRIMARY KEY, host TEXT, pid INTEGER, seen_at REAL NOT NULL)",
        "CREATE TABLE pace (account TEXT PRIMARY KEY, interval_s REAL NOT NULL,"
        " next_at REAL NOT NULL, limited_until REAL NOT NULL, accepted INTEGER NOT NULL)",
    ),
)
VERSION = len(MIGRATIONS)
