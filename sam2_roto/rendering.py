"""From stored masklets to mattes, frame by frame."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from sam2_roto.mattes import MatteRecipe
from sam2_roto.tracking.objects import ObjectFrame


@dataclass(frozen=True)
class Rendered:
    """The files that were written, and the frames on which an object is not seen."""

    mattes: tuple[Path, ...]
    previews: tuple[Path, ...]
    absent: dict[str, tuple[int, ...]]


class Masklets(Protocol):
    """What mattes are made from; ``MaskletStore`` is one."""

    def read(self, name: str, frame: int) -> ObjectFrame | None:
        """One object's result on one frame."""
        ...


class FrameMattes(NamedTuple):
    """The mattes of one frame, float32 ``[H, W]``, and the logits they come from; absent objects are left out."""

    frame: int
    mattes: dict[str, NDArray[np.float32]]
    logits: dict[str, Tensor]


def frame_mattes(
    masklets: Masklets, frames: Sequence[int], names: Sequence[str], recipe: MatteRecipe, size: tuple[int, int]
) -> Iterator[FrameMattes]:
    """Derive the mattes of ``frames``, in their order; ``size`` is that of the plate, ``(H, W)``.

    Masklets are read no earlier than they are needed, so that a tracker may still be at work on those that follow.
    """
    for frame in frames:
        found = {name: masklets.read(name, frame) for name in names}
        logits = {name: result.logits for name, result in found.items() if result and result.present}
        yield FrameMattes(frame, {name: recipe.apply(rows, size).numpy() for name, rows in logits.items()}, logits)


def stem(path: Path) -> str:
    """The footage's name without number and ending: ``plate.1001.exr`` and ``plate.%04d.exr`` give ``plate``."""
    name = path.name if path.is_dir() else path.stem
    return re.sub(r"[._-]?(\d+|%0?\d*d|#+|\*)$", "", name) or "plate"
