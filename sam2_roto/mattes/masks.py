"""Hard masks of several objects from their logits, as the published model reports them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from sam2_roto.mattes.alpha import Size


def object_masks(logits: Tensor | Sequence[Tensor], size: Size, *, exclusive: bool = False) -> Tensor:
    """Masks ``[N, H, W]`` bool of N objects at plate resolution: logits upsampled bilinearly, then > 0.

    Args:
        logits: ``[N, h, w]``, any float type; an absent object is all -1024. Or N of ``[h, w]``: grids differ where an
            object was followed in a window.
        size: ``(H, W)`` of the plate.
        exclusive: whether a pixel belongs to one object at most, the one of the highest logit there (the earlier one
            where they are equal), as the published model is evaluated on DAVIS. Otherwise objects may overlap.
    """
    if not len(logits):
        return torch.zeros(0, *size, dtype=torch.bool)
    highest = torch.zeros(size, device=logits[0].device)
    masks = torch.empty(len(logits), *size, dtype=torch.bool, device=logits[0].device)
    for index, row in enumerate(logits):
        upsampled = F.interpolate(row[None, None].float(), size=size, mode="bilinear", align_corners=False)[0, 0]
        masks[index] = upsampled > (highest if exclusive else 0)
        if exclusive:
            masks[:index] &= ~masks[index]
            highest = torch.maximum(highest, upsampled)
    return masks
