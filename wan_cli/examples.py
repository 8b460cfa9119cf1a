"""The examples and the exit codes of each command, as its help and its man page show them."""

from collections.abc import Mapping

# Exit codes of everything that talks to the API.
_API = (0, 2, 3, 4, 6, 7, 11)
_PAID = (5, 8, 9, 10, 12, 13)

# By the command's name: command lines, each with a comment.
EXAMPLES: Mapping[str, tuple[tuple[str, str], ...]] = {
    "generate": (
        ('wan generate "a fox in the snow" --multi-shot -o fox.mp4', "make one video"),
        ('wan generate "a fox" --duration 5 --dry-run', "see the request and its price first"),
        (
            'wan generate "it turns its head" --image https://example.com/fox.png',
            "start from a picture",
        ),
        (
            'wan generate "a fox" --once build-7 --max-cost 2',
            "in CI: a retried job continues and pays nothing",
        ),
        ("wan generate --like @last --seed 8", "repeat the newest request with another seed"),
        (
            'wan generate "a fox" --no-wait',
            "print the id and exit; wan fetch ID downloads it later",
        ),
    ),
    "status": (
        ("wan status @last", "the newest generation"),
        ("wan status @last --watch", "follow it to its end"),
    ),
    "fetch": (
        ("wan fetch @last -o fox.mp4", "wait for the newest generation and save it as fox.mp4"),
        (
            "wan fetch --all --no-wait --quiet",
            "for cron: download finished videos, and do not wait",
        ),
    ),
    "list": (
        ("wan list --status saved --since 7d --search fox", "the foxes of this week"),
        ("wan list --all --status ready", "everything that can still be downloaded"),
        ("wan list --stats", "money spent, by day and model"),
    ),
    "show": (
        ("wan show @last", "request, file, cost, and how to repeat it"),
        ("wan show @last --json", "for a script"),
    ),
    "history": (
        ("wan history", "where it is, what it holds, and whether it can be written"),
        ("wan history copy old/history.db", "add an old history to the configured one"),
    ),
    "history migrate": (("wan history migrate", "after an update of wan on all machines"),),
    "history copy": (
        ("wan history copy ~/.local/share/wan/history.db", "a file into the database"),
        ("wan history copy default backup.db", "the configured history into a file"),
    ),
    "recover": (
        ("wan recover", "search the account's log for every unknown submission"),
        ("wan recover --forget REF", "give up a submission that was not accepted"),
    ),
    "batch": (
        ("wan batch prompts.csv --dry-run", "see the requests and their price first"),
        (
            "wan batch prompts.csv --output-dir clips --max-cost 20",
            "make every row; run it again to continue",
        ),
    ),
    "models": (
        ("wan models", "list the models with their prices and options"),
        ("wan models 2.6-i2v", "one model: its fields and prices"),
    ),
    "balance": (("wan balance --json", "for a script"),),
    "config": (
        ("wan config set api_key", "store the API key; wan asks for it without echo"),
        ("wan config list", "each value, and where it comes from"),
    ),
    "config set": (
        ("wan config set api_key", "store the API key; wan asks for it without echo"),
        ("wan config set resolution 720p", "a default for wan generate and wan batch"),
    ),
    "config get": (("wan config get timeout", "the value in effect"),),
    "config unset": (("wan config unset timeout", "use the default again"),),
    "config list": (("wan config list --json", "for a script"),),
    "config path": (("wan config path", "the file that the other commands write"),),
    "config edit": (("wan config edit", "open it in your editor"),),
    "doctor": (("wan doctor && wan fetch --all", "check first, then download"),),
    "sandbox": (
        ("wan sandbox --port 8900", "serve until Ctrl-C"),
        ("wan sandbox --speed 0.02", "let a clip take 100 s, like the real service"),
    ),
    "completion": (
        ('eval "$(wan completion bash)"', "in ~/.bashrc; the same for zsh in ~/.zshrc"),
        (
            "wan completion fish > ~/.config/fish/completions/wan.fish",
            "load the completions in every new fish shell",
        ),
    ),
    "help": (
        ("wan help generate", "the options of wan generate"),
        ("wan help money", "a topic"),
    ),
}
# By the command's name: the codes that it may end with, beside 1 and those of signals.
CODES: Mapping[str, tuple[int, ...]] = {
    "generate": tuple(sorted((*_API, *_PAID))),
    "status": tuple(sorted((*_API, 8, 9, 10))),
    "fetch": tuple(sorted((*_API, 8, 9, 10, 12, 13))),
    "list": (0, 2, 3),
    "show": (0, 2, 3),
    "history": (0, 2, 3, 11),
    "recover": tuple(sorted((*_API, 9, 10))),
    "batch": tuple(sorted((*_API, *_PAID))),
    "models": (0, 2, 3, 6, 7, 11),
    "balance": _API,
    "config": (0, 2, 3),
    "doctor": _API,
    "sandbox": (0, 2, 3),
    "completion": (0, 2),
    "help": (0, 2),
}
