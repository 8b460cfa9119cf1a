"""wan sandbox: the same API on this machine, for free."""

import signal
from typing import Annotated

import typer

from wan_cli.commands import options
from wan_cli.commands.arguments import positive
from wan_cli.commands.manual import PageCommand
from wan_cli.commands.workspace import sandbox_server, workspace
from wan_cli.errors import Interrupted
from wan_cli.output.begin import begin
from wan_cli.text import one_line

app = options.command_app()


@app.command("sandbox", cls=PageCommand)
def command(
    port: Annotated[
        int,
        typer.Option(
            "--port", metavar="PORT", min=0, max=65535, help="Listen on PORT; 0: any free port."
        ),
    ] = 8900,
    speed: Annotated[
        float,
        typer.Option(
            "--speed",
            metavar="N",
            help="1: a clip takes 2 s; 0.01: 200 s, like the real service.",
        ),
    ] = 1.0,
    json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> int:
    """Serve the API on this machine until interrupted, with real mp4 files and faults to try."""
    out = begin(json=json, quiet=quiet, verbose=verbose)
    folder = workspace(out, sandbox=False).paths.sandbox_dir

    def tell(method: str, path: str, status: int) -> None:
        out.note(one_line(f"{status} {method} {path}", 120))

    server = sandbox_server(folder, port=port, speed=positive("--speed", speed) or 1.0, tell=tell)
    with server:
        out.result({"base_url": server.base_url, "folder": str(folder)}, server.base_url)
        env = f"WAN_BASE_URL={server.base_url} AIMLAPI_API_KEY=any"
        out.note(f'use it with: {env} wan generate "a fox"; Ctrl-C stops it')
        try:
            server.serve_forever()
        except Interrupted as interrupted:
            words = "the sandbox has stopped; its data is kept"
            if interrupted.signal_number == signal.SIGINT:
                out.note(words)
                return 0
            again = f"wan sandbox --port {port}"
            interrupted.explain(words, hint=again, record=None)
            raise
    return 0
