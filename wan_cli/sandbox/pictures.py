"""The pictures of requests: a data URI becomes a file, and a short reference replaces the URI.

`data:image/png;base64,…` becomes `data:image/png;sha256,HEX`; the bytes are in a file called HEX.
Equal pictures share a file, even if they came with different requests.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping
from pathlib import Path

from wan_cli.sandbox.replies import ApiError
from wan_cli.sandbox.schemas import PICTURE_PATTERN, Node, properties_of
from wan_cli.storage import replace_whole

_DATA_URI = re.compile(r"data:(image/[a-z]+);base64,")
_REFERENCE = re.compile(r"data:(image/[a-z]+);sha256,([0-9a-f]{64})")


class Pictures:
    """The pictures in one folder, which is created for the first picture."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def keep(self, body: Mapping[str, object]) -> dict[str, object]:
        """Save the pictures of a valid body as files; return the body with references to them.

        Raises:
            ApiError: 400, a picture cannot be decoded, or is not of the type that its URI says;
                500, a picture cannot be written.
        """
        properties = properties_of(str(body["model"]))
        return {
            name: self._kept(name, value) if _is_picture(properties[name]) else value
            for name, value in body.items()
        }

    def _kept(self, name: str, value: object) -> object:
        if isinstance(value, list):
            return [self._kept(f"{name}[{number}]", item) for number, item in enumerate(value)]
        match = _DATA_URI.match(str(value))
        if match is None:
            return value
        data = _checked(name, str(value), match)
        path = self.folder / hashlib.sha256(data).hexdigest()
        try:
            if not path.exists():
                replace_whole(path, data, private=True)
        except OSError as cause:
            words = f"the sandbox cannot keep a picture in {self.folder}: {cause}"
            raise ApiError(500, words) from None
        return _reference(match[1], data)


def shortened(value: object) -> object:
    """Return a body, or a part of it, with each picture replaced by its reference."""
    if isinstance(value, dict):
        return {name: shortened(item) for name, item in value.items()}
    if isinstance(value, list):
        return [shortened(item) for item in value]
    match = _DATA_URI.match(value) if isinstance(value, str) else None
    if match is None:
        return value
    try:
        return _reference(match[1], _decoded(str(value), match))
    except ValueError:
        return value


def kept_data(folder: Path, reference: str) -> bytes | None:
    """Return the picture of a reference; None if it is no reference, or the file is gone."""
    match = _REFERENCE.fullmatch(reference)
    try:
        return (folder / match[2]).read_bytes() if match else None
    except OSError:
        return None


def _checked(name: str, uri: str, match: re.Match[str]) -> bytes:
    """Return the bytes of a data URI, after checking that they are a picture of its type."""
    # PyAV takes a tenth of a second to load; requests without a picture need not wait for it.
    from wan_cli.sandbox.still import decode, media_type

    try:
        data = _decoded(uri, match)
    except ValueError:
        raise _refusal(name, match[1], "data that is not base64") from None
    found = media_type(data)
    if found != match[1]:
        raise _refusal(name, match[1], f"{found or 'other'} data")
    if decode(data) is None:
        raise _refusal(name, match[1], f"{len(data)} bytes that cannot be decoded")
    return data


def _decoded(uri: str, match: re.Match[str]) -> bytes:
    try:
        return base64.b64decode(uri[match.end() :].encode(), validate=True)
    except binascii.Error as cause:
        raise ValueError(str(cause)) from None


def _reference(media_type: str, data: bytes) -> str:
    return f"data:{media_type};sha256,{hashlib.sha256(data).hexdigest()}"


def _is_picture(node: Node) -> bool:
    items = node.get("items")
    return PICTURE_PATTERN in (node.get("pattern"), *_mapping(items).values())


def _mapping(node: object) -> Node:
    return node if isinstance(node, Mapping) else {}


def _refusal(name: str, wanted: str, received: str) -> ApiError:
    return ApiError(400, f"{name}: expected an {wanted} picture, received {received}")
