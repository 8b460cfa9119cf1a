"""Keys, networks, folders: wan names the problem in its surroundings and prints a useful hint."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.fake.api import FakeApi
from tests.fake.process import Wan
from tests.fake.script import forever, refusal

KEY = "test-key-0123456789abcdef"


@pytest.mark.parametrize("command", [("generate", "a fox"), ("balance",)])
def test_a_refused_key_names_where_it_came_from(
    wan: Wan, api: FakeApi, command: tuple[str, ...]
) -> None:
    api.on_post(forever(refusal(401, "Unauthorized")))
    api.on_billing(forever(refusal(401, "Unauthorized")))
    result = wan(*command, env={"AIMLAPI_API_KEY": KEY})
    assert result.code == 4
    assert "(the key test…cdef from AIMLAPI_API_KEY)" in result.err
    assert "unset AIMLAPI_API_KEY" in result.err


def test_the_hint_for_a_refused_key_of_the_file_sets_a_new_one(wan: Wan, api: FakeApi) -> None:
    without = {"AIMLAPI_API_KEY": None}
    assert wan("config", "set", "api_key", "-", input=KEY.encode(), env=without).code == 0
    api.on_post(forever(refusal(401, "Unauthorized")))
    result = wan("generate", "a fox", env=without)
    assert "from config file" in result.err
    assert "hint: wan config set api_key\n" in result.err


def test_a_404_on_the_submission_names_the_address(wan: Wan, api: FakeApi) -> None:
    api.on_post(forever(refusal(404, "Cannot POST")))
    result = wan("generate", "a fox")
    assert result.code == 6
    assert f"{api.base_url} has no such endpoint or model" in result.err
    assert "wan config get base_url" in result.err


def test_a_failing_key_command_is_explained_and_gets_no_other_keys(
    wan: Wan, api: FakeApi, tmp_path: Path
) -> None:
    seen = tmp_path / "seen"
    command = f"env > {seen}; echo first >&2; echo 'the vault is locked' >&2; exit 3"
    env = {"AIMLAPI_API_KEY": None, "WAN_API_KEY_COMMAND": command, "AIMLAPI_KEY": ""}
    result = wan("balance", env=env)
    assert result.code == 3
    assert "exited with status 3: the vault is locked" in result.err
    assert "run the command by hand" in result.err
    assert "AIMLAPI" not in seen.read_text()


def test_the_editor_does_not_get_the_key(wan: Wan, tmp_path: Path) -> None:
    editor = tmp_path / "editor"
    editor.write_text(f"#!/bin/sh\nenv > {tmp_path}/seen\n")
    editor.chmod(0o755)
    assert wan("config", "edit", env={"EDITOR": str(editor), "AIMLAPI_API_KEY": KEY}).code == 0
    assert "API_KEY" not in (tmp_path / "seen").read_text()


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE"])
def test_wan_trusts_the_root_certificate_of_a_network(
    wan: Wan, variable: str, tmp_path: Path
) -> None:
    with FakeApi(tls=True) as secure:
        place = tmp_path / "root.pem"
        place.write_bytes(Path(str(secure.ca_pem)).read_bytes())
        if variable == "SSL_CERT_DIR":
            subprocess.run(["openssl", "rehash", str(tmp_path)], check=True)
            place = tmp_path
        none = dict.fromkeys(("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE"))
        env = {**none, "CURL_CA_BUNDLE": None, "WAN_BASE_URL": secure.base_url}
        assert wan("balance", env=env).code == 11
        assert wan("balance", env={**env, variable: str(place)}).code == 0


@pytest.mark.skipif(find_spec("socks") is not None, reason="PySocks is installed here")
def test_a_socks_proxy_needs_its_package(wan: Wan) -> None:
    env = {"WAN_BASE_URL": "https://api.example", "HTTPS_PROXY": "socks5h://127.0.0.1:1"}
    result = wan("generate", "a fox", env=env)
    assert result.code == 3
    assert "hint: pip install 'aimlapi-wan[socks]'\n" in result.err


def test_the_api_and_the_cdn_get_the_same_user_agent(wan: Wan, api: FakeApi) -> None:
    assert wan("generate", "a fox").code == 0
    agents = {get.headers["User-Agent"] for get in api.gets}
    assert agents == {request.headers["User-Agent"] for request in api.cdn.requests}
    assert len(agents) == 1


def test_the_error_for_a_home_of_another_user_says_how_to_choose_one(
    wan: Wan, tmp_path: Path
) -> None:
    (tmp_path / "data").write_text("a file")
    env = {"WAN_HOME": None, "HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path / "data")}
    result = wan("generate", "a fox", env=env)
    assert result.code == 3
    assert "export WAN_HOME=" in result.err


@pytest.mark.parametrize("length", [251, 255, 256])
def test_a_name_too_long_for_its_sidecar_is_refused_before_paying(
    wan: Wan, api: FakeApi, length: int
) -> None:
    name = "f" * (length - 4) + ".mp4"
    result = wan("generate", "a fox", "-o", name, "--sidecar")
    assert (result.code, api.posts) == (2, [])


def test_a_tilde_in_an_option_is_the_home_folder(wan: Wan, api: FakeApi, tmp_path: Path) -> None:
    result = wan("generate", "a fox", "--output=~/clips/a.mp4", env={"HOME": str(tmp_path)})
    assert result.out == f"{tmp_path}/clips/a.mp4\n"
    assert not (wan.work / "~").exists()


def test_a_folder_whose_name_is_not_utf_8_works(wan: Wan, api: FakeApi) -> None:
    folder = os.fsencode(wan.work) + b"/caf\xe9"
    Path(os.fsdecode(folder)).mkdir()
    run = [sys.executable, "-m", "wan_cli"]
    done = subprocess.run(
        [*run, "generate", "a fox"], cwd=folder, env=wan.env, capture_output=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    wan("--version")
    assert len(list(Path(os.fsdecode(folder)).iterdir())) == 1
    listed = wan("list", "--json").json_lines[0]
    assert listed["status"] == "completed"
    assert wan("fetch", "--all").code == 0


def test_a_non_blocking_pipe_gets_the_whole_video(wan: Wan, api: FakeApi) -> None:
    reads, writes = os.pipe()
    os.set_blocking(writes, False)
    process = subprocess.Popen(
        [sys.executable, "-m", "wan_cli", "generate", "a fox", "-o", "-", "-q"],
        cwd=wan.work,
        env=wan.env,
        stdout=writes,
    )
    os.close(writes)
    with os.fdopen(reads, "rb") as reader:
        video = reader.read()
    assert process.wait(30) == 0
    wan("--version")
    assert video == api.video


def test_a_closed_stdout_is_reported_before_anything_is_paid(wan: Wan, api: FakeApi) -> None:
    command = f"exec {sys.executable} -m wan_cli generate 'a fox' -o - >&-"
    done = subprocess.run(
        ["/bin/sh", "-c", command], cwd=wan.work, env=wan.env, stderr=subprocess.PIPE, timeout=60
    )
    assert done.returncode == 13
    wan("--version")
    assert b"standard output is closed" in done.stderr
    assert api.posts == []


def test_a_sidecar_that_is_a_link_to_itself_is_13(wan: Wan, api: FakeApi, work: Path) -> None:
    (work / "a.mp4.json").symlink_to("a.mp4.json")
    result = wan("generate", "a fox", "-o", "a.mp4", "--sidecar", "--force")
    assert result.code == 13
    assert (work / "a.mp4").exists()


def test_doctor_prints_the_versions_and_names_unknown_variables(wan: Wan, api: FakeApi) -> None:
    result = wan("doctor", env={"WAN_TIMEOTU": "5m"})
    assert result.code == 0
    assert "WAN_TIMEOTU is not a variable of wan" in result.out
    assert "did you mean WAN_TIMEOUT?" in result.out
    assert "history schema" in result.out


def test_offline_doctor_does_not_suggest_doctor(wan: Wan, closed_port: int) -> None:
    result = wan("doctor", env={"WAN_BASE_URL": f"http://127.0.0.1:{closed_port}"})
    assert result.code == 11
    assert "wan doctor" not in result.out
