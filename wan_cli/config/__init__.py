"""Load settings (environment over file over defaults), and read and write their file."""

from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import NamedTuple

from wan_cli.config.keys import Candidate, candidates, disagreement, mask
from wan_cli.config.layout import locked, with_value, without_key
from wan_cli.config.paths import Paths, replace_private
from wan_cli.config.setting import GENERATE, SETTINGS, TYPES, Setting
from wan_cli.config.settings import Settings
from wan_cli.errors import SetupError, UsageError
from wan_cli.models import DEFAULT_MODEL
from wan_cli.secrets import KEY_VARIABLES
from wan_cli.text import check_encodable, decode_utf8, one_line

Document = dict[str, object]
__all__ = [
    "Entry",
    "Settings",
    "check_file",
    "entries",
    "entry",
    "load",
    "overridden",
    "read",
    "remove",
    "store",
]
_EDIT = "wan config edit"


class Entry(NamedTuple):
    """A key, its value for display (None: not set), and the source of that value."""

    key: str
    value: object
    source: str

    @property
    def text(self) -> str:
        """The value in one line, as it would be typed after `wan config set KEY`."""
        if self.value is None:
            return ""
        if isinstance(self.value, float):
            return f"{self.value:.15g}"
        return str(self.value).lower() if isinstance(self.value, bool) else str(self.value)

    @property
    def line(self) -> str:
        """Key, value and source for people."""
        if self.value is None:
            return f"{self.key} is not set"
        return f"{self.key} = {one_line(self.text)}  ({self.source})"

    @property
    def data(self) -> dict[str, object]:
        """Key, value and source for programs."""
        return {"key": self.key, "value": self.value, "source": self.source}


def load(paths: Paths, env: Mapping[str, str]) -> Settings:
    """Return the settings of this machine and environment. Write nothing and run no command.

    Raises:
        SetupError: a broken file, an unknown key, a wrong type or value in the file or environment.
    """
    document = _flat(read(paths.config_file), paths.config_file)
    values = {key: _from_file(paths.config_file, key, document[key]) for key in document}
    has_password = bool(getattr(values.get("history"), "has_secret", False))
    exposure = _exposure(paths.config_file, document, has_password=has_password)
    sources = dict.fromkeys(SETTINGS, "default") | dict.fromkeys(document, "config file")
    for setting in SETTINGS.values():
        text = env.get(setting.variable)
        # The key has variables of its own; an empty variable counts as unset.
        if text and setting.key != "api_key":
            values[setting.key] = _from_environment(setting, text)
            sources[setting.key] = setting.variable
    keys = candidates(env, _text_of(document, "api_key"), _text_of(document, "api_key_command"))
    warnings = (disagreement(env), exposure)
    plain = {key: value for key, value in values.items() if "." not in key and key != "api_key"}
    return Settings(
        **plain,  # type: ignore[arg-type]
        generate={
            setting.name: values[setting.key]
            for setting in SETTINGS.values()
            if setting.key.startswith(GENERATE) and setting.key in values
        },
        sources=sources,
        keys=keys,
        warnings=tuple(warning for warning in warnings if warning),
    )


def entries(settings: Settings) -> tuple[Entry, ...]:
    """Return each key with its effective value, its secrets masked."""
    return tuple(entry(settings, setting) for setting in SETTINGS.values())


def entry(settings: Settings, setting: Setting) -> Entry:
    """Return one key with its effective value, its secrets masked."""
    source = settings.sources[setting.key]
    if setting.key == "api_key":
        first = settings.keys[0] if settings.keys else Candidate("", "default")
        shown = mask(first.text.strip()) if first.text and not first.is_command else None
        return Entry(setting.key, shown, first.source)
    if setting.key.startswith(GENERATE):
        default = DEFAULT_MODEL if setting.name == "model" else None
        return Entry(setting.key, settings.generate.get(setting.name, default), source)
    value = getattr(settings, setting.name)
    if setting.key == "history" and settings.history:
        value = settings.history.masked
    return Entry(setting.key, str(value) if isinstance(value, PurePath) else value, source)


def store(file: Path, setting: Setting, text: str) -> None:
    """Set a key in the file; keep comments and layout. Other commands wait for the change.

    Raises:
        UsageError: the value is not valid for the key.
        SetupError: the file is broken elsewhere (it stays unchanged), or cannot be written.
    """
    value = setting.stored(text)
    with locked(file):
        document = read(file)
        for key, old in _flat(document, file).items():
            if key != setting.key:
                _from_file(file, key, old)
        _table(document, setting)[setting.name] = value
        edited = with_value(_text(file), _table_name(setting), setting.name, value)
        _write(file, document, edited)


def remove(file: Path, setting: Setting) -> bool:
    """Remove a key from the file; return whether it was there. Accept other wrong values.

    Raises:
        SetupError: the file is not TOML, or cannot be written.
    """
    with locked(file):
        document = read(file)
        if setting.key not in _flat(document, file):
            return False
        del _table(document, setting)[setting.name]
        _write(file, document, without_key(_text(file), _table_name(setting), setting.name))
    return True


def overridden(setting: Setting, env: Mapping[str, str]) -> list[str]:
    """Return a warning if the environment overrides a key of the file."""
    names = KEY_VARIABLES if setting.key == "api_key" else (setting.variable,)
    found = [name for name in names if env.get(name)]
    return [f"the variable {name} overrides it while it is set" for name in found[:1]]


def _table_name(setting: Setting) -> str:
    return setting.key.rpartition(".")[0]


def _text(file: Path) -> str:
    try:
        return file.read_text("utf-8")
    except FileNotFoundError:
        return ""


def read(file: Path) -> Document:
    """Return the file's content, unchecked; a missing file is empty.

    Raises:
        SetupError: the file cannot be read, or is not TOML in UTF-8; the message gives the line.
    """
    try:
        text = decode_utf8(file.read_bytes(), str(file))
        # Takes 2 ms, and only if there is a file.
        import tomllib

        return tomllib.loads(text)
    except FileNotFoundError:
        return {}
    except OSError as cause:
        raise SetupError(
            f"the configuration {file} cannot be read: {cause.strerror}", hint=f"ls -ld '{file}'"
        ) from None
    except UsageError as cause:
        raise SetupError(cause.message, hint=_EDIT) from None
    except (ValueError, RecursionError) as cause:
        where = f"at line {text.count(chr(10)) + 1}"
        what = str(cause).replace("at end of document", where)
        raise SetupError(f"{file} is not valid TOML: {one_line(what)}", hint=_EDIT) from None


def check_file(file: Path) -> None:
    """Raise SetupError if the file itself, without the environment, is not valid."""
    for key, value in _flat(read(file), file).items():
        _from_file(file, key, value)


def _flat(document: Document, file: Path) -> Document:
    """Return the document with dotted keys: {"generate": {"seed": 1}} has "generate.seed"."""
    table = document.get(GENERATE, {})
    if not isinstance(table, dict):
        raise SetupError(f"{file}: {GENERATE} must be a table: [{GENERATE}]", hint=_EDIT)
    plain = {key: value for key, value in document.items() if key != GENERATE}
    return plain | {f"{GENERATE}.{key}": value for key, value in table.items()}


def _table(document: Document, setting: Setting) -> Document:
    if "." not in setting.key:
        return document
    table = document.setdefault(GENERATE, {})
    assert isinstance(table, dict)
    return table


def _write(file: Path, document: Document, edited: str | None) -> None:
    """Write the edited text if it means exactly the document, otherwise the document itself."""
    import tomllib

    import tomli_w

    try:
        is_right = edited is not None and tomllib.loads(edited) == document
    except tomllib.TOMLDecodeError:
        is_right = False
    text = edited if is_right and edited is not None else tomli_w.dumps(document)
    replace_private(file, text.encode())


def _from_file(file: Path, key: str, value: object) -> object:
    """Return the setting for a value in the file, which must have the key's type."""
    setting = SETTINGS.get(key)
    if setting is None:
        shown = one_line(key, 60)
        raise SetupError(f"{file}: unknown key {shown!r}; see: wan config list", hint=_EDIT)
    found = TYPES.get(type(value), type(value).__name__)
    if found != setting.type and (found, setting.type) != ("integer", "number"):
        raise SetupError(
            f"{file}: {key} has the wrong type: expected {setting.type}, found {found}",
            hint=f"wan config unset {key}",
        )
    if key == "api_key":
        return value  # It is checked only if it is used: another source may override it.
    try:
        return setting.parse(value)
    except UsageError as error:
        raise SetupError(
            f"{file}: {key}: {error.message}", hint=f"wan config unset {key}"
        ) from None


def _from_environment(setting: Setting, text: str) -> object:
    try:
        return setting.parse(check_encodable(text, "the value"))
    except UsageError as error:
        raise SetupError(
            f"{setting.variable}: {error.message}", hint=f"unset {setting.variable}"
        ) from None


def _text_of(document: Document, key: str) -> str | None:
    value = document.get(key)
    return value if isinstance(value, str) else None


def _exposure(file: Path, document: Document, *, has_password: bool) -> str | None:
    """Return a warning if others can read a file that contains a secret."""
    secrets = ["the API key"] * ("api_key" in document) + ["a password"] * has_password
    if not secrets:
        return None
    mode = file.stat().st_mode & 0o777
    if not mode & 0o077:
        return None
    what = " and ".join(secrets)
    return f"{file} has {what} and others can read it (mode {mode:04o}): chmod 600 '{file}'"
