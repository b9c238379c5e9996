"""Writing that outlives a killed process and a power cut: synced files, atomic replacement, a lock for one writer."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import IO

from sam2_roto.errors import ShotError

HIDDEN = ".part"
"""Ending of a file that is being written; one that is found later was never finished."""


def write_whole(path: Path, data: bytes) -> None:
    """``path`` holds ``data`` whole, or what it held before; ShotError where the disk refuses."""
    hidden = path.with_name(f".{path.name}.{secrets.token_hex(4)}{HIDDEN}")
    try:
        with hidden.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(hidden, path)
        sync_folder(path.parent)
    except OSError as error:
        hidden.unlink(missing_ok=True)
        raise refused(path, error) from error


def keep(folder: Path, data: bytes, suffix: str) -> str:
    """Keep ``data`` under the digest of its content, and give the digest; what is there already is not rewritten."""
    digest = sha256(data).hexdigest()[:32]
    path = folder / f"{digest}{suffix}"
    if not path.exists():
        write_whole(path, data)
    return digest


def sync_folder(folder: Path) -> None:
    """Make the names in ``folder`` durable, where the system can do that."""
    if os.name == "nt":  # folders cannot be opened there, and need not be
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextlib.contextmanager
def claimed(path: Path) -> Iterator[IO[bytes]]:
    """Hold the lock file ``path`` while the block runs; the system lets go of it when the process ends, however.

    Raises ShotError where another process holds it.
    """
    try:
        file = path.open("ab")
    except OSError as error:
        raise refused(path, error) from error
    with file:
        try:
            _lock(file)
        except OSError as error:
            if error.errno not in (errno.EACCES, errno.EAGAIN, errno.EDEADLK):
                raise refused(path, error) from error
            raise ShotError(f"{path.parent} is open in another program; close it there first") from error
        yield file


def refused(path: Path, error: OSError) -> ShotError:
    """The sentence for a disk that did not take a file."""
    return ShotError(f"{path} cannot be written: {error.strerror}; check the folder's permissions and the space left")


if os.name == "nt":
    import msvcrt

    def _lock(file: IO[bytes]) -> None:
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]

else:
    import fcntl

    def _lock(file: IO[bytes]) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
