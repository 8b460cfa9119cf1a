"""The command table, the exit codes and the top help as plain data: no parser is needed."""

# In the order of the help, each with its line there.
COMMANDS = {
    "generate": "submit a prompt, wait for its video, download it",
    "status": "show the state of generations",
    "fetch": "wait for generations and download their videos",
    "list": "list the local history and what was spent",
    "show": "show everything about one generation, and how to repeat it",
    "recover": "resolve submissions whose outcome is unknown",
    "batch": "submit many prompts from a file; run again, it goes on",
    "models": "list the Wan models, their prices and what each accepts",
    "balance": "print the account's balance",
    "config": "read and change the configuration",
    "doctor": "check the key, the files, the API and the clock",
    "sandbox": "serve the same API on this machine, for free",
}
EXIT_CODES = {
    0: "done",
    1: "a bug in wan",
    2: "wrong usage or value, or not confirmed; nothing was spent",
    3: "local set-up: no key, broken configuration or history; nothing was spent",
    4: "the key was refused (401, 403); nothing was spent",
    5: "no credits, over --max-cost, or a price not known; nothing was spent",
    6: "the request was refused (400, 404, 413, 422 …); nothing was spent",
    7: "rate limited beyond what was worth waiting for; nothing was spent",
    8: "still queued or generating; it is paid for and safe",
    9: "the generation failed on the server; it is not charged",
    10: "it is unknown whether the submission was accepted; nothing was sent twice",
    11: "the API could not be reached; certainly nothing was submitted",
    12: "the video could not be downloaded; it is paid for and safe: fetch later",
    13: "local file trouble (disk full, permission); the generation is safe",
    130: "interrupted (143: SIGTERM, 129: SIGHUP); the message says what happens",
}
_HEAD = """\
Usage: wan COMMAND [OPTIONS]

A prompt becomes a video file, with Wan 2.6 on AI/ML API.
What was paid for is never lost and never paid twice.
"""
_EXAMPLES = """\
Examples:
  wan config set api_key                        ask for the key, without echo
  wan generate "a fox in the snow" --multi-shot
  echo a fox | wan generate --duration 5 -o fox.mp4
  wan generate "a fox" --sandbox                free, no key needed
  wan batch prompts.csv --max-cost 20           many prompts, each paid for once
  wan fetch --all                               whatever is not on disk yet
"""


def top_help() -> str:
    """Return the text of `wan --help`."""
    width = max(len(name) for name in COMMANDS)
    commands = "".join(f"  {name:<{width}}  {says}\n" for name, says in COMMANDS.items())
    codes = "".join(f"  {code:>3}  {says}\n" for code, says in EXIT_CODES.items())
    options = (
        "  -h, --help  show this, or with a command its options\n  --version   show the version\n"
    )
    return f"{_HEAD}\nCommands:\n{commands}\nOptions:\n{options}\n{_EXAMPLES}\nExit codes:\n{codes}"
