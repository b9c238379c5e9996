"""How the client finds the command and starts a service, with a program of a few lines in the service's place."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from host_adapters.client import Client, NotRunning, find_command, runtime_folder
from sam2_roto.service import settings

SERVICE = """
import http.server, json, os, sys, threading
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        said = {"name": "sam2-roto", "version": "9", "protocol": 1, "pid": os.getpid()}
        said.update(words=sys.argv[1:], home=os.environ.get("PYTHONHOME"), runtime=os.environ["SAM2_ROTO_RUNTIME"])
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(said).encode())
        if self.command == "POST":
            threading.Thread(target=server.shutdown).start()
    do_POST = do_GET
    def log_message(self, *args):
        pass
http.server.HTTPServer.server_bind = http.server.socketserver.TCPServer.server_bind  # asks for no names
server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
path = os.path.join(os.environ["SAM2_ROTO_RUNTIME"], "service.json")
with open(path + ".new", "w") as file:
    json.dump({"host": "127.0.0.1", "port": server.server_address[1], "token": "t"}, file)
os.rename(path + ".new", path)
with open(os.path.join(os.environ["SAM2_ROTO_RUNTIME"], "starts"), "a") as file:
    file.write("x")
server.serve_forever(0.01)
os.remove(path)
"""


@pytest.fixture
def runtime(tmp_path: Path) -> Iterator[Path]:
    """A runtime folder; what was started in it is ended."""
    folder = tmp_path / "run"
    yield folder
    Client(runtime=folder).shutdown()


def python(script: str) -> list[str]:
    return [sys.executable, "-S", "-c", script]


def test_a_service_is_started_with_the_first_call(runtime: Path) -> None:
    client = Client(python(SERVICE), idle=30, runtime=runtime)
    said = client.connect()
    assert said["words"] == ["serve", "--idle", "30"]
    assert said["runtime"] == str(runtime)
    assert said["pid"] != os.getpid()
    assert runtime.stat().st_mode & 0o777 == 0o700


def test_the_hosts_python_is_not_handed_on(runtime: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONHOME", "/host/python")
    assert Client(python(SERVICE), runtime=runtime).connect()["home"] is None


def test_threads_start_one_service(runtime: Path) -> None:
    client = Client(python(SERVICE), runtime=runtime)
    with ThreadPoolExecutor(4) as pool:
        assert len({said["pid"] for said in pool.map(lambda _: client.connect(), range(4))}) == 1
    assert (runtime / "starts").read_text() == "x"


def test_a_service_that_was_killed_is_started_again(runtime: Path) -> None:
    client = Client(python(SERVICE), runtime=runtime)
    first = client.connect()["pid"]
    os.kill(first, signal.SIGKILL)
    assert client.connect()["pid"] != first


def test_a_service_that_fails_tells_its_last_words(tmp_path: Path) -> None:
    script = "import sys; print('loading'); sys.exit('no module named torch')"
    with pytest.raises(NotRunning, match="status 1 when it was started: no module named torch"):
        Client(python(script), runtime=tmp_path).connect()


def test_a_service_that_is_not_ready_in_time_is_an_error(tmp_path: Path) -> None:
    script = f"import time; open({str(tmp_path / 'pid')!r}, 'w').write(str(__import__('os').getpid())); time.sleep(60)"
    with pytest.raises(NotRunning, match=r"not ready after 2 s; see .*client\.log"):
        Client(python(script), runtime=tmp_path, start_timeout=2).connect()
    os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)


@pytest.mark.usefixtures("fake")
def test_the_service_of_another_host_that_was_faster_is_used(runtime: Path) -> None:
    late = f"import os; os.rename({str(runtime / 'hidden')!r}, {str(runtime / 'service.json')!r}); raise SystemExit(2)"
    (runtime / "service.json").rename(runtime / "hidden")
    assert Client(python(late), runtime=runtime).connect()["version"] == "9"


def test_a_command_that_is_none_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(NotRunning, match="'/no/such/sam2-roto' cannot be run"):
        Client(["/no/such/sam2-roto"], runtime=tmp_path).connect()


def test_the_command_is_what_is_given(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "my programs" / "sam2-roto"
    program.parent.mkdir()
    program.write_text("")
    monkeypatch.setenv("SAM2_ROTO_COMMAND", "python3 -m 'sam2_roto'")
    assert find_command(str(program)) == [str(program)]
    assert find_command(["a b", "c"]) == ["a b", "c"]
    assert find_command("nice sam2-roto") == ["nice", "sam2-roto"]
    assert find_command() == ["python3", "-m", "sam2_roto"]


def test_the_command_is_looked_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("SAM2_ROTO_COMMAND", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_command() == [sys.executable, "-m", "sam2_roto"]
    program = tmp_path / "sam2-roto"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    assert find_command() == [str(program)]


def test_inside_a_host_that_is_no_python_its_program_is_not_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("SAM2_ROTO_COMMAND", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "executable", "/opt/Nuke15.0/Nuke15.0")
    with pytest.raises(NotRunning, match="pip install sam2-roto"):
        find_command()


def test_the_runtime_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    monkeypatch.setenv("SAM2_ROTO_RUNTIME", "/named")
    assert runtime_folder() == "/named"
    monkeypatch.delenv("SAM2_ROTO_RUNTIME")
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("HOME", "/home/ada")
    assert runtime_folder() == "/home/ada/.cache/sam2-roto/run"
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/user/1")
    assert runtime_folder() == "/run/user/1/sam2-roto"
    monkeypatch.setattr(sys, "platform", "darwin")
    assert runtime_folder() == "/home/ada/Library/Caches/sam2-roto/run"


@pytest.mark.parametrize("platform", ["linux", "darwin", "win32"])
@pytest.mark.parametrize("named", [{}, {"SAM2_ROTO_RUNTIME": "~/run"}, {"XDG_RUNTIME_DIR": "run"}])
def test_the_service_looks_at_the_same_folder(
    monkeypatch: pytest.MonkeyPatch, platform: str, named: dict[str, str]
) -> None:
    for name in ("XDG_RUNTIME_DIR", "SAM2_ROTO_RUNTIME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in named.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "platform", platform)
    assert runtime_folder() == str(settings.runtime_folder())


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() != 0, reason="only root can give a file away")
def test_the_file_of_another_user_is_not_trusted(tmp_path: Path) -> None:
    path = tmp_path / "service.json"
    path.write_text(json.dumps({"host": "127.0.0.1", "port": 1, "token": "t"}))
    os.chown(path, 65534, -1)
    with pytest.raises(NotRunning, match="another user"):
        Client(start=False, runtime=tmp_path).connect()
