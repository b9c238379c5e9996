"""The way to the service: found, started, found again."""

from __future__ import annotations

import os
import threading

from . import discovery
from .errors import NotRunning, Refused, TimedOut, WrongVersion
from .transport import exchange, join_query, refusal, stream, timed_out

TYPE_CHECKING = False  # importing typing takes longer than importing this client
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any

    Json = dict[str, Any]

PROTOCOL = 1
"""The version of the interface that this client speaks."""

_ATTEMPTS = 3
_PROBE_S = 10.0


class Connection:
    """Requests to the service, which is found or started when the first one is made, and again after it has gone.

    Safe to use from several threads at once.

    Args:
        command: what runs sam2-roto, a path or words; see ``discovery.find_command``.
        start: start a service where none runs.
        idle: seconds without a request or job after which a service started here ends by itself; 0 for never.
        timeout: seconds that one answer may take; the first one that needs the network also loads it.
        start_timeout: seconds that a service may take to be ready.
        runtime: folder of ``service.json``; by default ``discovery.runtime_folder()``.
    """

    def __init__(
        self,
        command: str | Sequence[str] | None = None,
        *,
        start: bool = True,
        idle: float = 900,
        timeout: float = 120,
        start_timeout: float = 60,
        runtime: str | os.PathLike[str] | None = None,
    ) -> None:
        self.command, self.start, self.idle = command, start, idle
        self.timeout, self.start_timeout = timeout, start_timeout
        self.runtime = os.path.abspath(runtime if runtime is not None else discovery.runtime_folder())
        self._endpoint: Json | None = None
        self._lock = threading.RLock()

    def call(self, method: str, path: str, body: object = None, query: Mapping[str, object] | None = None) -> Json:
        """Ask for JSON below /v1. Raises ServiceError and what is below it."""
        import json

        data = self.fetch(method, path, body, query)
        try:
            found = json.loads(data) if data else {}
        except ValueError as error:
            raise Refused(f"the service answered {method} {path} with something else than JSON") from error
        return found if isinstance(found, dict) else {"answer": found}

    def fetch(self, method: str, path: str, body: object = None, query: Mapping[str, object] | None = None) -> bytes:
        """Ask for bytes below /v1. Raises ServiceError and what is below it.

        What the service cannot have heard, because it had gone, is asked again of the next one.
        """
        target = join_query(f"/v1{path}", query)
        for _ in range(_ATTEMPTS):
            endpoint = self.find()
            answer = self._try(endpoint, method, target, body)
            if answer is None:
                self._forget(endpoint)
                continue
            status, data = answer
            if status < 400:
                return data
            refused = refusal(status, data)
            if status != 401:
                raise refused
            self._forget(endpoint)  # the token is that of an earlier service
        raise NotRunning("the sam2-roto service goes as soon as it comes; see its log beside service.json")

    def _try(self, endpoint: Json, method: str, target: str, body: object) -> tuple[int, bytes] | None:
        """Status and body, or None where it does no harm to ask again."""
        import socket
        from http.client import HTTPException

        try:
            return exchange(endpoint, method, target, body, self.timeout)
        except ConnectionRefusedError:
            return None
        except socket.timeout as error:  # another class than TimeoutError in Python 3.9
            raise timed_out(method, target, self.timeout) from error
        except (OSError, HTTPException) as error:
            if method == "GET":
                return None
            self._forget(endpoint)
            raise NotRunning(
                f"the sam2-roto service ended while it worked on {method} {target}; the next call starts it again"
            ) from error

    def find(self) -> Json:
        """Host, port, token and pid of the service, which is started where none runs and ``start`` allows it."""
        with self._lock:
            if self._endpoint is None:
                self._endpoint = self._probe() or self._begin()
            return self._endpoint

    def events(self, job: str) -> Iterator[Json]:
        """The states of a job as they come, to a final one. Raises OSError or HTTPException where they break off."""
        yield from stream(self.find(), f"/v1/jobs/{job}/events", self.timeout)

    def _begin(self) -> Json:
        if not self.start:
            raise NotRunning("no sam2-roto service runs; start one with 'sam2-roto serve'")
        found: list[Json] = []

        def ready() -> bool:
            found.extend(filter(None, [self._probe()]))
            return bool(found)

        command = discovery.find_command(self.command)
        discovery.start_service(command, self.runtime, self.idle, self.start_timeout, ready)
        return found[0]

    def _probe(self) -> Json | None:
        """The service that ``service.json`` tells of, if it is there and is the one that wrote it."""
        import json
        import socket
        from http.client import HTTPException

        endpoint = discovery.read_endpoint(self.runtime)
        if endpoint is None:
            return None
        try:
            status, data = exchange(endpoint, "GET", "/v1/version", None, _PROBE_S)
            version = json.loads(data) if status == 200 else None
        except socket.timeout as error:  # another class than TimeoutError in Python 3.9
            raise TimedOut(f"the sam2-roto service does not answer; end process {endpoint.get('pid')}") from error
        except (
            OSError,
            HTTPException,
            ValueError,
        ):  # it has ended without a word, and another program may listen there
            return None
        if not isinstance(version, dict) or version.get("name") != "sam2-roto":
            return None
        _check_protocol(version)
        return endpoint

    def _forget(self, endpoint: Json) -> None:
        with self._lock:
            if self._endpoint is endpoint:  # another thread may have found the next one
                self._endpoint = None


def _check_protocol(version: Json) -> None:
    spoken = version.get("protocol")
    if spoken == PROTOCOL:
        return
    older = "service" if isinstance(spoken, int) and spoken < PROTOCOL else "host's add-on"
    raise WrongVersion(
        f"the running sam2-roto service (version {version.get('version')}) speaks protocol {spoken} and this host's "
        f"add-on {PROTOCOL}; update the {older}, and end the service that runs (process {version.get('pid')})"
    )
