"""From stored masklets to mattes, frame by frame."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from sam2_roto.mattes import MatteRecipe
from sam2_roto.mattes.scene import Picture
from sam2_roto.mattes.stream import Shown, apply_along
from sam2_roto.tracking.objects import ObjectFrame
from sam2_roto.tracking.source import FrameSource

View = NDArray[np.uint8]


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
    masklets: Masklets,
    frames: Sequence[int],
    names: Sequence[str],
    recipe: MatteRecipe,
    size: tuple[int, int],
    footage: FrameSource | None = None,
    start: int = 0,
) -> Generator[FrameMattes]:
    """Derive the mattes of ``frames``, in their order; ``size`` is that of the plate, ``(H, W)``.

    Those before the place ``start`` are looked at by the steps over time, and not given.

    Steps of the recipe look at ``footage``, and at frames on either side (``recipe.radius``); memory holds these and no
    more. Masklets are read no earlier than that, so that a tracker may still be at work on those that follow. Without
    footage the steps that need it leave the mattes as they are.
    """
    views = footage.views(frames) if footage is not None and recipe.plate else None
    try:
        for shown, alphas in apply_along(recipe, _shown(masklets, frames, names, views), size, start):
            mattes = {name: alpha.cpu().numpy() for name, alpha in alphas.items()}
            yield FrameMattes(shown.frame, mattes, dict(shown.logits))
    finally:
        if isinstance(views, Generator):
            views.close()  # lets go of the threads that decode ahead


def single_frame_mattes(
    masklets: Masklets,
    frames: Sequence[int],
    names: Sequence[str],
    recipe: MatteRecipe,
    size: tuple[int, int],
    frame: int,
    footage: FrameSource | None = None,
) -> FrameMattes:
    """The mattes of one of ``frames``, the same as those that :func:`frame_mattes` gives for it."""
    place = frames.index(frame)
    first = max(0, place - recipe.radius)
    around = frames[first : place + recipe.radius + 1]
    with closing(frame_mattes(masklets, around, names, recipe, size, footage, place - first)) as made:
        return next(made)


def _shown(
    masklets: Masklets, frames: Sequence[int], names: Sequence[str], views: Iterator[tuple[int, View]] | None
) -> Iterator[Shown]:
    """What is seen of the objects on each frame, with the plate where it is wanted."""
    for frame in frames:
        found = {name: masklets.read(name, frame) for name in names}
        logits = {name: result.logits for name, result in found.items() if result and result.present}
        yield Shown(frame, logits, None if views is None else Picture(next(views)[1]))
