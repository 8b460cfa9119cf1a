"""wan config: set, get, unset, list, path, edit."""

import os
from typing import Annotated

import typer

from wan_cli import config
from wan_cli.commands.manual import PageCommand, PageGroup
from wan_cli.config import editor
from wan_cli.config.keys import enter_key
from wan_cli.config.paths import paths
from wan_cli.config.setting import setting_named
from wan_cli.errors import UsageError
from wan_cli.output.begin import begin

app = typer.Typer(
    cls=PageGroup,
    rich_markup_mode=None,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object per line on stdout.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print only errors on stderr.")]
Verbose = Annotated[
    bool, typer.Option("--verbose", "-v", help="Print the versions on stderr first.")
]
Key = Annotated[str, typer.Argument(metavar="KEY", help="A key: wan help config lists them.")]
Given = Annotated[
    list[str] | None,
    # A list: otherwise the parser's error would show part of a key typed as two words.
    typer.Argument(
        metavar="[VALUE]",
        help="The value. api_key asks for it without echo, or reads stdin with -.",
    ),
]


@app.callback(invoke_without_command=True)
def command(ctx: typer.Context) -> None:
    """Read and change the configuration."""
    if ctx.invoked_subcommand is None:
        raise UsageError(
            "missing subcommand: set, get, unset, list, path or edit", hint="wan config list"
        )


# A value may begin with "-": wan config set seed -1
@app.command("set", cls=PageCommand, context_settings={"ignore_unknown_options": True})
def set_(
    key: Key,
    value: Given = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Set KEY in the configuration file."""
    out = begin(json=json, quiet=quiet, verbose=verbose)
    setting = setting_named(key)
    file = paths(os.environ).config_file
    given = value or []
    text = enter_key(given) if setting.key == "api_key" else setting.single_value(given)
    config.store(file, setting, text)
    out.result({"key": setting.key, "file": str(file)}, "")
    out.note(f"{setting.key} is set in {file}")
    out.warn_all(config.overridden(setting, os.environ))


@app.command(cls=PageCommand)
def get(key: Key, json: Json = False, quiet: Quiet = False, verbose: Verbose = False) -> None:
    """Print the value of KEY that is in effect; the API key is masked."""
    out = begin(json=json, quiet=quiet, verbose=verbose)
    setting = setting_named(key)
    settings = config.load(paths(os.environ), os.environ)
    out.warn_all(settings.warnings)
    entry = config.entry(settings, setting)
    out.result(entry.data, entry.text)


@app.command(cls=PageCommand)
def unset(key: Key, json: Json = False, quiet: Quiet = False, verbose: Verbose = False) -> None:
    """Remove KEY from the configuration file."""
    out = begin(json=json, quiet=quiet, verbose=verbose)
    setting = setting_named(key)
    file = paths(os.environ).config_file
    removed = config.remove(file, setting)
    out.result({"key": setting.key, "file": str(file), "removed": removed}, "")
    out.note(f"{setting.key} {'is no longer' if removed else 'was not'} set in {file}")


@app.command("list", cls=PageCommand)
def list_(json: Json = False, quiet: Quiet = False, verbose: Verbose = False) -> None:
    """Print the value of each key and where it comes from."""
    out = begin(json=json, quiet=quiet, verbose=verbose)
    settings = config.load(paths(os.environ), os.environ)
    out.warn_all(settings.warnings)
    for entry in config.entries(settings):
        out.result(entry.data, entry.line)


@app.command(cls=PageCommand)
def path(json: Json = False, quiet: Quiet = False, verbose: Verbose = False) -> None:
    """Print the path of the configuration file."""
    file = str(paths(os.environ).config_file)
    begin(json=json, quiet=quiet, verbose=verbose).result({"path": file}, file)


@app.command(cls=PageCommand)
def edit(json: Json = False, quiet: Quiet = False, verbose: Verbose = False) -> None:
    """Open the file in $VISUAL or $EDITOR and check it afterwards."""
    out = begin(json=json, quiet=quiet, verbose=verbose)
    file = paths(os.environ).config_file
    editor.edit(file, os.environ)
    out.result({"path": str(file)}, "")
    out.note(f"{file} is valid")
