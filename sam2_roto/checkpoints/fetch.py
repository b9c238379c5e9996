"""Download of published weights: resumable, and put in place only when the SHA-256 agrees."""

from __future__ import annotations

import http.client
import re
import urllib.error
import urllib.request
from pathlib import Path
from typing import IO, Protocol

from sam2_roto.checkpoints.cache import find, place
from sam2_roto.checkpoints.published import EMBEDDED, Published, published
from sam2_roto.checkpoints.verify import hash_file
from sam2_roto.errors import CheckpointError
from sam2_roto.job import Progress

TIMEOUT = 30.0
"""Seconds without a byte after which a connection counts as lost."""

_BLOCK = 1 << 20
_RANGE_NOT_SATISFIABLE = 416


class _Response(Protocol):
    """What is used of the answer to a request."""

    status: int
    headers: http.client.HTTPMessage

    def read(self, amount: int) -> bytes: ...


def fetch(name: str, progress: Progress | None = None) -> Path:
    """Path of the weights of the model ``name`` in the cache, downloaded first where they are not there.

    Raises ``ModelError`` for an unknown name, ``CheckpointError`` where the address cannot be reached, the connection
    breaks, or the file is not the published one. What has come stays in a ``.part`` file, and the next call goes on
    from there.
    """
    here = find(name)
    if here is not None:
        return here
    if name == EMBEDDED:
        raise CheckpointError(f"the weights of {name} are missing from the installed package; install it again")
    return download(published(name), place(name), progress)


def download(entry: Published, target: Path, progress: Progress | None = None) -> Path:
    """Download ``entry`` to ``target``; see ``fetch``."""
    part = target.with_name(target.name + ".part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with part.open("ab") as file:
            _receive(entry, file, progress)
        _check(entry, part)
        part.replace(target)
    except (urllib.error.URLError, http.client.HTTPException, ConnectionError, TimeoutError) as error:
        raise _unreachable(entry, target, error) from error
    except OSError as error:
        raise CheckpointError(f"{target} cannot be written ({error.strerror or error})") from error
    return target


def _receive(entry: Published, file: IO[bytes], progress: Progress | None) -> None:
    """Append to ``file`` what is missing of it; start it anew where the server does not send from the middle."""
    done = file.tell()
    if done >= entry.size:
        return
    request = urllib.request.Request(entry.url, headers={"Range": f"bytes={done}-"} if done else {})
    try:
        response = urllib.request.urlopen(request, timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == _RANGE_NOT_SATISFIABLE:
            file.truncate(0)  # the part is longer than the file at the address, and could never be continued
        raise
    with response:
        if done and not _continues(response, done):
            file.truncate(0)
            done = 0
        _copy(entry, response, file, done, progress)


def _continues(response: _Response, done: int) -> bool:
    found = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
    return response.status == http.client.PARTIAL_CONTENT and found is not None and int(found[1]) == done


def _copy(entry: Published, response: _Response, file: IO[bytes], done: int, progress: Progress | None) -> None:
    while block := _read(response):
        file.write(block)
        done += len(block)
        if progress:
            progress(f"fetch {entry.name}", done, entry.size)
    if done < entry.size:
        raise http.client.IncompleteRead(b"", entry.size - done)


def _read(response: _Response) -> bytes:
    try:
        return response.read(_BLOCK)
    except OSError as error:
        # Told apart from an error in writing, which is an OSError too.
        raise http.client.IncompleteRead(b"") from error


def _check(entry: Published, part: Path) -> None:
    found = hash_file(part)
    if found == entry.sha256:
        return
    part.unlink()
    raise CheckpointError(
        f"what came from {entry.url} is not the published {entry.name} (SHA-256 {found[:12]}… where"
        f" {entry.sha256[:12]}… belongs) and was deleted; fetch it again"
    )


def _unreachable(entry: Published, target: Path, error: Exception) -> CheckpointError:
    if isinstance(error, http.client.IncompleteRead):
        return CheckpointError(f"the connection to {entry.url} broke off; fetch {entry.name} again to go on from there")
    reason = error.reason if type(error) is urllib.error.URLError else error
    return CheckpointError(
        f"{entry.name} is not on this machine and {entry.url} cannot be reached ({reason});"
        f" download it elsewhere and put it at {target}"
    )
