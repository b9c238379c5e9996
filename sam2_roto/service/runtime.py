"""The runtime folder: one service at a time, and the file by which clients of the same user find it.

lock           held while the service runs; the system lets go of it when the process ends, however
service.json   address, process, version and token; readable by the user alone
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sam2_roto.errors import ServiceError, ShotError
from sam2_roto.shot.durable import claimed

ADDRESS = "service.json"
_LOCK = "lock"

PATIENCE = 5.0
"""Seconds to wait for a service that has withdrawn its address already, and is about to end."""


def new_token() -> str:
    """A secret of 256 bits, in letters that need no quoting."""
    return secrets.token_urlsafe(32)


def private_folder(folder: Path) -> Path:
    """The folder, made where it is absent, that no other user may write in. Raises ServiceError."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.stat()
    except OSError as error:
        raise ServiceError(f"the folder {folder} cannot be made: {error.strerror}; choose another") from error
    if os.name == "nt":  # folders below the user's own are private there
        return folder
    if found.st_uid != os.getuid():
        raise ServiceError(f"the folder {folder} belongs to another user; choose one of your own")
    if stat.S_IMODE(found.st_mode) & 0o022:
        raise ServiceError(f"others may write in {folder}; give 'chmod 700' to it, or choose another folder")
    return folder


@contextlib.contextmanager
def sole(folder: Path) -> Iterator[None]:
    """Be the one service of this folder while the block runs. Raises ServiceError where another one is."""
    until = time.monotonic() + PATIENCE
    with contextlib.ExitStack() as stack:
        while True:
            try:
                stack.enter_context(claimed(folder / _LOCK))
                break
            except ShotError as error:
                if read_address(folder) is not None or time.monotonic() > until:
                    raise ServiceError(_told(folder)) from error
                time.sleep(0.1)
        yield


def announce(folder: Path, address: dict[str, Any]) -> None:
    """Write ``service.json``, whole and for the user's eyes alone. Raises ServiceError."""
    path = folder / ADDRESS
    hidden = folder / f".{ADDRESS}.{secrets.token_hex(4)}"
    try:
        handle = os.open(hidden, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(handle, "w", encoding="utf-8") as file:
            json.dump(address, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(hidden, path)
    except OSError as error:
        hidden.unlink(missing_ok=True)
        raise ServiceError(f"{path} cannot be written: {error.strerror}; check the folder") from error


def withdraw(folder: Path) -> None:
    """Remove ``service.json``, if it is this process's."""
    if (found := read_address(folder)) and found.get("pid") == os.getpid():
        (folder / ADDRESS).unlink(missing_ok=True)


def read_address(folder: Path) -> dict[str, Any] | None:
    """What ``service.json`` says; ``None`` where there is none, or it makes no sense. Its service may have died."""
    try:
        found = json.loads((folder / ADDRESS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _told(folder: Path) -> str:
    found = read_address(folder) or {}
    where = f" on port {found['port']}, process {found['pid']}" if {"port", "pid"} <= set(found) else ""
    return f"a service runs in {folder} already{where}; use that one, or end it with 'sam2-roto serve --stop'"
