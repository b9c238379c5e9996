"""What the artist says about an object on one frame, in pixels of the plate."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from sam2_roto.errors import PromptError
from sam2_roto.model import PointLabel

XY = tuple[float, float]


@dataclass(frozen=True)
class FramePrompt:
    """Clicks and a box, or a mask, for one object on one frame."""

    points: tuple[tuple[float, float, bool], ...] = ()
    """Clicks as (x, y, positive)."""
    box: tuple[float, float, float, float] | None = None
    """Left, top, right and bottom edge."""
    mask: NDArray[np.bool_] | None = field(default=None, compare=False)
    """``[H, W]`` at the plate's size; taken as it is, so it stands alone."""
    guess: Tensor | None = field(default=None, compare=False)
    """What clicks may mean: logits ``[S/4, S/4]`` over what the network sees, which a first answer refines."""

    def __post_init__(self) -> None:
        if not self.points and self.box is None and self.mask is None:
            raise PromptError("a prompt needs a click, a box or a mask")
        if self.mask is not None and (self.points or self.box is not None):
            raise PromptError("a mask prompt cannot be mixed with clicks or a box on the same frame; give one of them")

    def plus(self, other: FramePrompt) -> FramePrompt:
        """This prompt with the clicks of ``other`` added; its box or mask replaces ours."""
        if other.mask is not None or self.mask is not None:
            return other
        return replace(self, points=self.points + other.points, box=other.box or self.box)

    def check(self, width: int, height: int, who: str) -> None:
        """Raise PromptError where the prompt does not lie on a plate of ``width`` × ``height`` pixels."""
        for x, y, _ in self.points:
            if not (0 <= x < width and 0 <= y < height):
                raise PromptError(f"the click {x:g},{y:g} {who} lies outside the plate of {width}×{height} pixels")
        if self.box is not None:
            x0, y0, x1, y1 = self.box
            if x0 >= width or y0 >= height or x1 <= 0 or y1 <= 0:
                raise PromptError(f"the box {who} lies outside the plate of {width}×{height} pixels")
        if self.mask is not None and self.mask.shape != (height, width):
            found = f"{self.mask.shape[1]}×{self.mask.shape[0]}"
            raise PromptError(
                f"the mask {who} is {found} pixels, but the plate is {width}×{height}; give one of its size"
            )

    def tokens(self, width: int, height: int, image_size: int) -> tuple[Tensor, Tensor]:
        """Coordinates ``[1, P, 2]`` in network pixels and labels ``[1, P]``; the box's corners come first."""
        coords: list[XY] = []
        labels: list[int] = []
        if self.box is not None:
            coords += [self.box[:2], self.box[2:]]
            labels += [PointLabel.BOX_START, PointLabel.BOX_END]
        for x, y, positive in self.points:
            coords.append((x, y))
            labels.append(PointLabel.POSITIVE if positive else PointLabel.NEGATIVE)
        scale = torch.tensor([image_size / width, image_size / height])
        return (torch.tensor(coords) * scale)[None], torch.tensor(labels)[None]

    @property
    def ambiguous(self) -> bool:
        """True where three candidate masks are worth asking for: a single click."""
        return len(self.points) + 2 * (self.box is not None) <= 1


def square_mask(mask: NDArray[np.bool_], image_size: int) -> Tensor:
    """Resize a plate's mask ``[H, W]`` to network input ``[1, 1, S, S]`` of zeros and ones, as published."""
    full = torch.from_numpy(np.ascontiguousarray(mask)).float()[None, None]
    size = (image_size, image_size)
    small = F.interpolate(full, size=size, mode="bilinear", align_corners=False, antialias=True)
    return (small >= 0.5).float()
