"""docs/schema.json, applied strictly, so that the tests find fields that it does not name."""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

SCHEMA = Path(__file__).parents[2] / "docs" / "schema.json"


@cache
def _validators() -> Mapping[str, Draft202012Validator]:
    schema = json.loads(SCHEMA.read_text("utf-8"))
    for part in schema["$defs"].values():
        part["additionalProperties"] = False
    return {
        one["$ref"].rpartition("/")[2]: Draft202012Validator(one | {"$defs": schema["$defs"]})
        for one in schema["anyOf"]
    }


def kind_of(data: object) -> str:
    """Return the kind of a `--json` object; fail if it fits no kind, or several."""
    errors: dict[str, Any] = {
        name: next(validator.iter_errors(data), None) for name, validator in _validators().items()
    }
    kinds = [name for name, error in errors.items() if error is None]
    told = "\n".join(f"{name}: {error.message}" for name, error in errors.items() if error)
    assert len(kinds) == 1, f"{kinds or 'no kind'} of docs/schema.json: {data}\n{told}"
    return kinds[0]
