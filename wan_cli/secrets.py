"""Keep secrets from other programs and from messages."""

import re
from collections.abc import Mapping

KEY_VARIABLES = ("AIMLAPI_API_KEY", "AIML_API_KEY", "AIMLAPI_KEY")
# Not compiled here: compiling takes 1 ms, and only a message about a database needs it.
# What follows the colon is a port if the word has no @ behind it.
_IN_URL = r"(?i)(postgres(?:ql)?://[^\s:/@?\[]*):(?![0-9]{1,5}(?!\w)[^\s@]*(?:\s|$))(?:.*@|\S*)"
_IN_QUERY = r"([?&](?:ssl)?password=)[^&\s]*"


def without_keys(env: Mapping[str, str]) -> dict[str, str]:
    """Return an environment without the variables that hold a key, for another program."""
    return {name: value for name, value in env.items() if name not in KEY_VARIABLES}


def without_passwords(text: str) -> str:
    """Return a message without the passwords of database URLs, malformed ones too."""
    if "postgres" not in text.lower():
        return text
    hidden = re.sub(_IN_QUERY, r"\1***", text)
    return re.sub(_IN_URL, lambda found: f"{found[1]}:***{'@' * found[0].endswith('@')}", hidden)
