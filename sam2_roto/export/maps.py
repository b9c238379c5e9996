"""Pictures about a matte rather than of it: trimaps for matting programs, and how sure the network was."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from sam2_roto.errors import ExportError
from sam2_roto.mattes.distance import signed_distance

UNKNOWN = 0.5
"""The value of a trimap where matting shall decide; 128 of 255 once it is written."""


def trimap(alpha: Tensor, inner: float, outer: float) -> Tensor:
    """Surely inside (1), surely outside (0), and a band between (0.5): float32 ``[..., H, W]``.

    Args:
        alpha: float ``[..., H, W]``, 0 to 1.
        inner, outer: how far the band reaches inwards and outwards from the 0.5 contour, in pixels. Partly covered
            pixels beyond it belong to it too.

    Raises ExportError where the band has no width.
    """
    if inner < 0 or outer < 0 or inner + outer <= 0:
        raise ExportError(f"A trimap's band of {inner:g} and {outer:g} px is not possible: give widths above 0.")
    flat = alpha.float().reshape(-1, *alpha.shape[-2:])
    maps = [_trimap(matte, inner, outer) for matte in flat]
    return torch.stack(maps).reshape(alpha.shape)


def confidence(logits: Tensor, size: tuple[int, int]) -> Tensor:
    """How sure the network was of each pixel, whatever it decided: float32 ``[..., H, W]``, 0 to 1.

    ``|2p - 1|`` for the probability p of the logit, which is ``|tanh(logit / 2)|``; 0 lies on the edge. An absent
    object (logits of -1024) is a sure one.

    Args:
        logits: ``[..., h, w]``, any float type.
        size: ``(H, W)`` of the plate.
    """
    flat = logits.float().reshape(-1, 1, *logits.shape[-2:])
    large = F.interpolate(flat, size=size, mode="bilinear", align_corners=False)
    return torch.tanh(large / 2).abs().reshape(*logits.shape[:-2], *size)


def _trimap(alpha: Tensor, inner: float, outer: float) -> Tensor:
    known = ((alpha <= 0) | (alpha >= 1)).float()
    sure = (alpha > 0.5).float()
    if sure.min() != sure.max():
        distance = signed_distance(alpha, max(inner, outer) + 1)
        known = known * ((distance > inner) | (distance < -outer))
    return torch.where(known > 0, sure, torch.full_like(sure, UNKNOWN))
