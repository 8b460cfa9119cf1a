"""Addresses in object storage have the names of a path, on every Python."""

from wan_cli.uri import Uri, is_uri, parse_uri, place_of

FOX = Uri("s3://clips/runs/fox.mp4")


def test_an_address_has_the_names_of_a_path() -> None:
    assert parse_uri("s3://clips/runs/fox.mp4") == FOX
    assert (FOX.scheme, FOX.bucket, FOX.key) == ("s3", "clips", "runs/fox.mp4")
    assert (FOX.name, FOX.stem, FOX.suffix) == ("fox.mp4", "fox", ".mp4")
    assert (Uri("az://clips").key, Uri("az://clips/").key) == ("", "")


def test_every_address_made_from_one_keeps_both_slashes() -> None:
    made = {
        FOX.parent: "s3://clips/runs",
        FOX.parent.parent: "s3://clips",
        FOX.with_name("fox-1.mp4"): "s3://clips/runs/fox-1.mp4",
        FOX.parent / "a/b.mp4": "s3://clips/runs/a/b.mp4",
        Uri("gs://clips/") / "x:" / "y.mp4": "gs://clips/x:/y.mp4",
    }
    for address, text in made.items():
        assert (str(address), f"{address}", type(address)) == (text, text, Uri)
        assert address == Uri(text)
        assert hash(address) == hash(place_of(text))


def test_a_path_is_no_address() -> None:
    for text in ("fox.mp4", "/tmp/s3:/fox.mp4", "s3:/clips/fox.mp4", "s3/clips", ""):
        assert not is_uri(text)
        assert parse_uri(text) is None
