"""How wan names itself to every server."""

from wan_cli import __version__

USER_AGENT = f"aimlapi-wan/{__version__}"
