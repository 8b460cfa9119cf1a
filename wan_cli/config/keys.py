"""The API key: its sources, the check of its form, and its masked form for display."""

import re
import sys
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from wan_cli.errors import SetupError, UsageError
from wan_cli.secrets import KEY_VARIABLES

COMMAND_VARIABLE = "WAN_API_KEY_COMMAND"
MAX_CHARS = 512
_HINT = "wan config set api_key"

# wan reports the first fault that it finds. No sentence contains a part of the key.
_FAULTS = (
    (r"\Z", "is empty"),
    (r"(?i)bearer(\s|\Z)", "begins with the word Bearer: leave it out"),
    (r".*[<>]", "is a placeholder in < >: put the real key there"),
    (r".*[\"'`\u2018-\u201f]", "contains quotes: leave them out"),
    (r".*\s", "contains white space"),
    (r".*[\x00-\x1f\x7f-\x9f]", "contains a control character"),
    (r".*[^\x00-\x7f]", "contains characters that are not ASCII"),
    (rf".{{{MAX_CHARS + 1}}}", f"is longer than {MAX_CHARS} characters"),
)


class Key(NamedTuple):
    """A well-formed key and its source."""

    value: str
    source: str

    def __repr__(self) -> str:
        """Leave out the key."""
        return f"Key(source={self.source!r})"

    @property
    def origin(self) -> str:
        """The masked key and its source, for the message that the service refused it."""
        return f"{mask(self.value)} from {self.source}"

    @property
    def remedy(self) -> str:
        """The remedy if the service refused the key."""
        if self.source in KEY_VARIABLES:
            return f"export {self.source}=KEY with a valid key, or: unset {self.source}"
        return _HINT if self.source == "config file" else f"{_HINT}, or change {self.source}"

    @property
    def fingerprint(self) -> str:
        """Twelve hex digits that distinguish keys and reveal nothing of them."""
        # It imports OpenSSL, which takes 3 ms; only commands with a key need it.
        import hashlib

        return hashlib.sha256(self.value.encode()).hexdigest()[:12]


class Candidate(NamedTuple):
    """A source with a key, or with a command that prints one; used only when it is needed."""

    text: str
    source: str
    is_command: bool = False

    def __repr__(self) -> str:
        """Leave out the key, and the command: it may contain a secret."""
        return f"Candidate(source={self.source!r}, is_command={self.is_command})"


def candidates(
    env: Mapping[str, str], file_key: str | None, file_command: str | None
) -> tuple[Candidate, ...]:
    """Return the sources of a key, in order of precedence."""
    found = [Candidate(env[name], name) for name in KEY_VARIABLES if env.get(name)]
    if command := env.get(COMMAND_VARIABLE):
        found.append(Candidate(command, COMMAND_VARIABLE, is_command=True))
    if file_key is not None:
        found.append(Candidate(file_key, "config file"))
    if file_command is not None:
        found.append(Candidate(file_command, "api_key_command", is_command=True))
    return tuple(found)


def disagreement(env: Mapping[str, str]) -> str | None:
    """Return a warning if the environment has different keys; it names only the variables."""
    given = {name: env[name].strip() for name in KEY_VARIABLES if env.get(name)}
    if len(set(given.values())) < 2:
        return None
    return f"{' and '.join(given)} have different keys; wan uses {next(iter(given))}"


def find_key(places: Sequence[Candidate]) -> Key:
    """Return the key of the first source; run its command if it has one.

    Raises:
        SetupError: there is no key, its command fails, or the key is malformed.
    """
    if not places:
        raise SetupError(
            f"no API key: neither {KEY_VARIABLES[0]} nor the configuration has one", hint=_HINT
        )
    place = places[0]
    text = place.text
    if place.is_command:
        # It needs subprocess, which takes 4 ms to import.
        from wan_cli.config.key_command import first_line

        text = first_line(place.text, place.source)
    return Key(check_key(text, place.source), place.source)


def check_key(text: str, source: str) -> str:
    """Return a key without white space around it, if it is well-formed.

    Raises:
        SetupError: it is not; the message names the source and shows nothing of the key.
    """
    key = text.strip()
    for pattern, fault in _FAULTS:
        if re.match(pattern, key, re.DOTALL):
            hint = f"{_HINT}  (and: unset {source})" if source in KEY_VARIABLES else _HINT
            raise SetupError(f"the API key ({source}) {fault}", hint=hint)
    return key


def mask(key: str) -> str:
    """Return a key for display: four characters at each end of a long key, otherwise none."""
    return f"{key[:4]}…{key[-4:]}" if len(key) >= 16 else "…"


def enter_key(given: Sequence[str]) -> str:
    """Return the key that the user types without echo, or the first line of stdin.

    Args:
        given: the words on the command line: none, or `-` for stdin.

    Raises:
        UsageError: the key itself was on the command line, or there is no terminal to ask on.
        SetupError: the input is not a well-formed key.
    """
    if list(given) not in ([], ["-"]):
        raise UsageError(
            "a key on the command line would stay in the shell's history and the process list",
            hint="wan config set api_key  (it asks), or: wan config set api_key - < FILE",
        )
    if sys.stdin and sys.stdin.isatty():
        return check_key(_ask(), "typed")
    if not given:
        raise UsageError("there is no terminal to ask for the key on", hint=f"{_HINT} -")
    line = sys.stdin.buffer.readline(8 * MAX_CHARS) if sys.stdin else b""
    # Windows editors may begin a file with a byte order mark.
    return check_key(line.decode("utf-8-sig", "replace"), "stdin")


def _ask() -> str:
    import getpass  # It sets up terminals, which no other command needs.

    try:
        return getpass.getpass("API key (not shown): ")
    except EOFError:
        return ""
