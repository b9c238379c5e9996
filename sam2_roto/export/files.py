"""Files that appear whole or not at all."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from compositing.errors import OutputError

_SUFFIX = ".part"


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A hidden name in the same folder to write to; it becomes ``path`` when the block ends well, else it is removed.

    The hidden name ends in ``.part``, so that nothing takes it for a finished picture. An OSError on the way becomes
    an OutputError that names ``path``.
    """
    hidden = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}{_SUFFIX}")
    try:
        yield hidden
        os.replace(hidden, path)
    except OSError as error:
        raise OutputError(
            f"{path} cannot be written ({_reason(error)}); check the folder and the space left."
        ) from error
    finally:
        hidden.unlink(missing_ok=True)


def make_folder(folder: Path) -> None:
    """Create the folder and those above it. Raises OutputError where that is impossible."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"The folder {folder} cannot be made ({_reason(error)}); choose another one.") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OutputError(f"The folder {folder} may not be written to; change its permissions or choose another one.")


def remove_leftovers(folder: Path, prefix: str) -> None:
    """Delete the hidden files of ``prefix`` that a killed run left in the folder."""
    for hidden in folder.glob(f".{prefix}*{_SUFFIX}"):
        hidden.unlink(missing_ok=True)


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).rstrip(".").lower()
