"""Is a weights file, byte for byte, the one that was published?"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

from sam2_roto.checkpoints.cache import find, place
from sam2_roto.checkpoints.published import published
from sam2_roto.errors import CheckpointError
from sam2_roto.job import Progress

_BLOCK = 4 << 20


def hash_file(path: Path, seen: Callable[[int], None] | None = None) -> str:
    """SHA-256 of a file, in hexadecimal; ``seen(bytes)`` is called as reading goes on."""
    digest = hashlib.sha256()
    done = 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
            done += len(block)
            if seen:
                seen(done)
    return digest.hexdigest()


def verify(name: str, path: Path | None = None, progress: Progress | None = None) -> Path:
    """Compare a file (by default the one in the cache) with the published SHA-256 of the model ``name``.

    Returns its path; raises ``CheckpointError`` where it is absent, unreadable or differs.
    """
    entry = published(name)
    path = path or find(name)
    if path is None:
        raise CheckpointError(f"{name} is not here; 'sam2-roto models fetch {name}' puts it at {place(name)}")

    def report(done: int) -> None:
        if progress:
            progress(f"verify {name}", done, entry.size)

    try:
        found = hash_file(path, report)
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read ({error.strerror or error})") from error
    if found != entry.sha256:
        raise CheckpointError(
            f"{path} is not the published {name} (SHA-256 {found[:12]}… where {entry.sha256[:12]}… belongs);"
            " delete it and fetch it again"
        )
    return path
