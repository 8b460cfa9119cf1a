"""The settings as a value."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from wan_cli.config.keys import Candidate
from wan_cli.models import Value
from wan_cli.text import DEFAULT_NAME_TEMPLATE

if TYPE_CHECKING:
    from wan_cli.database import Address
from wan_cli.uri import Place

# Command lines that print a secret, and may contain one.
_COMMANDS = ("api_key_command", "history_command")


class Settings(NamedTuple):
    """The settings from the environment, the file and the defaults; flags override them.

    Attributes:
        timeout: seconds to wait for a generation.
        poll_interval: seconds between two polls; None: adaptive.
        max_cost: USD that one command may pay, unless --max-cost says otherwise; None: no limit.
        budget_day: USD that the account may pay in a day; None: no limit.
        budget_month: USD that the account may pay in a month; None: no limit.
        history: the database that holds the history; None: a file on this machine.
        generate: fields of the request that the user set, by their name in the API.
        sources: the source of each key's value: a variable, "config file" or "default".
        keys: the sources of the API key, in order of precedence.
        warnings: the warnings to print.
    """

    api_key_command: str | None = None
    base_url: str = "https://api.aimlapi.com"
    output_dir: Place | None = None
    name_template: str = DEFAULT_NAME_TEMPLATE
    wait: bool = True
    timeout: float = 1800.0
    poll_interval: float | None = None
    max_cost: float | None = None
    budget_day: float | None = None
    budget_month: float | None = None
    sidecar: bool = False
    sandbox: bool = False
    history: "Address | None" = None
    history_command: str | None = None
    generate: Mapping[str, Value] = MappingProxyType({})
    sources: Mapping[str, str] = MappingProxyType({})
    keys: tuple[Candidate, ...] = ()
    warnings: tuple[str, ...] = ()

    def __repr__(self) -> str:
        """Leave out the commands that print a secret: they may contain one."""
        shown = self._asdict()
        shown |= {name: "…" for name in _COMMANDS if shown[name]}
        return f"Settings({', '.join(f'{name}={value!r}' for name, value in shown.items())})"
