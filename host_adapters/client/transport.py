"""One request to the service and its answer: HTTP on the loopback interface, a connection each, no proxy."""

from __future__ import annotations

from .errors import Refused, TimedOut

TYPE_CHECKING = False  # importing typing takes longer than importing this client
if TYPE_CHECKING:
    import http.client
    from collections.abc import Iterator, Mapping
    from typing import Any


def join_path(*parts: str | int) -> str:
    """A path of the interface, each part quoted: a name may hold anything."""
    from urllib.parse import quote

    return "".join("/" + quote(str(part), safe="") for part in parts)


def join_query(path: str, query: Mapping[str, object] | None) -> str:
    """The path with what is not None in ``query``."""
    from urllib.parse import urlencode

    said = {name: value for name, value in (query or {}).items() if value is not None}
    return f"{path}?{urlencode(said)}" if said else path


def exchange(endpoint: Mapping[str, Any], method: str, path: str, body: object, timeout: float) -> tuple[int, bytes]:
    """Send one request and give status and body of the answer. Raises OSError and HTTPException as they come."""
    connection, response = _send(endpoint, method, path, body, timeout)
    try:
        return response.status, response.read()
    finally:
        connection.close()


def stream(endpoint: Mapping[str, Any], path: str, timeout: float) -> Iterator[dict[str, Any]]:
    """The events of a path as they come, until the service ends them; silence for ``timeout`` seconds is an OSError."""
    import json

    connection, response = _send(endpoint, "GET", path, None, timeout)
    try:
        if response.status != 200:
            raise refusal(response.status, response.read())
        for line in response:
            if line.startswith(b"data:"):
                yield json.loads(line[5:])
    finally:
        connection.close()


def refusal(status: int, body: bytes) -> Refused:
    """The error that an answer tells of."""
    import json

    try:
        error = json.loads(body)["error"]
        return Refused(str(error["message"]), str(error["kind"]), status)
    except (ValueError, KeyError, TypeError):  # no answer of ours: a proxy, another program, a crash
        return Refused(f"the service answered with status {status} and no reason", "internal", status)


def timed_out(method: str, path: str, timeout: float) -> TimedOut:
    """The error of an answer that did not come."""
    return TimedOut(f"the sam2-roto service gave no answer to {method} {path} in {timeout:g} s; try again later")


def _send(
    endpoint: Mapping[str, Any], method: str, path: str, body: object, timeout: float
) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
    import contextlib
    import http.client
    import json
    import os

    headers = {"Authorization": f"Bearer {endpoint['token']}", "Connection": "close"}
    payload = None
    if body is not None:
        payload = json.dumps(body, default=os.fspath).encode()
        headers["Content-Type"] = "application/json"
    connection = http.client.HTTPConnection(endpoint["host"], endpoint["port"], timeout=timeout)
    try:
        # A service that refuses a body before it has read it all has answered all the same.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            connection.request(method, path, payload, headers)
        return connection, connection.getresponse()
    except BaseException:
        connection.close()
        raise
