"""Listening on the loopback address, and telling clients of the same user where."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from os import getpid
from typing import Any

import uvicorn

from sam2_roto import __version__
from sam2_roto.errors import ServiceError

from .app import make_app
from .runtime import announce, new_token, private_folder, sole, withdraw
from .service import Service
from .settings import PROTOCOL, Settings

_KEEP_ALIVE = 75
"""Seconds that a connection stays open between two requests."""

_LAST_WORDS = 3
"""Seconds in which answers have to be read when the service ends."""


def serve(settings: Settings, ready: Callable[[dict[str, Any]], None]) -> None:
    """Run a service until it is told to end, or is idle; ``ready`` is told its address when it listens.

    Raises ServiceError where another one runs, or the port is taken.
    """
    private_folder(settings.runtime)
    private_folder(settings.state)
    with ExitStack() as stack:
        stack.enter_context(sole(settings.runtime))
        if settings.state.resolve() != settings.runtime.resolve():
            stack.enter_context(sole(settings.state))
        listening = stack.enter_context(_listen(settings))
        service = Service(settings)
        _log_to(settings)
        token, port = new_token(), listening.getsockname()[1]
        address = {
            "host": settings.host,
            "port": port,
            "pid": getpid(),
            "token": token,
            "version": __version__,
            "protocol": PROTOCOL,
            "started": datetime.now(UTC).isoformat(timespec="seconds"),
        }

        def began() -> None:
            announce(settings.runtime, address)
            ready(address)
            threading.Thread(target=_warm_up).start()

        app = make_app(service, token, began=began, ended=lambda: withdraw(settings.runtime))
        server = uvicorn.Server(
            uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                server_header=False,
                http="h11",
                ws="none",
                timeout_keep_alive=_KEEP_ALIVE,
                timeout_graceful_shutdown=_LAST_WORDS,
            )
        )
        service.on_end = lambda: setattr(server, "should_exit", True)
        server.run(sockets=[listening])


def _listen(settings: Settings) -> socket.socket:
    """A socket that listens. Raises ServiceError where the port is taken."""
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listening.bind((settings.host, settings.port))
        listening.listen(256)
    except OSError as error:
        listening.close()
        raise ServiceError(
            f"the service cannot listen on {settings.host}:{settings.port} ({error.strerror}); give another --port"
        ) from error
    return listening


def _log_to(settings: Settings) -> None:
    """Keep what goes wrong in a file, for a service that a program started has no terminal."""
    handler = RotatingFileHandler(settings.logs / "service.txt", maxBytes=1 << 20, backupCount=1, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(name)s %(levelname)s %(message)s"))
    for name in ("sam2_roto.service", "uvicorn"):
        logging.getLogger(name).addHandler(handler)
        logging.getLogger(name).setLevel(logging.INFO)


def _warm_up() -> None:
    """Import what the first prompt will need, while no one waits for it."""
    from . import prompting  # noqa: F401
