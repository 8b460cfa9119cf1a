"""The keys of the configuration as data: type in the file, variable, valid values."""

import ipaddress
import math
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from wan_cli.config.keys import check_key
from wan_cli.errors import UsageError
from wan_cli.identity import service_of
from wan_cli.models import (
    FIELD_NAMES,
    MEDIA_NAMES,
    Field,
    Value,
    any_model,
    find_schema,
    flag_of,
    is_id,
    parse_field,
    schema_of,
)
from wan_cli.numbers import EXAMPLES, seconds_of
from wan_cli.text import check_encodable, check_name_template, one_line
from wan_cli.uri import Place, parse_uri

if TYPE_CHECKING:
    from wan_cli.database import Address

Type = Literal["text", "number", "integer", "boolean"]
# The names of TOML's types. bool comes first: in Python it is an int too.
TYPES: Mapping[type, Type] = {bool: "boolean", int: "integer", float: "number", str: "text"}
MAX_USD = 1e9
GENERATE = "generate"
# Compiled only to check a URL: it takes 1 ms.
_BASE_URL = (
    r"(?P<scheme>https?)://(?P<host>\[[0-9a-f:.]+\]|[a-z0-9_-]+(?:\.[a-z0-9_-]+)*)"
    r"(?::(?P<port>[0-9]{1,5}))?(?P<path>/[a-z0-9._~/%-]*)?"
)


class Setting(NamedTuple):
    """One key: its dotted name, its type in the file, and the parser of its values.

    `parse` takes text (from the environment or the command line) or a value of the type, and raises
    UsageError if it is not valid.
    """

    key: str
    type: Type
    parse: Callable[[object], object]

    @property
    def name(self) -> str:
        """The last part of the key: the name of the field or of the attribute of Settings."""
        return self.key.rpartition(".")[2]

    @property
    def variable(self) -> str:
        """The environment variable that overrides the file."""
        return f"WAN_{self.name.upper()}"

    def single_value(self, words: Sequence[str]) -> str:
        """Return the single value for the key on the command line.

        Raises:
            UsageError: there is no value, or more than one.
        """
        if len(words) != 1:
            raise UsageError(
                f"{self.key} needs one value (in quotes if it contains spaces)",
                hint=f"wan config set {self.key} VALUE",
            )
        return words[0]

    def stored(self, text: str) -> object:
        """Return the value to write to the file for a text from the command line.

        Raises:
            UsageError: the value is not valid; the message names the key and lists valid values.
        """
        try:
            value = self.parse(check_encodable(text, "the value"))
        except UsageError as error:
            raise UsageError(f"{self.key}: {error.message}", hint=error.hint) from None
        return text if self.type == "text" else value


def setting_named(name: str) -> Setting:
    """Return the setting of a dotted key (`generate.duration`) or of a field's bare name.

    Raises:
        UsageError: there is no such key; the message lists the keys.
    """
    setting = SETTINGS.get(name) or SETTINGS.get(f"{GENERATE}.{name}")
    if setting is None:
        # The message must not repeat an API key that was pasted here by mistake.
        shown = f" {name!r}" if re.fullmatch(r"[a-z_.-]{1,30}", name) else ""
        raise UsageError(
            f"unknown configuration key{shown}; choose one of: {', '.join(SETTINGS)}",
            hint="wan config list",
        )
    return setting


def _wrong(value: object, wanted: str) -> UsageError:
    return UsageError(f"{one_line(str(value), 80)!r} is not {wanted}", hint="wan config list")


def _text(value: object) -> str:
    text = str(value)
    if not text.strip() or "\0" in text:
        raise UsageError("the value is empty or contains a NUL character", hint="wan config list")
    return text


def _folder(value: object) -> Place:
    if (uri := parse_uri(_text(value))) is not None:
        return uri
    try:
        return Path(_text(value)).expanduser()
    except RuntimeError:
        raise _wrong(value, "a folder: wan cannot expand its ~") from None


def _seconds(value: object) -> float:
    seconds = seconds_of(str(value))
    if seconds is None:
        raise _wrong(value, f"a duration above 0 ({EXAMPLES})")
    return seconds


def _amount(value: object) -> float:
    try:
        usd = float(str(value))
    except ValueError:
        usd = math.nan
    if not 0 <= usd <= MAX_USD:
        raise _wrong(value, "an amount in USD")
    return usd


def _base_url(value: object) -> str:
    url = re.fullmatch(_BASE_URL, str(value), re.IGNORECASE)
    if url and 0 < int(url["port"] or 443) < 2**16 and _is_allowed(url["scheme"], url["host"]):
        return service_of(str(value))
    # Do not show the value: it may contain a password.
    raise UsageError(
        "the base URL must be https://HOST[:PORT][/PATH] without user, query or fragment;"
        " plain http only on loopback (127.0.0.1, [::1], localhost)",
        hint="wan config set base_url https://api.aimlapi.com",
    )


def _address(value: object) -> "Address":
    # Takes 0.5 ms, and only a machine with a shared history needs it.
    from wan_cli.database import parse_address

    return parse_address(_text(value))


def _is_allowed(scheme: str, host: str) -> bool:
    """Whether a key may be sent there: encrypted, or without leaving this machine."""
    is_https = scheme.lower() == "https"
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback or is_https
    except ValueError:
        return not host.startswith("[") and (is_https or host.lower() == "localhost")


def _model(value: object) -> str:
    name = str(value)
    # Other models may be in the live catalogue.
    return name if find_schema(name) is None and is_id(name) else schema_of(name).name


def _field(field: Field, value: object, hint: str = "wan models") -> Value:
    try:
        return parse_field(field, value)
    except UsageError as error:
        words = error.message.removeprefix(f"{flag_of(field.name)}: ")
        raise UsageError(words, hint=hint) from None


def _of_field(name: str) -> Setting:
    field = any_model(name)
    kinds: Mapping[str, Type] = {"integer": "integer", "boolean": "boolean"}
    kind = TYPES[type(field.choices[0])] if field.choices else kinds.get(field.kind, "text")
    return Setting(f"{GENERATE}.{name}", kind, partial(_field, field))


def _switch(name: str) -> Setting:
    return Setting(name, "boolean", partial(_field, Field(name, "boolean"), hint="wan config list"))


SETTINGS: Mapping[str, Setting] = {
    setting.key: setting
    for setting in (
        Setting("api_key", "text", lambda value: check_key(str(value), "config file")),
        Setting("api_key_command", "text", _text),
        Setting("base_url", "text", _base_url),
        Setting("output_dir", "text", _folder),
        Setting("name_template", "text", lambda value: check_name_template(_text(value))),
        _switch("wait"),
        Setting("timeout", "number", _seconds),
        Setting("poll_interval", "number", _seconds),
        Setting("max_cost", "number", _amount),
        Setting("budget_day", "number", _amount),
        Setting("budget_month", "number", _amount),
        _switch("sidecar"),
        _switch("sandbox"),
        Setting("history", "text", _address),
        Setting("history_command", "text", _text),
        Setting(f"{GENERATE}.model", "text", _model),
        *(_of_field(name) for name in FIELD_NAMES if name not in MEDIA_NAMES),
    )
}
