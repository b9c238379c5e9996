"""Choke, dilate, feather and soften: the edge of a matte moved and widened by exact amounts, in plate pixels."""

from __future__ import annotations

import math
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from sam2_roto.mattes.borders import extended
from sam2_roto.mattes.distance import edge_box, signed_distance
from sam2_roto.mattes.scene import changing_box

Profile = Literal["linear", "smooth"]


def feather(alpha: Tensor, inner: float, outer: float, *, profile: Profile = "linear") -> Tensor:
    """Widen the edge: alpha falls from 1 at ``inner`` pixels inside the 0.5 contour to 0 at ``outer`` pixels outside.

    Args:
        alpha: float ``[..., H, W]``, 0 to 1.
        inner, outer: widths in pixels, 0 or more, exact to 0.25 px; together at least the one that antialiasing needs.
        profile: ``linear``, or ``smooth`` for a ramp with a soft start and end.

    Returns:
        float32 ``[..., H, W]``. The frame's border is no edge: a matte that touches it stays 1 up to it, and an edge
        that leaves the frame is widened as if it went straight on.
    """
    return reshape_edge(alpha, inner=inner, outer=outer, profile=profile)


def choke(alpha: Tensor, pixels: float) -> Tensor:
    """Move the edge inwards by ``pixels`` (outwards where negative: dilate); its width becomes one pixel."""
    return reshape_edge(alpha, choke=pixels)


def soften(alpha: Tensor, sigma: float) -> Tensor:
    """Blur alpha ``[..., H, W]`` by a gaussian of standard deviation ``sigma`` pixels, cut at 3 sigma.

    Beyond the frame's border its last pixels go on, so that a matte that touches it stays 1 up to it.
    """
    if sigma < 0:
        raise ValueError(f"sigma must be 0 or more, got {sigma}")
    reach = math.ceil(3 * sigma)
    if reach == 0:
        return alpha.float()
    place = torch.arange(-reach, reach + 1, device=alpha.device, dtype=torch.float32)
    kernel = torch.exp(-0.5 * (place / sigma) ** 2)
    kernel /= kernel.sum()
    flat = alpha.float().reshape(-1, *alpha.shape[-2:])
    return torch.stack([_soften_single(matte, kernel, reach) for matte in flat]).reshape(alpha.shape)


def _soften_single(alpha: Tensor, kernel: Tensor, reach: int) -> Tensor:
    box = changing_box(alpha, reach)
    if box is None:
        return alpha
    x0, y0, x1, y1 = box
    part = F.pad(alpha[None, None, y0:y1, x0:x1], (reach, reach, reach, reach), mode="replicate")
    columns = F.conv2d(part, kernel.view(1, 1, -1, 1))
    blurred = alpha.clone()
    blurred[y0:y1, x0:x1] = F.conv2d(columns, kernel.view(1, 1, 1, -1))[0, 0].clamp_(0, 1)
    return blurred


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
    margin = math.ceil(reach) + 1
    box = edge_box(alpha, margin)
    if box is None:
        return alpha
    if 0 in box[:2] or box[2] == alpha.shape[1] or box[3] == alpha.shape[0]:
        box = edge_box(alpha, 3 * margin) or box  # room for edges that go on beyond the frame
    x0, y0, x1, y1 = box
    distance = _distance(alpha, box, reach)
    ramp = distance.sub_(centre).div_(width).add_(0.5).clamp_(0, 1)
    shaped = (alpha > 0.5).float()
    shaped[y0:y1, x0:x1] = ramp * ramp * (3 - 2 * ramp) if profile == "smooth" else ramp
    return shaped


def _distance(alpha: Tensor, box: tuple[int, int, int, int], reach: float) -> Tensor:
    """Signed distance within ``box``, to edges that go on beyond the frame."""
    x0, y0, x1, y1 = box
    (height, width), margin = alpha.shape, math.ceil(reach) + 1
    part = alpha[y0:y1, x0:x1]
    at_border = (x0 == 0, y0 == 0, x1 == width, y1 == height)
    lines = (part[:, 0], part[0], part[:, -1], part[-1])
    left, top, right, bottom = sides = tuple(
        at and bool(((line > 0.5) != (line[0] > 0.5)).any()) for at, line in zip(at_border, lines, strict=True)
    )
    distance = signed_distance(extended(part, margin, (left, top, right, bottom)) if any(sides) else part, reach)
    x, y = margin * left, margin * top
    return distance[y : y + part.shape[0], x : x + part.shape[1]]
