"""A bucket of object storage. Only this module imports obstore, and only when it is used.

Objects are created or conditionally replaced, never deleted. Credentials come from the environment
and from obstore's own chain. Messages of obstore hold addresses and replies, so wan writes its own.
"""

import json
import os
import re
from collections.abc import Iterator
from datetime import timedelta
from math import inf
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from wan_cli.errors import RUN_AGAIN, DriveTrouble, LocalFileError, SetupError
from wan_cli.uri import Uri

if TYPE_CHECKING:
    from obstore.store import ObjectStore

# The marker that proves the right to write below a prefix.
MARKER = ".wan"
# The longest time of one request without a large body, and of its retries by obstore.
REQUEST_S = 60.0
RETRIES_S = 15.0
RETRIES = 3
CONNECT_S = 5.0
# A body slower than this does not arrive.
BYTES_PER_S = 64 * 1024
CHUNK_BYTES = 2**20
_CREDENTIALS = {
    "s3": "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run where a role gives them",
    "gs": "set GOOGLE_APPLICATION_CREDENTIALS or GOOGLE_SERVICE_ACCOUNT to a file of credentials",
    "az": "set AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY",
}
_FAILURES = {
    "Connect": ": no connection",
    "Timeout": ": no answer in time",
    "": ": the connection broke",
}
_PREFIXES = {"s3": "AWS", "gs": "GOOGLE", "az": "AZURE"}
_WRONG_CREDENTIALS = frozenset(
    {
        "AuthenticationFailed",
        "ExpiredToken",
        "InvalidAccessKeyId",
        "InvalidToken",
        "SignatureDoesNotMatch",
        "TokenRefreshRequired",
    }
)
# The addresses where a machine of a cloud gets its credentials.
_OF_THE_MACHINE = r"169\.254\.|/latest/api/token|/computeMetadata/|/metadata/identity"
_REGION_CODES = frozenset({"AuthorizationHeaderMalformed", "PermanentRedirect"})


class BucketRefused(DriveTrouble):
    """The bucket, or its service, refuses: the credentials, the region, the name or a right."""


class Unreadable(BucketRefused):
    """An object cannot be read: it is forbidden, or missing where its bucket cannot be listed."""


class BucketAway(LocalFileError):
    """A request failed for a reason that may pass: the network, a busy service."""


class About(NamedTuple):
    """What an object says about itself in its metadata: its generation and its hash."""

    wan_id: str | None
    sha256: str | None


class Found(NamedTuple):
    """An object: its size, its metadata, and the names of its version."""

    bytes: int
    about: About
    e_tag: str | None
    version: str | None


class Bucket:
    """The bucket of an address.

    Every method raises BucketRefused if the bucket or its service refuses, BucketAway if a later
    try may succeed, and SetupError if obstore is not installed.

    Args:
        place: any address in the bucket.
        seconds: the longest time of one request, however large.
    """

    def __init__(self, place: Uri, *, seconds: float = inf) -> None:
        self._scheme = place.scheme
        # Azure allows no dash in the names of metadata.
        dash = "_" if place.scheme == "az" else "-"
        self._id_name, self._sha256_name = f"wan{dash}id", f"wan{dash}sha256"
        self._place = place
        self._seconds = max(1.0, seconds)
        self._store = self._opened_for(0)

    def _opened_for(self, size: int) -> "ObjectStore":
        """Return a store whose requests have the time for a body of this size."""
        return _opened(self._place, min(self._seconds, REQUEST_S + size / BYTES_PER_S))

    def find(self, uri: Uri) -> Found | None:
        """Return an object, or None if it does not exist.

        Raises:
            Unreadable: the object may not be read, or does not exist in a bucket that may not be
                listed.
        """
        import obstore
        from obstore.exceptions import BaseError

        try:
            reply = obstore.get(self._store, uri.key, options={"head": True})
        except FileNotFoundError:
            return None
        except (BaseError, OSError) as cause:
            raise _trouble(uri, "read", cause) from None
        meta, said = reply.meta, reply.attributes
        about = About(said.get(self._id_name), said.get(self._sha256_name))
        return Found(meta["size"], about, meta["e_tag"], meta["version"])

    def create(self, uri: Uri, data: bytes, media_type: str, about: About | None = None) -> bool:
        """Create an object in one step; return False if its name is taken.

        It may be taken by this very call: obstore retries after a lost reply. Ask `find`.
        """
        return self._put(uri, data, media_type, about, "create")

    def replace(self, uri: Uri, data: bytes, media_type: str, about: About, old: Found) -> bool:
        """Replace the version of an object that was found; return False if it has changed."""
        names = {"e_tag": old.e_tag, "version": old.version}
        version = {name: value for name, value in names.items() if value is not None}
        return self._put(uri, data, media_type, about, version)

    def _put(self, uri: Uri, data: bytes, media_type: str, about: About | None, mode: Any) -> bool:
        import obstore
        from obstore.exceptions import AlreadyExistsError, BaseError, PreconditionError

        attributes = {"Content-Type": media_type}
        if about is not None and about.wan_id is not None:
            attributes[self._id_name] = about.wan_id
        if about is not None and about.sha256 is not None:
            attributes[self._sha256_name] = about.sha256
        try:
            store = self._opened_for(len(data)) if data else self._store
            obstore.put(store, uri.key, data, mode=mode, attributes=attributes)
        except (AlreadyExistsError, PreconditionError):
            return False
        except (BaseError, OSError) as cause:
            raise _trouble(uri, "write", cause) from None
        return True

    def read(self, uri: Uri, size: int) -> Iterator[bytes]:
        """Yield the bytes of an object of a known size."""
        import obstore
        from obstore.exceptions import BaseError

        try:
            reply = obstore.get(self._opened_for(size), uri.key)
            for chunk in reply.stream(min_chunk_size=CHUNK_BYTES):
                yield bytes(chunk)
        except (BaseError, OSError) as cause:
            raise _trouble(uri, "read", cause) from None

    def prove(self, folder: Uri) -> None:
        """Prove the right to write and read below a prefix, by an empty object: PREFIX/.wan.

        The second put of the same name must be refused: some services ignore the condition, and
        would replace videos.
        """
        marker = folder / MARKER
        if self.create(marker, b"", "text/plain") and self.create(marker, b"", "text/plain"):
            raise BucketRefused(
                f"the service of {folder} ignores If-None-Match, so wan could replace objects",
                hint="use a service with conditional writes, or save to a folder: -o DIR/",
            )
        self.find(marker)


def _opened(place: Uri, seconds: float) -> "ObjectStore":
    """Return obstore's store of a bucket."""
    try:
        from obstore.exceptions import BaseError
        from obstore.store import AzureStore, GCSStore, S3Store
    except ModuleNotFoundError as missing:
        if (missing.name or "").partition(".")[0] != "obstore":
            raise
        raise SetupError(
            f"{place.scheme}:// needs a package that is not installed (obstore)",
            hint="pip install 'aimlapi-wan[storage]'",
        ) from None
    makers: dict[str, Any] = {"s3": S3Store, "gs": GCSStore, "az": AzureStore}
    options = {"timeout": f"{seconds:.0f}s", "connect_timeout": f"{min(seconds, CONNECT_S):.0f}s"}
    if _is_plain_and_allowed(place.scheme):
        options["allow_http"] = "true"
    retries = {"max_retries": RETRIES, "retry_timeout": timedelta(seconds=RETRIES_S)}
    try:
        return makers[place.scheme](  # type: ignore[no-any-return]
            place.bucket, client_options=options, retry_config=retries
        )
    except BaseError as cause:
        raise _trouble(place, "use", cause) from None


def _is_plain_and_allowed(scheme: str) -> bool:
    """Whether the endpoint is plain http that does not leave this machine, or is allowed by name.

    Raises:
        SetupError: it is plain http to another machine.
    """
    url = urlsplit(_endpoint(scheme))
    if url.scheme != "http":
        return False
    host, name = url.hostname or "", f"{_PREFIXES[scheme]}_ALLOW_HTTP"
    is_here = host in ("localhost", "::1") or host.startswith("127.")
    if not is_here and os.environ.get(name, "").lower() not in ("1", "true"):
        raise SetupError(
            f"the endpoint of {scheme}:// is plain http, which is allowed only on this machine",
            hint=f"use https, or export {name}=true if you trust that network",
        )
    return True


def _endpoint(scheme: str) -> str:
    """Return the address of a service that is not the cloud's own, if one is set."""
    if scheme != "gs":
        names = {"s3": "AWS_ENDPOINT_URL", "az": "AZURE_STORAGE_ENDPOINT"}
        return os.environ.get(names[scheme], "")
    try:
        # The file of a service account may name one, for emulators.
        with open(os.environ.get("GOOGLE_SERVICE_ACCOUNT", ""), "rb") as file:  # noqa: PTH123
            return str(json.load(file)["gcs_base_url"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _trouble(uri: Uri, verb: str, cause: Exception) -> LocalFileError:
    """Return the error of a failed request, in words that hold nothing of the request."""
    text, where = str(cause), f"{uri.scheme}://{uri.bucket}"
    status = re.search(r"status code: ([0-9]{3})", text)
    code = re.search(r"<Code>([A-Za-z]{1,60})</Code>", text)
    said = code[1] if code else status[1] if status else ""
    why = f" ({said})" if said else ""
    if verb == "use" or re.search(_OF_THE_MACHINE, text):
        return BucketRefused(f"{where}: found no usable credentials", hint=_CREDENTIALS[uri.scheme])
    if said in _WRONG_CREDENTIALS or said == "401":
        hint = _CREDENTIALS[uri.scheme]
        return BucketRefused(f"{where}: the service refuses the credentials{why}", hint=hint)
    if said in _REGION_CODES or "configured region" in text:
        hint = "export AWS_REGION=REGION (the region of the bucket)"
        return BucketRefused(f"{where}: the bucket is in another region{why}", hint=hint)
    if status and status[1][0] == "4" and status[1] not in ("408", "429"):
        return _refused(uri, verb, status[1], why)
    kind = re.search(r"kind: (Connect|Timeout)\b", text)
    why = why or _FAILURES[kind[1] if kind else ""]
    return BucketAway(f"{where} cannot be reached{why}", hint=RUN_AGAIN)


def _refused(uri: Uri, verb: str, status: str, why: str) -> BucketRefused:
    """Return the error of a request that the service understood and refused."""
    if status == "403":
        kind = Unreadable if verb == "read" else BucketRefused
        hint = "allow writing and reading objects there, or choose another -o"
        return kind(f"{uri}: no permission to {verb} it{why}", hint=hint)
    if status == "404":
        what = f"{uri}" if verb == "read" else f"the bucket {uri.bucket}"
        return BucketRefused(f"{what} does not exist{why}", hint="check its name, and AWS_REGION")
    hint = "check the address and the settings of the bucket"
    return BucketRefused(f"{uri}: the service refused to {verb} it{why}", hint=hint)
