"""The command table, the exit codes and the help of `wan` itself as plain data: no parser."""

from wan_cli.page import DEFAULT_WIDTH, examples, exit_codes, section, table, wrapped

# The commands in the order of the help, each with its line.
COMMANDS = {
    "generate": "submit a prompt, wait for its video, download it",
    "status": "show the state of generations",
    "fetch": "wait for generations and download their videos",
    "list": "list the local history and its total cost",
    "show": "show everything about one generation, and how to repeat it",
    "history": "show where the history is; migrate or copy it",
    "recover": "resolve submissions whose outcome is unknown",
    "batch": "submit many prompts from a file; run it again to continue",
    "models": "list the Wan models with their prices and options",
    "balance": "print the account's balance and the key's limit",
    "config": "read and change the configuration",
    "doctor": "check the key, the files, the API and the clock",
    "sandbox": "serve the same API on this machine, for free",
    "completion": "print the completion script of a shell",
    "help": "show the help of a command or a topic",
}
EXIT_CODES = {
    0: "done",
    1: "a bug in wan",
    2: "wrong usage or value, or not confirmed; nothing was spent",
    3: "local set-up: no key, broken configuration or history; nothing was spent",
    4: "the key was refused (401, 403); nothing was spent",
    5: "no credits, over --max-cost, or an unknown price; nothing was spent",
    6: "the request was refused (400, 404, 413, 422 …); nothing was spent",
    7: "rate limited for longer than wan waits; nothing was spent",
    8: "still queued or generating; it is paid for and safe",
    9: "the generation failed on the server; it is not charged",
    10: "it is unknown whether the submission was accepted; nothing was sent twice",
    11: "the API could not be reached; certainly nothing was submitted",
    12: "the video could not be downloaded; it is paid for and safe: fetch later",
    13: "local file error (disk full, permission); the generation is safe",
    130: "interrupted (143: SIGTERM, 129: SIGHUP); the message says what happens",
}
# The topics of `wan help`, each with its line.
TOPICS = {
    "exit-codes": "what each exit code means, and which are worth a retry",
    "environment": "the variables that wan reads",
    "config": "the configuration file and its keys",
    "names": "how files are named and generations are referred to",
    "money": "what costs money, and how to limit it",
    "machines": "scripts, CI jobs and several machines",
}
_USAGE = "Usage: wan COMMAND [OPTIONS]\n"
_SAYS = (
    "Turn a prompt into a video file with Wan 2.6 on AI/ML API.",
    "wan never loses a video that you paid for, and never pays for it twice.",
)
_START = (
    ("wan generate fox --sandbox", "a first video: free, no key needed"),
    ("wan config set api_key", "then run it without --sandbox, for money"),
    ("wan --help", "all options, topics, examples and exit codes"),
)
_OPTIONS = (
    ("-h, --help", "show this; after a command, its options"),
    ("-V, --version", "show the version; with -v, what it runs on"),
)
_EXAMPLES = (
    ("wan config set api_key", "store the API key; wan asks for it without echo"),
    ('wan generate "a fox in the snow" --multi-shot', "a video in the working folder"),
    ("echo a fox | wan generate --duration 5 -o fox.mp4", "the prompt from a pipe"),
    ('wan generate "a fox" --sandbox', "free, no key needed"),
    ("wan batch prompts.csv --max-cost 20", "many prompts, each paid for once"),
    ("wan fetch --all", "download everything that is not on disk yet"),
)


def short_help(width: int = DEFAULT_WIDTH) -> str:
    """Return the text of `wan` alone: it fits a screen of 24 lines and ends with the commands."""
    says = wrapped(_SAYS[0], width)
    commands = section("Commands", tuple(COMMANDS.items()), width)
    return f"{_USAGE}{says}\n{table(_START, width)}{commands}"


def top_help(width: int = DEFAULT_WIDTH) -> str:
    """Return the text of `wan --help`."""
    return (
        f"{_USAGE}\n{''.join(wrapped(line, width) for line in _SAYS)}"
        + section("Commands", tuple(COMMANDS.items()), width)
        + section("Topics (wan help TOPIC)", tuple(TOPICS.items()), width)
        + section("Options", _OPTIONS, width)
        + f"\nExamples:\n{examples(_EXAMPLES, width)}"
        + f"\nExit codes:\n{exit_codes(EXIT_CODES, width)}"
    )
