"""Alpha that keeps what the logits say about fractions: soft hair, motion blur, glass.

The zero contour alone calls every pixel in or out. But a cell of the network's grid that is covered in part gets a
logit near zero, so σ(logit) is a measured coverage. The matte here is one whose mean over every cell is that coverage,
found from the sharp contour by iterative back-projection (Irani & Peleg 1991): where a sharp edge explains the cells
the edge stays sharp, and only what it cannot explain becomes soft.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from sam2_roto.mattes.alpha import Size, alpha_from_logits

Box = tuple[int, int, int, int]

SURE = 6.0
"""The logit that an object's core is expected to reach; below it the network is taken to be underconfident."""

_MOST_GAIN = 4.0
_FLOOR = 0.02  # coverage this near to 0 or 1 counts as 0 or 1
_FAINT = 0.2  # coverage that something must reach, or it is taken to be haze
_PART = 0.05  # coverage this far from 0 and 1 is partial

_NEAR = 3
"""Cells outside of the contour within which a logit tells coverage. Farther out one just below zero is a network's
doubt, and would become a ghost of the ground beside an animal's legs."""


def confidence_gain(logits: Tensor) -> float:
    """The factor, 1 to 4, that brings the core of an object (the upper tenth of its positive logits) to ``SURE``.

    Large models say 10 and more inside an object, small ones 2; without the factor their cores would be transparent.
    """
    inside = logits[logits > 0].float()
    if not inside.numel():
        return 1.0
    place = max(1, round(0.9 * inside.numel()))
    core = float(inside.kthvalue(place).values)
    return min(max(SURE / core, 1.0), _MOST_GAIN)


def coverage_from_logits(logits: Tensor) -> Tensor:
    """How much of each cell of ``[h, w]`` the object covers: float32, exactly 0 and 1 away from its edge."""
    share = torch.sigmoid(logits.float() * confidence_gain(logits))
    share = ((share - _FLOOR) / (1 - 2 * _FLOOR)).clamp_(0, 1)
    inside = (logits > 0).float()
    return share * torch.maximum(inside, _nearness(inside))


def _nearness(inside: Tensor) -> Tensor:
    """1 up to ``_NEAR`` cells from the ones of a mask ``[h, w]``, 0 two cells farther out."""
    near = F.max_pool2d(inside[None, None], 2 * _NEAR + 3, 1, _NEAR + 1)
    return F.avg_pool2d(near, 3, 1, 1, count_include_pad=False)[0, 0]


def fractional_alpha(
    logits: Tensor, size: Size, *, rounds: int = 2, edge_width: float = 1.0, knee: float = 8.0
) -> Tensor:
    """Alpha with sharp edges where they explain the logits, and fractions where they do not.

    Args:
        logits: ``[..., h, w]``, as in :func:`~sam2_roto.mattes.alpha.alpha_from_logits`, with its two settings.
        size: ``(H, W)`` of the plate in pixels.
        rounds: of back-projection; 0 gives the sharp edge alone.

    Returns:
        float32 ``[..., H, W]``, 0 to 1.
    """
    alpha = alpha_from_logits(logits, size, edge_width=edge_width, knee=knee)
    if not rounds:
        return alpha
    flat = logits.reshape(-1, *logits.shape[-2:])
    for single, row in zip(alpha.view(-1, *size), flat, strict=True):
        _take_up(single, coverage_from_logits(row), rounds)
    return alpha


def cell_size(logits: Tensor, size: Size) -> float:
    """The side of a cell of the logits' grid in plate pixels, the geometric mean of the two axes."""
    return float((size[0] * size[1] / (logits.shape[-2] * logits.shape[-1])) ** 0.5)


def _take_up(alpha: Tensor, coverage: Tensor, rounds: int) -> None:
    """Make alpha ``[H, W]`` what ``coverage`` ``[h, w]`` says, in place."""
    coverage = _held_together(coverage)
    spread = _spread(coverage)
    if bool(spread.any()):
        size = alpha.shape
        soft, share = F.interpolate(torch.stack([coverage, spread])[None], size=size, mode="bilinear")[0]
        alpha += share * (soft - alpha)
    _project(alpha, coverage, rounds)


def _held_together(coverage: Tensor) -> Tensor:
    """Coverage ``[h, w]`` without haze: what is faint counts where it is one piece with something that is not."""
    count, labels = cv2.connectedComponents((coverage > 0).cpu().numpy().astype(np.uint8))
    pieces = torch.from_numpy(labels).to(coverage.device, torch.int64)
    most = torch.zeros(count, device=coverage.device).scatter_reduce_(0, pieces.ravel(), coverage.ravel(), "amax")
    return torch.where(most[pieces] > _FAINT, coverage, 0.0)


def _spread(coverage: Tensor) -> Tensor:
    """Where coverage ``[h, w]`` is partial over more cells than a sharp edge passes through, 0 to 1.

    Of three cells by three a line meets five at most.
    """
    partial = ((coverage > _PART) & (coverage < 1 - _PART)).float()
    count = 9 * F.avg_pool2d(partial[None, None], 3, 1, 1, count_include_pad=False)[0, 0]
    return ((count - 5) / 3).clamp_(0, 1)


def _project(alpha: Tensor, coverage: Tensor, rounds: int) -> None:
    """Correct alpha ``[H, W]`` in place until its means over the cells are near ``coverage`` ``[h, w]``."""
    cells = _cells(coverage, alpha.shape[-2:])
    if cells is None:
        return
    (top, bottom, left, right), (height, width) = cells, alpha.shape
    rows, columns = _means(height, coverage.shape[0], alpha.device), _means(width, coverage.shape[1], alpha.device)
    y0, y1 = _pixels(top, bottom, coverage.shape[0], height)
    x0, x1 = _pixels(left, right, coverage.shape[1], width)
    part, rows, columns = alpha[y0:y1, x0:x1], rows[top:bottom, y0:y1], columns[left:right, x0:x1]
    target = coverage[top:bottom, left:right]
    for _ in range(rounds):
        lacking = target - rows @ part @ columns.T
        part += F.interpolate(lacking[None, None], size=part.shape, mode="bilinear", align_corners=False)[0, 0]
        part.clamp_(0, 1)


def _cells(coverage: Tensor, size: torch.Size) -> Box | None:
    """The cells (top, bottom, left, right) round all that are covered in part, snapped so that they hold whole ones."""
    partial = (coverage > 0) & (coverage < 1)
    edge = F.max_pool2d(coverage[None, None], 3, 1, 1) + F.max_pool2d(-coverage[None, None], 3, 1, 1) > 0
    marked = F.max_pool2d((partial | edge[0, 0]).float()[None, None], 3, 1, 1)[0, 0] > 0
    rows, columns = marked.any(1).nonzero(), marked.any(0).nonzero()
    if not rows.numel() or min(size) < 2:
        return None
    return int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1


def _pixels(start: int, stop: int, cells: int, pixels: int) -> tuple[int, int]:
    return start * pixels // cells, -(-stop * pixels // cells)


@lru_cache(maxsize=32)
def _means(pixels: int, cells: int, device: torch.device) -> Tensor:
    """The matrix ``[cells, pixels]`` of means over cells, pixels on a boundary counted in part."""
    edges = torch.arange(cells + 1, dtype=torch.float64) * pixels / cells  # on the CPU: Metal has no float64
    position = torch.arange(pixels, dtype=torch.float64)
    low = torch.maximum(edges[:-1, None], position[None])
    high = torch.minimum(edges[1:, None], position[None] + 1)
    shared = (high - low).clamp(min=0)
    return (shared / shared.sum(1, keepdim=True)).float().to(device)
