"""The topics of `wan help`: facts that concern several commands. Plain data, like `help`."""

from collections.abc import Mapping
from typing import NamedTuple

from wan_cli.help import EXIT_CODES, TOPICS
from wan_cli.models import FIELD_NAMES, MEDIA_NAMES, flag_of
from wan_cli.page import Rows, section, wrapped
from wan_cli.secrets import KEY_VARIABLES


class Table(NamedTuple):
    """Rows under a title."""

    title: str
    rows: Rows


class Lines(NamedTuple):
    """Lines of a file under a title, as they are."""

    title: str
    lines: tuple[str, ...]


Block = str | Table | Lines

RETRY = "7, 8, 11, 12, 13, 129, 130 and 143"
STOP = "2, 3, 4, 5, 6 and 9"
# The meaning of each key of the configuration.
KEYS: Mapping[str, str] = {
    "api_key": "the API key",
    "api_key_command": "a command whose first line of output is the key",
    "base_url": "URL of the API; https, or http on this machine",
    "output_dir": "folder for videos without -o, or s3://BUCKET/DIR (default: the working folder)",
    "name_template": "file name of a video (default: {slug}-{id8}.mp4)",
    "wait": "true or false: wait for the video (default: true)",
    "timeout": "stop waiting after this time (default: 1800)",
    "poll_interval": "poll at this interval (default: learned from the history)",
    "max_cost": "USD that one command may pay (default: no limit)",
    "budget_day": "USD that the account may pay in a day (default: no limit)",
    "budget_month": "USD that the account may pay in a month (default: no limit)",
    "sidecar": "true or false: write FILE.json beside a video (default: false)",
    "sandbox": "true or false: use the free API on this machine (default: false)",
    "history": "URL of a PostgreSQL database for the history (default: a file)",
    "history_command": "a command whose first line of output is the database's password",
    "generate.model": "as --model",
    **{
        f"generate.{name}": f"as {flag_of(name)}" for name in FIELD_NAMES if name not in MEDIA_NAMES
    },
}
# Variables without a key of the configuration.
OTHER_VARIABLES: Rows = (
    ("WAN_HOME", "folder for the configuration, the history, the caches and the sandbox"),
    ("WAN_DEBUG", "1: turn on -v for every command"),
    ("NO_COLOR, FORCE_COLOR", "no colors; colors in a pipe too"),
    ("TERM=dumb, CI=true", "plain lines on the terminal, no moving display"),
    ("COLUMNS", "width of the help and of tables"),
    ("VISUAL, EDITOR", "the editor of wan config edit"),
    ("HTTPS_PROXY, NO_PROXY", "the proxy, and the hosts that need none"),
    (
        "REQUESTS_CA_BUNDLE, CURL_CA_BUNDLE, SSL_CERT_FILE, SSL_CERT_DIR",
        "trusted certificates; the first of these that is set",
    ),
)
# The fields of a file name, the same as in `text.NAME_FIELDS`.
NAME_FIELDS: Rows = (
    ("{slug}", "words of the prompt: a-z, 0-9 and -"),
    ("{id}", "the generation's id"),
    ("{id8}", "eight letters or digits of the id"),
    ("{seed}", "the seed, if one is set"),
    ("{date}", "the day of the submission"),
    ("{model}", "the model"),
    ("{row}", "the row's number in its batch"),
)
REFERENCES: Rows = (
    ("ID", "a generation's id; one that begins with - needs no quotes"),
    ("G3b3vV", "the first characters of an id, six or more"),
    ("owLi741A", "the eight characters that a default file name has of the id"),
    ("clips/fox.mp4", "the path of a saved video"),
    ("@last", "the newest generation in the history"),
    ("@KEY", "the generation of --once KEY"),
    ("wan-…", "a submission (REF) whose id is not known; for wan recover"),
)
MACHINES: Rows = (
    ("history", "one for all machines: postgresql://USER@HOST/DATABASE"),
    ("--max-cost", "USD for a batch on all machines with that history"),
    ("budget_day", "USD for the account; also budget_month"),
    ("-o s3://BUCKET/DIR/", "videos in object storage; also gs:// and az://"),
    ("--once KEY", "a retry of the job continues with the same video"),
    ("--once auto", "the KEY is the name that the scheduler gives the job"),
    ("--as NAME", "names a batch whose file has other paths elsewhere"),
    ("--shard K/N", "part K (0 to N-1) of a batch; auto in an array job"),
)


def variable_of(key: str) -> str:
    """Return the environment variable, or the variables, of a configuration key."""
    if key == "api_key":
        return ", ".join(KEY_VARIABLES)
    return f"WAN_{key.rpartition('.')[2].upper()}"


# Each topic: paragraphs, tables and lines.
BLOCKS: Mapping[str, tuple[Block, ...]] = {
    "exit-codes": (
        Table("Exit codes", tuple((f"{code:>3}", says) for code, says in EXIT_CODES.items())),
        f"Worth a retry: {RETRY}. So is 10, if the command is wan batch or has --once: it then"
        " searches the account's log and never pays a second time.",
        f"Not worth a retry: {STOP}. Fix what the message names first. A retry after 9 pays again"
        " only if that generation succeeds.",
        "With several generations the code is the first of these that occurred: 10, 1, 3, 4, 5, 7,"
        " 11, 13, 12, 9, 6, 8, 2, 0.",
    ),
    "environment": (
        "A flag overrides a variable, and a variable overrides the configuration file."
        " wan config list shows each value and where it comes from; wan doctor reports variables"
        " WAN_… that wan does not know.",
        Table("Settings", tuple((variable_of(key), says) for key, says in KEYS.items())),
        Table("Others", OTHER_VARIABLES),
    ),
    "config": (
        "wan config path prints where the file is. It is TOML, and only you can read it. wan"
        " exits with code 3 at any mistake in it, and names its line or key.",
        "Flags override environment variables, which override the file, which overrides the"
        " defaults.",
        Table("Keys", tuple(KEYS.items())),
        Lines(
            "Example",
            (
                'output_dir = "~/Videos"',
                "max_cost = 2",
                "",
                "[generate]",
                'resolution = "720p"',
                "duration = 5",
            ),
        ),
        "Settings for switches, such as generate.watermark, are true or false. Times are written"
        " 90, 90s, 5m, 1h or 7d; in the file, put quotes around those with a letter. Do not type"
        " the key on a command line: wan config set api_key asks for it without echo, or reads"
        " stdin with -.",
    ),
    "names": (
        "wan prints the path of the file on stdout, and never replaces a file without --force."
        " Without -o FILE or -o DIR/, the file goes to output_dir (default: the working folder),"
        " and name_template makes its name.",
        Table("Fields of a name", NAME_FIELDS),
        Table("Which generation", REFERENCES),
        "wan batch knows a row by the batch's name (--as NAME, otherwise the name of the file), its"
        " request, and its place among equal rows. A row may have a name and an output of its own.",
    ),
    "money": (
        "Only wan generate and wan batch pay. They print the price before each submission. A"
        " generation that fails on the server is not charged.",
        "--dry-run prints the request and its price, and submits nothing. --sandbox uses a free"
        " API on this machine, with test pictures.",
        "--max-cost USD (or max_cost in the configuration) refuses to pay more, and refuses a"
        " price that wan cannot find out: exit 5, nothing sent. For wan batch the limit is for the"
        " whole batch, and earlier runs count.",
        "wan batch asks on a terminal before it pays. Anywhere else it needs --yes or --max-cost.",
        'Typing wan generate "a fox" twice makes two foxes and pays for both. With --once KEY, wan'
        " pays for at most one video per KEY. Running wan batch again never pays twice for a row.",
        "A crash, a lost connection or Ctrl-C loses nothing: wan fetch --all downloads what is paid"
        " for. If a command ends with 10, wan recover finds out what happened.",
        "wan balance prints what the account and the key have left; wan list --stats prints what"
        " was spent.",
    ),
    "machines": (
        "The history is a file on one machine, for all wan processes there. Keep WAN_HOME between"
        " the runs of a container or a CI job, or share a history: then start the same command on"
        " every machine, and wan pays for no row and no KEY twice.",
        Table("On several machines", MACHINES),
        f"Exit codes worth a retry: {RETRY}; with --once and for wan batch also 10. Not worth one:"
        f" {STOP}.",
        "Without a shared history, wan searches the account's log before it pays for a new KEY or"
        " batch. The log shows finished generations only: two machines that start together may both"
        " pay. Do not open a history file from two machines.",
        "To collect later: wan generate PROMPT --no-wait, then wan fetch --all.",
    ),
}


def topic(name: str, width: int) -> str:
    """Return the text of a topic; KeyError if there is none of that name."""
    title = wrapped(f"wan help {name}: {TOPICS[name]}", width)
    return title + "".join(_shown(block, width) for block in BLOCKS[name])


def _shown(block: Block, width: int) -> str:
    """Return a paragraph, a table or lines, after a blank line."""
    if isinstance(block, str):
        return f"\n{wrapped(block, width)}"
    if isinstance(block, Table):
        return section(block.title, block.rows, width)
    lines = "".join(f"  {line}".rstrip() + "\n" for line in block.lines)
    return f"\n{block.title}:\n{lines}"
