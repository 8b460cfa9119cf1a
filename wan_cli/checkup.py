"""One line of `wan doctor`: the thing checked, the result, and the command to type."""

from enum import StrEnum
from typing import NamedTuple

from wan_cli.errors import WanError


class Level(StrEnum):
    """How serious a check's result is."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


class Check(NamedTuple):
    """The check of one thing. A problem has an exit code above 0."""

    name: str
    level: Level
    text: str
    hint: str = ""
    exit_code: int = 0

    @property
    def line(self) -> str:
        """The check for people."""
        hint = f"  ->  {self.hint}" if self.hint else ""
        return f"{self.level:<7}  {self.name}: {self.text}{hint}"

    @property
    def data(self) -> dict[str, object]:
        """The check for programs."""
        return {
            "check": self.name,
            "level": str(self.level),
            "text": self.text,
            "hint": self.hint,
            "exit_code": self.exit_code,
        }


def fine(name: str, text: str) -> Check:
    """Return a check without a problem."""
    return Check(name, Level.OK, text)


def warning(name: str, text: str, *, hint: str) -> Check:
    """Return a check with a warning."""
    return Check(name, Level.WARNING, text, hint)


def problem(name: str, error: WanError) -> Check:
    """Return a check that failed."""
    return Check(name, Level.PROBLEM, error.message, error.hint, error.exit_code)
