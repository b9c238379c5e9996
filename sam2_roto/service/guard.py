"""What every request has to pass before it is looked at: host, origin, token and size.

A page in a browser can reach this machine's loopback address, by DNS rebinding too. It cannot send the token, its
requests carry an Origin, and the Host of a rebound name is not this machine's: each of the three alone stops it.
"""

from __future__ import annotations

import asyncio
import hmac
import json
from collections.abc import Sequence

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .faults import Refused, told
from .settings import HOSTS

PATIENCE = 30.0
"""Seconds in which a request's body has to arrive."""

DRAINED = 16
"""Times the largest body that is read and dropped, so that who sends too much can hear why it was refused."""


class Guard:
    """ASGI middleware. It reads bodies whole before anything else sees them."""

    def __init__(self, app: ASGIApp, token: str, origins: Sequence[str], largest: int) -> None:
        self._app, self._token = app, token.encode()
        self._origins, self._largest = frozenset(origins), largest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request through, or answer it."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})  # there are none
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        origin = headers.get("origin")
        try:
            self._check_place(headers, origin)
            if scope["method"] == "OPTIONS" and origin is not None:
                await _answer(send, 204, b"", _allowed(origin))
                return
            self._check_token(headers)
            body = await asyncio.wait_for(self._body(headers, receive), PATIENCE)
        except Refused as error:
            await _refuse(send, error, origin if origin in self._origins else None)
        except TimeoutError:
            await _refuse(send, Refused(408, "malformed", "the request's body did not arrive; send it at once"), None)
        else:
            await self._app(scope, _replayed(body, receive), _crossing(send, origin) if origin else send)

    def _check_place(self, headers: Headers, origin: str | None) -> None:
        host, colon, port = headers.get("host", "").rpartition(":")
        name = host if colon and port.isdigit() else headers.get("host", "")
        if name.lower() not in HOSTS:
            raise Refused(403, "origin", f"the host '{name}' is not this machine; call 127.0.0.1")
        if origin is not None and origin not in self._origins:
            raise Refused(403, "origin", f"the origin '{origin}' may not call; allow it with 'serve --allow-origin'")

    def _check_token(self, headers: Headers) -> None:
        given = headers.getlist("authorization")
        scheme, _, token = given[0].partition(" ") if len(given) == 1 else ("", "", "")
        if scheme.lower() != "bearer" or not hmac.compare_digest(token.strip().encode(), self._token):
            raise Refused(401, "unauthorised", "the token is missing or wrong; read it from service.json")

    async def _body(self, headers: Headers, receive: Receive) -> bytes:
        """All of the body, of which no more is read than may be sent, whatever its length is said to be."""
        said = headers.get("content-length", "0")
        if not (said.isascii() and said.isdigit()):
            raise Refused(400, "malformed", "the length of the body is no number")
        drained = self._largest * DRAINED
        if int(said[:20]) > drained:
            raise self._too_large()
        parts, size = [], 0
        while True:
            message = await receive()
            if message["type"] != "http.request":
                raise Refused(400, "malformed", "the request ended before its body did")
            size += len(message.get("body", b""))
            if size <= self._largest:
                parts.append(message.get("body", b""))
            more = message.get("more_body", False)
            if size > (drained if more else self._largest):
                raise self._too_large()
            if not more:
                return b"".join(parts)

    def _too_large(self) -> Refused:
        return Refused(413, "too_large", f"the body is over {self._largest} bytes; send less at a time")


def _replayed(body: bytes, receive: Receive) -> Receive:
    """``receive`` that gives the body that was read, and then what comes after it."""
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return waiting.pop() if waiting else await receive()

    return replay


def _crossing(send: Send, origin: str) -> Send:
    """``send`` that tells a browser that the page of an allowed origin may read the answer."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", []), *_allowed(origin)]
        await send(message)

    return sending


def _allowed(origin: str) -> list[tuple[bytes, bytes]]:
    return [
        (b"access-control-allow-origin", origin.encode("latin-1")),
        (b"access-control-allow-methods", b"GET, POST, PATCH, DELETE"),
        (b"access-control-allow-headers", b"authorization, content-type"),
        (b"vary", b"origin"),
    ]


async def _refuse(send: Send, error: Refused, origin: str | None) -> None:
    headers = [(b"content-type", b"application/json"), *(_allowed(origin) if origin else [])]
    if error.status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    if error.status in (408, 413):
        headers.append((b"connection", b"close"))  # the rest of the body is not read
    await _answer(send, error.status, json.dumps(told(error.kind, str(error))).encode(), headers)


async def _answer(send: Send, status: int, body: bytes, headers: list[tuple[bytes, bytes]]) -> None:
    if status != 204:
        headers = [*headers, (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
