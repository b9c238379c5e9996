"""A real service in a process of its own, reached over the network as hosts reach it."""

from __future__ import annotations

import http.client
import json
import os
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from host_adapters.client import Client

COMMAND = [sys.executable, "-m", "sam2_roto"]
NETWORK = {"model": "nano", "image_size": 64}


class Answer(NamedTuple):
    """Status, content and headers of an answer."""

    status: int
    body: Any
    headers: dict[str, str]


class Outsider:
    """Someone who speaks HTTP to the service, well or badly."""

    def __init__(self, endpoint: dict[str, Any]) -> None:
        self.host, self.port, self.token = endpoint["host"], endpoint["port"], endpoint["token"]

    @property
    def bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    def ask(
        self, method: str, path: str, body: bytes | str | dict[str, Any] | None = None, headers: Any = None
    ) -> Answer:
        """Send a request with the right token, unless ``headers`` are given."""
        headers = self.bearer if headers is None else headers
        data = body
        if isinstance(body, dict):
            data, headers = json.dumps(body), {"Content-Type": "application/json", **headers}
        connection = http.client.HTTPConnection(self.host, self.port, timeout=60)
        try:
            connection.request(method, path, data, headers)
            response = connection.getresponse()
            content = response.read()
            told = json.loads(content) if response.headers.get_content_type() == "application/json" else content
            return Answer(response.status, told, dict(response.headers))
        finally:
            connection.close()

    def send(self, data: bytes) -> bytes:
        """Send bytes as they are, and give what comes back until the service hangs up or says no more."""
        with socket.create_connection((self.host, self.port), timeout=5) as connection:
            heard = b""
            try:
                connection.sendall(data)
                while got := connection.recv(65536):
                    heard += got
            except (TimeoutError, ConnectionError):  # it waits for more, or has thrown the rest away
                return heard
            return heard


@pytest.fixture
def start_service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Client]]:
    """Gives clients of one service with folders of its own; it is ended with the test."""
    monkeypatch.setenv("SAM2_ROTO_STATE", str(tmp_path / "state"))
    made: list[Client] = []

    def start(idle: float = 120) -> Client:
        made.append(Client(COMMAND, runtime=tmp_path / "run", idle=idle, timeout=120, start_timeout=120))
        return made[-1]

    yield start
    start().shutdown()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that the service of this file may read and write."""
    return tmp_path_factory.mktemp("opened")


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory, folder: Path) -> Iterator[Client]:
    """A client of the service that all tests of one file share, with ``folder`` opened."""
    home = tmp_path_factory.mktemp("service")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SAM2_ROTO_STATE", str(home / "state"))
        found = Client(COMMAND, runtime=home / "run", idle=120, timeout=120, start_timeout=120)
        found.open_folder(folder)
        yield found
        found.shutdown()


@pytest.fixture(scope="module")
def footage(folder: Path, shot: Path) -> Path:
    """The movie of ``shot`` within the opened folder: 20 frames of 96 by 64, from 0."""
    path = folder / "shot.mp4"
    path.write_bytes(shot.read_bytes())
    return path


@pytest.fixture(scope="module")
def known(client: Client, footage: Path) -> str:
    """The id of a shot of that footage."""
    return str(client.new_shot(footage, **NETWORK)["id"])


@pytest.fixture
def outsider(client: Client) -> Outsider:
    return Outsider(client.find())


def children(pid: int) -> list[int]:
    """The processes that a process started; needs /proc."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:  # it has ended meanwhile
                continue
            if int(words[1]) == pid and words[0] != "Z":
                found.append(int(entry.name))
    return found


@pytest.fixture
def workers() -> Callable[[int], list[int]]:
    """The processes below a service's, or a skip where they cannot be told."""
    if not os.path.exists("/proc/self/stat"):
        pytest.skip("no /proc on this machine")
    return children
