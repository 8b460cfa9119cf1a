"""The URL of a shared history: read as libpq reads it, and no secret in anything that is shown."""

import contextlib
import traceback
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from wan_cli.database import Address, parse_address
from wan_cli.errors import UsageError

SECRET = "hunter2secret"
# What a provider of databases prints.
CLOUD = f"postgresql://wan:{SECRET}@db.example.com:6543/wan?sslmode=verify-full&connect_timeout=5"


def refused(url: str) -> str:
    """Return the message of a URL that must be malformed, after looking for the password."""
    with pytest.raises(UsageError) as caught:
        parse_address(url)
    error = caught.value
    shown = "".join(traceback.format_exception(error))
    assert SECRET not in shown + repr(error) + str(error.args) + error.message + error.hint
    assert error.__context__ is None
    assert error.message.startswith("the database URL ")
    return error.message


def test_a_url_has_parts_and_parameters() -> None:
    address = parse_address(CLOUD)
    assert address == Address(
        user="wan",
        password=SECRET,
        hosts=("db.example.com",),
        ports=("6543",),
        database="wan",
        parameters=(("sslmode", "verify-full"), ("connect_timeout", "5")),
    )
    assert address.conninfo({}) == {
        "host": "db.example.com",
        "port": "6543",
        "user": "wan",
        "password": SECRET,
        "dbname": "wan",
        "sslmode": "verify-full",
        "connect_timeout": "5",
    }


@pytest.mark.parametrize(
    ("url", "arguments"),
    [
        ("postgresql://", {}),
        ("postgres:///", {}),
        ("PostgreSQL://localhost/wan", {"host": "localhost", "dbname": "wan"}),
        ("  postgresql:///wan\n", {"dbname": "wan"}),
        ("postgresql://wan@/wan", {"user": "wan", "dbname": "wan"}),
        ("postgresql://wan:@localhost", {"user": "wan", "host": "localhost"}),
        ("postgresql://:5433/wan", {"port": "5433", "dbname": "wan"}),
        ("postgresql://localhost:/wan", {"host": "localhost", "dbname": "wan"}),
        ("postgresql://[::1]:5433/wan", {"host": "::1", "port": "5433", "dbname": "wan"}),
        ("postgresql://%2Frun%2Fpg/wan", {"host": "/run/pg", "dbname": "wan"}),
        ("postgresql:///wan?host=/run/pg&port=5433",
         {"host": "/run/pg", "port": "5433", "dbname": "wan"}),
        ("postgresql://127.0.0.1,[::1]:5433/wan",
         {"host": "127.0.0.1,::1", "port": ",5433", "dbname": "wan"}),
        ("postgresql://?host=127.0.0.1,localhost&port=5433",
         {"host": "127.0.0.1,localhost", "port": "5433"}),
        ("postgresql://?service=wan", {"service": "wan"}),
        ("postgresql:///wan?options=-c%20search_path%3Dwan&",
         {"dbname": "wan", "options": "-c search_path=wan"}),
        ("postgresql://u:a:b%40%2F%3F%25%20#&,c@localhost",
         {"user": "u", "password": "a:b@/?% #&,c", "host": "localhost"}),
        ("postgresql://localhost/a%2Fb?ssl=true",
         {"host": "localhost", "dbname": "a/b", "sslmode": "require"}),
        ("postgresql://localhost?application_name=&connect_timeout=3",
         {"host": "localhost", "connect_timeout": "3"}),
    ],
)  # fmt: skip
def test_libpq_gets_what_the_url_says(url: str, arguments: dict[str, str]) -> None:
    assert parse_address(url).conninfo({}) == arguments


MALFORMED = {
    "": "does not begin with postgresql://",
    "/var/lib/wan/history.db": "does not begin with",
    f"wan:{SECRET}@db.example.com/wan": "does not begin with",
    f"mysql://wan:{SECRET}@db.example.com/wan": "does not begin with",
    f"{SECRET}://db.example.com/wan": "does not begin with",
    f"host=db.example.com password={SECRET}": "does not begin with",
    f"postgresql://wan:{SECRET} x@db.example.com/wan": "a space as %20",
    f"postgresql://wan:{SECRET}\0@db.example.com/wan": "a control character",
    f"postgresql://wan:{SECRET}\n@db.example.com/wan": "a control character",
    f"postgresql://wan:{SECRET}@x@db.example.com/wan": "write @ as %40",
    f"postgresql://wan:{SECRET}/x@db.example.com/wan": "/ as %2F",
    f"postgresql://wan:{SECRET}?x=y@db.example.com/wan": "? as %3F",
    f"postgresql://wan:x/{SECRET}@db.example.com/wan": "/ as %2F",
    f"postgresql://wan:x?y=1&{SECRET}=2@db.example.com/wan": "? as %3F",
    f"postgresql://wan:{SECRET}%zz@db.example.com/wan": "write % as %25",
    f"postgresql://wan:{SECRET}%@db.example.com/wan": "write % as %25",
    f"postgresql://wan:{SECRET}%ff@db.example.com/wan": "not UTF-8",
    f"postgresql://wan:{SECRET}%00@db.example.com/wan": "not UTF-8",
    f"postgresql://wan:{SECRET}\udcff@db.example.com/wan": "not UTF-8",
    f"postgresql://wan:{SECRET}@db.example.com:{SECRET}/wan": "a port that is not a number",
    f"postgresql://wan:{SECRET}@db.example.com:0/wan": "from 1 to 65535",
    f"postgresql://wan:{SECRET}@db.example.com:65536/wan": "from 1 to 65535",
    f"postgresql://wan:{SECRET}@a.example,b.example:x/wan": "a port that is not a number",
    f"postgresql://wan:{SECRET}@a.example,b.example/wan?port=1,2,3": "3 ports for 2 hosts",
    f"postgresql://wan:{SECRET}@a.example:1/wan?port=2": "gives port twice",
    f"postgresql://wan:{SECRET}@a.example/wan?password=other": "gives password twice",
    f"postgresql://wan:{SECRET}@fe80::1/wan": "an IPv6 address in [ ]",
    f"postgresql://wan:{SECRET}@::1:5432/wan": "an IPv6 address in [ ]",
    f"postgresql://wan:{SECRET}@[]/wan": "no IPv6 address between",
    f"postgresql://wan:{SECRET}@[localhost]/wan": "no IPv6 address between",
    f"postgresql://wan:{SECRET}@[::g]/wan": "a host that is no name",
    f"postgresql://wan:{SECRET}@db.example.com'/wan": "a host that is no name",
    f"postgresql://wan:{SECRET}@-db.example.com/wan": "a host that is no name",
    f"postgresql://wan:{SECRET}@/wan?hostaddr=10.0.0.x'": "a hostaddr that is no name",
    f"postgresql://wan:{SECRET}@db.example.com/wan?sslmod=require": "does not know: sslmod",
    f"postgresql://wan:{SECRET}@db.example.com/wan?replication=database": "know: replication",
    f"postgresql://db.example.com/wan?password=x&{SECRET}=y": "a parameter that wan does not know",
    f"postgresql://db.example.com/wan?password=x&{SECRET}": "a parameter without a value",
    f"postgresql://wan:{SECRET}@db.example.com/wan?sslmode=sure": "a wrong sslmode: choose one of",
    f"postgresql://wan:{SECRET}@db.example.com/wan?target_session_attrs=x": "target_session_attrs",
    f"postgresql://wan:{SECRET}@db.example.com/wan?connect_timeout=5s": "write a whole number",
    "postgresql://wan:***@db.example.com/wan": "*** in place of a secret",
    "postgresql://db.example.com/wan?sslpassword=***": "*** in place of a secret",
}


@pytest.mark.parametrize("url", MALFORMED)
def test_a_malformed_url_is_refused_without_its_password(url: str) -> None:
    assert MALFORMED[url] in refused(url)


def test_a_part_of_a_password_is_not_named_as_a_parameter() -> None:
    # The password x&hunter=y, with a raw &.
    assert "hunter" not in refused("postgresql://db.example.com/wan?password=x&hunter=y")
    assert refused("postgresql://db.example.com/wan?hunter=y").endswith(": hunter")


# Parts of URLs, right and wrong, in any order.
PIECES = st.lists(
    st.sampled_from([*"@:/?&=,[]%#' \0*", "%40", "%zz", "::1", "sslmode", "password=", "5432"])
    | st.text(max_size=3),
    max_size=8,
).map("".join)


@given(before=PIECES, after=PIECES)
@example(before="wan:", after="@db.example.com/wan")
def test_no_secret_is_shown_whatever_surrounds_it(before: str, after: str) -> None:
    url = f"postgresql://wan:{before}{SECRET}{after}@db.example.com/wan"
    address = None
    with contextlib.suppress(UsageError):
        address = parse_address(url)
    if address is None:
        refused(url)
        return
    assert SECRET in address.password
    shown = [repr(address), str(address), f"{address}", address.place, address.masked]
    assert SECRET not in "".join(shown)


NAMES = st.text(st.characters(exclude_characters="\0", codec="utf-8"), min_size=1)
HOSTS = st.from_regex(r"[a-z][a-z0-9]{0,5}(\.[a-z]{2,5})?", fullmatch=True)


@given(
    user=NAMES,
    password=NAMES.filter(lambda text: text != "***"),
    hosts=st.lists(st.tuples(HOSTS, st.integers(1, 65535)), min_size=1, max_size=3),
    database=NAMES,
    options=NAMES,
)
def test_libpq_reads_the_same(
    user: str, password: str, hosts: list[tuple[str, int]], database: str, options: str
) -> None:
    conninfo = pytest.importorskip("psycopg.conninfo")
    places = ",".join(f"{host}:{port}" for host, port in hosts)
    parts = (quote(part, safe="") for part in (user, password, database, options))
    url = "postgresql://{}:{}@{places}/{}?options={}&sslmode=prefer".format(*parts, places=places)
    address = parse_address(url)
    expected = conninfo.conninfo_to_dict(url)
    assert address.conninfo({}) == expected
    assert conninfo.conninfo_to_dict(conninfo.make_conninfo(**address.conninfo({}))) == expected
    # What is shown is a URL again, with the same parts.
    assert parse_address(address.place)._replace(password=password) == address._replace(
        parameters=()
    )


@given(PIECES)
def test_wan_accepts_no_url_that_libpq_reads_differently(pieces: str) -> None:
    conninfo = pytest.importorskip("psycopg.conninfo")
    url = f"postgresql://{pieces}"
    with contextlib.suppress(UsageError):
        address = parse_address(url)
        given = {name: value for name, value in conninfo.conninfo_to_dict(url).items() if value}
        ours = address.conninfo({"PGSSLMODE": "prefer"})
        assert {name: value.strip(",") for name, value in ours.items()} == {
            name: str(value).strip(",") for name, value in given.items() if str(value).strip(",")
        }


@pytest.mark.parametrize(
    ("url", "place", "masked"),
    [
        (
            CLOUD,
            "postgresql://wan@db.example.com:6543/wan",
            "postgresql://wan:***@db.example.com:6543/wan?sslmode=verify-full&connect_timeout=5",
        ),
        (f"postgresql:///wan?password={SECRET}", "postgresql:///wan", "postgresql://:***@/wan"),
        ("postgres://[::1]/wan", "postgresql://[::1]/wan", "postgresql://[::1]/wan"),
        (
            "postgresql:///wan?host=/run/pg&user=w%20n",
            "postgresql://w%20n@%2Frun%2Fpg/wan",
            "postgresql://w%20n@%2Frun%2Fpg/wan",
        ),
        (
            f"postgresql:///?service=wan&sslpassword={SECRET}",
            "postgresql:///?service=wan",
            "postgresql:///?service=wan&sslpassword=***",
        ),
        (
            "postgresql://?host=a.example,b.example&port=5433",
            "postgresql://a.example:5433,b.example:5433/",
            "postgresql://a.example:5433,b.example:5433/",
        ),
        (
            "postgresql:///wan?hostaddr=10.0.0.7",
            "postgresql://10.0.0.7/wan",
            "postgresql:///wan?hostaddr=10.0.0.7",
        ),
    ],
)
def test_what_is_shown_has_no_secret(url: str, place: str, masked: str) -> None:
    address = parse_address(url)
    assert (address.place, address.masked) == (place, masked)
    assert repr(address) == f"Address({masked!r})"


@pytest.mark.parametrize(
    ("url", "env", "sslmode"),
    [
        ("postgresql://db.example.com/wan", {}, "require"),
        ("postgresql://10.0.0.7/wan", {}, "require"),
        ("postgresql://localhost,db.example.com/wan", {}, "require"),
        ("postgresql://localhost/wan?hostaddr=10.0.0.7", {}, "require"),
        ("postgresql:///wan", {"PGHOST": "db.example.com"}, "require"),
        ("postgresql:///wan", {"PGHOST": "/run/pg", "PGHOSTADDR": "10.0.0.7"}, "require"),
        ("postgresql://db.example.com/wan?sslrootcert=system", {}, "verify-full"),
        ("postgresql://db.example.com/wan", {"PGSSLROOTCERT": "system"}, "verify-full"),
        ("postgresql://db.example.com/wan?sslmode=verify-ca", {}, "verify-ca"),
        ("postgresql://db.example.com/wan?sslmode=disable", {}, "disable"),
        ("postgresql://db.example.com/wan", {"PGSSLMODE": "verify-full"}, None),
        ("postgresql://db.example.com/wan?service=wan", {}, None),
        ("postgresql:///wan", {"PGSERVICE": "wan", "PGHOST": "db.example.com"}, None),
        ("postgresql:///wan", {}, None),
        ("postgresql:///wan", {"PGHOST": "/run/pg"}, None),
        ("postgresql://127.0.0.9,[::1],LOCALHOST,%2Frun%2Fpg,@/wan".replace("@", "%40pg"),
         {"PGHOST": "db.example.com"}, None),
        ("postgresql://db.example.com/wan?hostaddr=127.0.0.1", {}, None),
    ],
)  # fmt: skip
def test_a_connection_that_leaves_the_machine_is_encrypted(
    url: str, env: dict[str, str], sslmode: str | None
) -> None:
    assert parse_address(url).conninfo(env).get("sslmode") == sslmode


def test_the_password_of_the_url_comes_first() -> None:
    assert parse_address(CLOUD).conninfo({}, "other")["password"] == SECRET
    assert parse_address("postgresql:///wan").conninfo({}, "other")["password"] == "other"
    assert "password" not in parse_address("postgresql:///wan").conninfo({})
