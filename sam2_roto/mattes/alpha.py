"""Alpha at plate resolution from the network's low-resolution logits.

The network answers with logits on a coarse grid (a quarter of its square input), whatever the shape of the plate.
Thresholding their upsampled image gives stairs. Here the edge is the zero contour of the uniform cubic B-spline surface
(curvature-continuous, and never overshooting) over the logits, and each pixel gets its coverage from its distance to
that contour:

    distance ≈ L / |∇L|   in plate pixels (first order, as for implicit surfaces: Taubin 1994)
    alpha    = clip(0.5 + distance / edge_width, 0, 1)
"""

from __future__ import annotations

from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

Size = tuple[int, int]
Box = tuple[int, int, int, int]

_FLAT = 1e-3  # slope per pixel below which a surface has no edge, so that flat logits are all in or all out
_NEAR = 0.5  # logits this close to zero may cross it between the grid points


def alpha_from_logits(logits: Tensor, size: Size, *, edge_width: float = 1.0, knee: float = 8.0) -> Tensor:
    """Turn logits into alpha with sub-pixel, antialiased edges.

    Args:
        logits: ``[..., h, w]``, any float type, any range (an absent object is all -1024), sampled as by
            ``align_corners=False``; h / H and w / W may differ.
        size: ``(H, W)`` of the plate in pixels.
        edge_width: width of the ramp from 0 to 1 across the edge, in plate pixels; 1 is the coverage of a pixel.
        knee: logits are bent to ±knee by tanh, so that a confident neighbour does not pull the contour; 0 leaves them.

    Returns:
        float32 ``[..., H, W]`` on the logits' device: 0 outside, 1 inside, between them only along the contour.

    Raises:
        ValueError: a size or width that is not positive.
    """
    if min(*size, *logits.shape[-2:]) < 1 or edge_width <= 0:
        raise ValueError(f"sizes and edge width must be positive, got {tuple(logits.shape)}, {size}, {edge_width}")
    flat = bend(logits.reshape(-1, *logits.shape[-2:]), knee)
    alpha = torch.stack([_single_alpha(surface, size, edge_width) for surface in flat])
    return alpha.reshape(*logits.shape[:-2], *size)


def mask_from_logits(logits: Tensor, size: Size) -> Tensor:
    """The published model's own mask: logits upsampled bilinearly to the plate, then > 0. bool ``[..., H, W]``."""
    flat = logits.reshape(-1, 1, *logits.shape[-2:]).float()
    upsampled = F.interpolate(flat, size=size, mode="bilinear", align_corners=False)
    return (upsampled > 0).reshape(*logits.shape[:-2], *size)


def bend(logits: Tensor, knee: float) -> Tensor:
    """Logits bent smoothly into ±knee, small ones as they are; float32. A knee of 0 leaves them all."""
    return knee * torch.tanh(logits.float() / knee) if knee > 0 else logits.float()


def upsample_box(surface: Tensor, size: Size, box: Box) -> Tensor:
    """The spline surface over ``[h, w]`` at the plate pixels of ``box`` (x0, y0, x1, y1): ``[y1 - y0, x1 - x0]``."""
    x0, y0, x1, y1 = box
    (h, w), (height, width) = surface.shape, size
    top, bottom = _support(y0, y1, h, height)
    left, right = _support(x0, x1, w, width)
    vertical = _spline_weights(height, h, surface.device)[y0:y1, top:bottom]
    horizontal = _spline_weights(width, w, surface.device)[x0:x1, left:right]
    return vertical @ surface[top:bottom, left:right] @ horizontal.T


def _single_alpha(surface: Tensor, size: Size, edge_width: float) -> Tensor:
    box = _edge_box(surface, size)
    alpha = _fill(surface, size, box)
    if box is not None:
        x0, y0, x1, y1 = box
        values = upsample_box(surface, size, box)
        distance = values * _inverse_slope(values)
        alpha[y0:y1, x0:x1] = distance.mul_(1 / edge_width).add_(0.5).clamp_(0, 1)
    return alpha


def _edge_box(surface: Tensor, size: Size) -> Box | None:
    """The plate pixels round every place where the surface may cross zero, or None where it never does."""
    window = surface[None, None]
    highest = F.max_pool2d(window, 5, stride=1, padding=2)[0, 0]
    lowest = -F.max_pool2d(-window, 5, stride=1, padding=2)[0, 0]
    mixed = (highest > -_NEAR) & (lowest < _NEAR)
    rows, columns = mixed.any(1).nonzero(), mixed.any(0).nonzero()
    if rows.numel() == 0:
        return None
    (h, w), (height, width) = surface.shape, size
    x0, x1 = int(columns[0]) * width // w, -(-(int(columns[-1]) + 1) * width // w)
    y0, y1 = int(rows[0]) * height // h, -(-(int(rows[-1]) + 1) * height // h)
    return x0, y0, x1, y1


def _fill(surface: Tensor, size: Size, box: Box | None) -> Tensor:
    """Alpha away from every edge, where the nearest logit decides; the box itself is left to be overwritten."""
    inside = surface > 0
    if not bool(inside.any()):
        return torch.zeros(size, device=surface.device)
    if box is not None and not bool(_outside(inside, size, box).any()):
        return torch.zeros(size, device=surface.device)
    return F.interpolate(inside[None, None].float(), size=size, mode="nearest-exact")[0, 0]


def _outside(inside: Tensor, size: Size, box: Box) -> Tensor:
    (h, w), (height, width) = inside.shape, size
    x0, y0, x1, y1 = box
    away = inside.clone()
    away[-(-y0 * h // height) : y1 * h // height, -(-x0 * w // width) : x1 * w // width] = False
    return away


def _inverse_slope(values: Tensor) -> Tensor:
    """1 / |gradient| of ``[h, w]`` per pixel by central differences, bounded where the surface is flat."""
    squared = torch.full_like(values, _FLAT**2)
    if values.shape[0] > 1:
        step = values[2:] - values[:-2]
        squared[1:-1].addcmul_(step, step, value=0.25)
        squared[0] += (values[1] - values[0]) ** 2
        squared[-1] += (values[-1] - values[-2]) ** 2
    if values.shape[1] > 1:
        step = values[:, 2:] - values[:, :-2]
        squared[:, 1:-1].addcmul_(step, step, value=0.25)
        squared[:, 0] += (values[:, 1] - values[:, 0]) ** 2
        squared[:, -1] += (values[:, -1] - values[:, -2]) ** 2
    return squared.rsqrt_()


def _support(start: int, stop: int, cells: int, pixels: int) -> tuple[int, int]:
    """The cells that the spline at pixels ``start`` to ``stop`` may read."""
    return max(0, start * cells // pixels - 3), min(cells, (stop * cells) // pixels + 4)


@lru_cache(maxsize=32)
def _spline_weights(pixels: int, cells: int, device: torch.device) -> Tensor:
    """The matrix ``[pixels, cells]`` of the cubic B-spline, edge cells repeated outwards (``align_corners=False``)."""
    position = (torch.arange(pixels, dtype=torch.float64) + 0.5) * cells / pixels - 0.5  # Metal has no float64
    base = position.floor()
    weights = torch.zeros(pixels, cells, dtype=torch.float64)
    for offset in range(-1, 3):
        cell = base + offset
        index = cell.clamp(0, cells - 1).long()[:, None]
        weights.scatter_add_(1, index, _spline((position - cell).abs())[:, None])
    return weights.float().to(device)


def _spline(distance: Tensor) -> Tensor:
    """The cubic B-spline kernel at a distance of 0 to 2 cells."""
    near = (4 - 6 * distance**2 + 3 * distance**3) / 6
    return torch.where(distance < 1, near, (2 - distance).clamp(min=0) ** 3 / 6)
