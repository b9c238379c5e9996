"""A service in a few lines, to test the client against: answers by rote, or as a test says."""

from __future__ import annotations

import base64
import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

HOSTS = Path(__file__).resolve().parents[2] / ".hosts"

Json = dict[str, Any]
Answer = tuple[int, Any]


class FakeService(ThreadingHTTPServer):
    """Answers on a free port and tells of itself in ``service.json``, as the service does.

    Attributes:
        picture: what stands for a PNG.
        routes: (method, path without query) → what is called with the handler to answer; more may be added.
        heard: (method, path with query, body) of all requests.
        states: what the events of any job tell, one after the other; asking for the job gives the last one.
    """

    picture = b"\x89PNG no picture, and no text either \xff"
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, runtime: Path, token: str = "secret", protocol: int = 1) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.runtime, self.token, self.protocol = runtime, token, protocol
        self.heard: list[tuple[str, str, Json | None]] = []
        self.routes: dict[tuple[str, str], Callable[[Handler], Answer | None]] = {}
        self.states: list[Json] = []

    def announce(self) -> None:
        self.runtime.mkdir(parents=True, exist_ok=True)
        said = {"host": "127.0.0.1", "port": self.server_port, "pid": os.getpid(), "token": self.token, "protocol": 1}
        (self.runtime / "service.json").write_text(json.dumps(said))

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is part of the tests, and nothing to print."""


class Handler(BaseHTTPRequestHandler):
    server: FakeService

    def do_GET(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        body = json.loads(self.rfile.read(length)) if length else None
        path = self.path.partition("?")[0]
        if path != "/v1/version":
            self.server.heard.append((self.command, self.path, body))
        if self.headers.get("Authorization") != f"Bearer {self.server.token}":
            self.answer(401, {"error": {"kind": "unauthorised", "message": "the token is wrong"}})
            return
        found = self.server.routes.get((self.command, path), self._by_rote)(self)
        if found is not None:
            self.answer(*found)

    do_POST = do_PATCH = do_DELETE = do_GET

    def _by_rote(self, _: Handler) -> Answer | None:
        path = self.path.partition("?")[0]
        if path == "/v1/version":
            return 200, {"name": "sam2-roto", "version": "9", "protocol": self.server.protocol, "pid": os.getpid()}
        if path == "/v1/shutdown":
            (self.server.runtime / "service.json").unlink()
        if path.endswith("/events"):
            self.tell(self.server.states)
            return None
        if path.startswith("/v1/jobs/") and self.command == "GET":
            return 200, self.server.states[-1]
        if path.endswith(("/preview", "/prompts")):
            return 200, {"present": True, "mask": base64.b64encode(self.server.picture).decode()}
        return 200, self.server.picture if "/frames/" in path or "/mattes/" in path else {"path": self.path}

    def answer(self, status: int, content: Any) -> None:
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def tell(self, states: list[Json], pause: float = 0.01) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        self.wfile.write(b": hello\n\n")
        for state in states:
            self.wfile.write(b"data: " + json.dumps(state).encode() + b"\n\n")
            self.wfile.flush()
            time.sleep(pause)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing is printed."""


@contextmanager
def running(service: FakeService) -> Iterator[FakeService]:
    """The service announced and answering, until the block ends."""
    thread = threading.Thread(target=service.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    service.announce()
    try:
        yield service
    finally:
        service.shutdown()
        service.server_close()
        thread.join()


@pytest.fixture
def run_fake() -> Callable[..., AbstractContextManager[FakeService]]:
    """``with run_fake(runtime, token=…, protocol=…) as fake`` runs a service of one's own."""
    return lambda *args, **settings: running(FakeService(*args, **settings))


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[FakeService]:
    """A service that runs, with its ``service.json`` in ``tmp_path / "run"``."""
    with running(FakeService(tmp_path / "run")) as service:
        yield service


@pytest.fixture(scope="session")
def host_python() -> Callable[[str], Path]:
    """``host_python("bpy-5.0")`` is the Python of an environment that ``make hosts`` made; skips, saying why, else."""

    def find(name: str) -> Path:
        if not list(HOSTS.glob(f"{name}/installed-*")):
            reason = HOSTS / f"{name}.reason"
            pytest.skip(f"no {name}: {reason.read_text().strip() if reason.exists() else 'run make hosts'}")
        return HOSTS / name / "bin" / "python"

    return find
