"""Addresses in object storage: s3://BUCKET/KEY, gs://BUCKET/KEY, az://CONTAINER/KEY."""

import re
from pathlib import Path, PurePosixPath

from wan_cli.errors import UsageError

SCHEMES = ("s3", "gs", "az")
_STARTS = tuple(f"{scheme}://" for scheme in SCHEMES)
_ANY_SCHEME = r"[A-Za-z][A-Za-z0-9+.-]*://"
_EXAMPLE = "-o s3://BUCKET/DIR/ or -o s3://BUCKET/FILE.mp4"


class Uri(PurePosixPath):
    """The address of an object, or of a prefix of objects. It has the names of a path.

    A PurePosixPath writes one slash after the scheme; `str` gives both.
    """

    def __str__(self) -> str:
        """Return the address as the user writes it, without a slash at the end."""
        return super().__str__().replace(":/", "://", 1)

    @property
    def scheme(self) -> str:
        """The kind of storage: s3, gs or az."""
        return self.parts[0].rstrip(":")

    @property
    def bucket(self) -> str:
        """The name of the bucket (of the container in Azure)."""
        return self.parts[1]

    @property
    def key(self) -> str:
        """The name of the object in its bucket."""
        return "/".join(self.parts[2:])


Place = Path | Uri


def is_uri(text: str) -> bool:
    """Whether a text is an address in object storage, rather than a path."""
    return text.startswith(_STARTS)


def place_of(text: str) -> Place:
    """Return the place that the history names: a path or an address."""
    return Uri(text) if is_uri(text) else Path(text)


def parse_uri(text: str) -> Uri | None:
    """Return the address that a user typed, or None if it is a path.

    Raises:
        UsageError: the address has another scheme, no bucket, or a part that is `.`, `..` or empty.
    """
    if "://" not in text or not re.match(_ANY_SCHEME, text):
        return None
    shown = ascii(text[:80])
    if not is_uri(text):
        raise UsageError(f"{shown}: wan saves to s3://, gs:// and az:// only", hint=_EXAMPLE)
    bucket, *parts = text.partition("://")[2].removesuffix("/").split("/")
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", bucket):
        raise UsageError(f"{shown} names no bucket", hint=_EXAMPLE)
    if {"", ".", ".."} & {*parts}:
        words = "has a part that is empty, `.` or `..`, which object storage does not resolve"
        raise UsageError(f"{shown} {words}", hint=_EXAMPLE)
    return Uri(text)
