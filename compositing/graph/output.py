"""What every kind of output offers to a render, and what written files tell of their plate."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Protocol

from compositing.errors import OutputError
from compositing.image import Image


def _no_timecode(_frame: int) -> str | None:
    return None


@dataclass(frozen=True)
class Identity:
    """What pictures carry over from their plate: rate, pixel aspect, timecode by frame, and further notes as text."""

    rate: Fraction | None = None
    pixel_aspect: float = 1.0
    timecode: Callable[[int], str | None] = _no_timecode
    notes: Mapping[str, str] = field(default_factory=dict)


class Output(Protocol):
    """Where rendered frames go. ``workers`` threads may call ``write`` at once; with one, frames come in order."""

    workers: int

    def has(self, frame: int) -> bool:
        """Whether the frame is there already, whole and from the same graph, so that it need not be rendered."""
        ...

    def write(self, frame: int, image: Image) -> None:
        """Write one frame. Raises OutputError where the disk or the picture does not allow it."""
        ...

    def close(self) -> list[Path]:
        """Finish, and give the files."""
        ...

    def abandon(self) -> None:
        """Leave nothing half-written."""
        ...


def make_folder(folder: Path) -> None:
    """Create the folder and those above it. Raises OutputError where that is impossible, or it may not be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"The folder {folder} cannot be made ({error.strerror}); choose another one.") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OutputError(f"The folder {folder} may not be written to; change its permissions or choose another one.")
