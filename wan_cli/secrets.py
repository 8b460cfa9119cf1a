"""The environment variables that hold a key, and an environment without them."""

from collections.abc import Mapping

KEY_VARIABLES = ("AIMLAPI_API_KEY", "AIML_API_KEY", "AIMLAPI_KEY")


def without_keys(env: Mapping[str, str]) -> dict[str, str]:
    """Return an environment without the variables that hold a key, for another program."""
    return {name: value for name, value in env.items() if name not in KEY_VARIABLES}
