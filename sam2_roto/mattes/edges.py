"""Choke, dilate and feather: the edge of a matte moved and widened by exact amounts, in plate pixels."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor

from sam2_roto.mattes.distance import edge_box, signed_distance

Profile = Literal["linear", "smooth"]


def feather(alpha: Tensor, inner: float, outer: float, *, profile: Profile = "linear") -> Tensor:
    """Widen the edge: alpha falls from 1 at ``inner`` pixels inside the 0.5 contour to 0 at ``outer`` pixels outside.

    Args:
        alpha: float ``[..., H, W]``, 0 to 1.
        inner, outer: widths in pixels, 0 or more, exact to 0.25 px; together at least the one that antialiasing needs.
        profile: ``linear``, or ``smooth`` for a ramp with a soft start and end.

    Returns:
        float32 ``[..., H, W]``. The frame's border is no edge: a matte that touches it stays 1 up to it.
    """
    return reshape_edge(alpha, inner=inner, outer=outer, profile=profile)


def choke(alpha: Tensor, pixels: float) -> Tensor:
    """Move the edge inwards by ``pixels`` (outwards where negative: dilate); its width becomes one pixel."""
    return reshape_edge(alpha, choke=pixels)


def reshape_edge(
    alpha: Tensor, *, choke: float = 0.0, inner: float = 0.0, outer: float = 0.0, profile: Profile = "linear"
) -> Tensor:
    """Choke, then feather, on one signed distance field; arguments and result as in those two."""
    if inner < 0 or outer < 0:
        raise ValueError(f"feather widths must be 0 or more, got {inner} and {outer}")
    flat = alpha.float().reshape(-1, *alpha.shape[-2:])
    shaped = torch.stack([_reshape_single(matte, choke, inner, outer, profile) for matte in flat])
    return shaped.reshape(alpha.shape)


def _reshape_single(alpha: Tensor, choke: float, inner: float, outer: float, profile: Profile) -> Tensor:
    centre, width = choke + (inner - outer) / 2, max(1.0, inner + outer)
    reach = abs(centre) + width / 2 + 1
    box = edge_box(alpha, math.ceil(reach) + 1)
    if box is None:
        return alpha
    x0, y0, x1, y1 = box
    distance = signed_distance(alpha[y0:y1, x0:x1], reach)
    ramp = distance.sub_(centre).div_(width).add_(0.5).clamp_(0, 1)
    shaped = (alpha > 0.5).float()
    shaped[y0:y1, x0:x1] = ramp * ramp * (3 - 2 * ramp) if profile == "smooth" else ramp
    return shaped
