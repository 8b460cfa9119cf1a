"""The password of the database that holds a shared history."""

from wan_cli.config.settings import Settings


def password(settings: Settings) -> str | None:
    """Return the password of the URL, or else the first line that `history_command` prints.

    None: libpq finds one itself, in PGPASSWORD, a service file or .pgpass. A command may print a
    token that expires: call this again for each new connection.

    Raises:
        SetupError: the command failed, or printed no password.
    """
    if settings.history is None:
        return None
    if settings.history.password or settings.history_command is None:
        return settings.history.password or None
    # It needs subprocess, which takes 4 ms to import.
    from wan_cli.config.key_command import failed, first_line

    name = "history_command"
    place = settings.sources.get(name, "")
    source = place if place.isupper() else name
    printed = first_line(settings.history_command, source).strip()
    if "\0" in printed:
        raise failed(source, "printed a NUL character")
    return printed
