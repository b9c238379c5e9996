"""Segment everything: candidate objects of a picture from a grid of clicks, as published for SAM and SAM 2.

Every point of a regular grid is answered by three masks. Those of low predicted IoU or low stability are dropped, and
of masks with nearly the same box only the best is kept (non-maximum suppression). Crops, where asked for, repeat this
on overlapping parts of the picture, for small objects. The thresholds are the published ones (SAM, arXiv:2304.02643,
appendix B; SAM 2's automatic mask generator).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from sam2_roto.boxes import box_of
from sam2_roto.image import ImagePredictor
from sam2_roto.job import Progress, silent
from sam2_roto.mattes.alpha import Size
from sam2_roto.model import SAM2

Crop = tuple[int, int, int, int]
"""Left, top, right and bottom edge, in pixels of the picture."""

EDGE_TOLERANCE = 20
"""A box this near to its crop's edge, but not to the picture's, is taken as cut off by the crop."""


@dataclass(frozen=True)
class Everything:
    """Settings of the pass; the defaults are the published ones."""

    points_per_side: int = 32
    points_per_batch: int = 64
    iou: float = 0.8
    """Predicted IoU that a mask must exceed."""
    stability: float = 0.95
    """Least stability score."""
    offset: float = 1.0
    """Logits above and below zero between which a stable mask does not change."""
    box_iou: float = 0.7
    """Boxes that overlap more than this are the same object."""
    crop_layers: int = 0
    """Layer n repeats the pass on 2^n × 2^n crops."""
    crop_box_iou: float = 0.7
    """The same between crops."""
    crop_overlap: float = 512 / 1500
    """Overlap of the crops of the first layer, as a part of the picture's shorter side."""
    crop_points_factor: int = 1
    """In layer n the grid's side is divided by this to the power of n."""

    def __post_init__(self) -> None:
        if min(self.points_per_side, self.points_per_batch, self.crop_points_factor) < 1 or self.crop_layers < 0:
            raise ValueError("points and factors must be 1 or more, crop layers 0 or more")

    def side(self, layer: int) -> int:
        """Points along a side of the grid in a layer of crops."""
        return max(1, int(self.points_per_side / self.crop_points_factor**layer))


class Proposal(NamedTuple):
    """One candidate object."""

    mask: NDArray[np.bool_]
    """``[h, w]``, the part of the picture within ``box``."""
    box: Crop
    """Left, top, right and bottom edge of the mask."""
    iou: float
    """Predicted IoU."""
    stability: float
    """IoU of the masks at logits above +offset and above -offset."""
    point: tuple[float, float]
    """The click that gave it, x and y in pixels of the picture."""
    crop: Crop
    """The part of the picture that the network saw."""

    @property
    def area(self) -> int:
        """Pixels of the mask."""
        return int(np.count_nonzero(self.mask))

    def full(self, size: Size) -> NDArray[np.bool_]:
        """The mask on the whole picture ``(H, W)``."""
        whole = np.zeros(size, np.bool_)
        left, top, right, bottom = self.box
        whole[top:bottom, left:right] = self.mask
        return whole

    def covers(self, x: float, y: float) -> bool:
        """Whether the mask holds the pixel at x, y of the picture."""
        column, row = int(x) - self.box[0], int(y) - self.box[1]
        inside = 0 <= row < self.mask.shape[0] and 0 <= column < self.mask.shape[1]
        return inside and bool(self.mask[row, column])


def segment_everything(
    model: SAM2,
    view: NDArray[np.uint8],
    settings: Everything | None = None,
    progress: Progress = silent,
) -> list[Proposal]:
    """Candidate objects of a display-referred picture, uint8 RGB ``[H, W, 3]``, by predicted IoU, best first.

    At most one batch of low-resolution logits and one mask at the picture's size are held at a time. ``progress`` is
    told the clicks that were answered. Raises PromptError where the picture is not uint8 RGB [H, W, 3].
    """
    settings = settings or Everything()
    size = (view.shape[0], view.shape[1])
    predictor = ImagePredictor(model)
    found: list[Proposal] = []
    crops = crop_boxes(size, settings.crop_layers, settings.crop_overlap)
    grids = [point_grid(settings.side(layer)) for _, layer in crops]
    done, total = 0, sum(map(len, grids))
    for (crop, _), grid in zip(crops, grids, strict=True):
        left, top, right, bottom = crop
        predictor.set_image(np.ascontiguousarray(view[top:bottom, left:right]))
        inside: list[Proposal] = []
        for begin in range(0, len(grid), settings.points_per_batch):
            batch = grid[begin : begin + settings.points_per_batch]
            inside += _of_crop(predictor, crop, size, batch, settings)
            progress("suggest", done := done + len(batch), total)
        kept = suppress([p.box for p in inside], [p.iou for p in inside], settings.box_iou)
        found += [inside[index] for index in kept]
    if settings.crop_layers:
        smallness = [1 / ((p.crop[2] - p.crop[0]) * (p.crop[3] - p.crop[1])) for p in found]
        found = [found[index] for index in suppress([p.box for p in found], smallness, settings.crop_box_iou)]
    return sorted(found, key=lambda proposal: -proposal.iou)


def pick(proposals: Sequence[Proposal], x: float, y: float) -> Proposal | None:
    """The smallest proposal under the pointer, for a preview while it hovers; None where there is none."""
    return min((proposal for proposal in proposals if proposal.covers(x, y)), key=lambda p: p.area, default=None)


def point_grid(side: int) -> NDArray[np.float64]:
    """``[side², 2]`` x and y, 0..1, at the centres of a regular grid's cells, row by row."""
    centres = (np.arange(side) + 0.5) / side
    columns, rows = np.meshgrid(centres, centres)
    return np.stack([columns.ravel(), rows.ravel()], axis=1)


def crop_boxes(size: Size, layers: int, overlap: float) -> list[tuple[Crop, int]]:
    """Crops and their layers: the whole picture, then 2^n × 2^n overlapping parts of it for each layer n."""
    height, width = size
    boxes: list[tuple[Crop, int]] = [((0, 0, width, height), 0)]
    for layer in range(1, layers + 1):
        count = 2**layer
        shared = int(overlap * min(size) * 2 / count)
        wide, tall = (math.ceil((shared * (count - 1) + length) / count) for length in (width, height))
        lefts, tops = ([int((length - shared) * step) for step in range(count)] for length in (wide, tall))
        boxes += [((x, y, min(x + wide, width), min(y + tall, height)), layer) for x, y in product(lefts, tops)]
    return boxes


def stability_score(logits: Tensor, offset: float) -> Tensor:
    """IoU ``[...]`` of the masks of logits ``[..., H, W]`` above +offset and above -offset; 0 where both are empty."""
    inner = (logits > offset).sum(dim=(-1, -2))
    outer = (logits > -offset).sum(dim=(-1, -2))
    return inner / outer.clamp(min=1)


def suppress(boxes: Sequence[Crop], scores: Sequence[float], most: float) -> list[int]:
    """Indices of the boxes that remain, best score first, when those that overlap a better one too much are dropped.

    As published, right and bottom are the last pixel inside the box, and areas go from pixel centre to pixel centre.
    """
    if not boxes:
        return []
    corners = np.array(boxes, np.float64) - (0, 0, 1, 1)
    areas = (corners[:, 2] - corners[:, 0]) * (corners[:, 3] - corners[:, 1])
    order = np.argsort(-np.array(scores), kind="stable")
    kept: list[int] = []
    while order.size:
        first, rest = order[0], order[1:]
        kept.append(int(first))
        low, high = np.maximum(corners[first, :2], corners[rest, :2]), np.minimum(corners[first, 2:], corners[rest, 2:])
        shared = np.prod((high - low).clip(0, None), axis=1)
        total = areas[first] + areas[rest] - shared
        overlap = np.divide(shared, total, out=np.zeros_like(shared), where=total > 0)
        order = rest[overlap <= most]
    return kept


def _of_crop(
    predictor: ImagePredictor, crop: Crop, size: Size, places: NDArray[np.float64], settings: Everything
) -> Iterator[Proposal]:
    """Proposals that clicks at ``places [P, 2]``, 0..1 of a crop, give: those that are sure, stable and not cut off."""
    points = places * (crop[2] - crop[0], crop[3] - crop[1])
    logits, iou = predictor.predict_each(points)
    for row, candidate in torch.nonzero(iou > settings.iou).tolist():
        proposal = _proposal(logits[row, candidate], crop, size, settings)
        if proposal is not None:
            x, y = (float(value) for value in points[row])
            yield proposal._replace(iou=float(iou[row, candidate]), point=(crop[0] + x, crop[1] + y))


def _proposal(logits: Tensor, crop: Crop, size: Size, settings: Everything) -> Proposal | None:
    """The candidate of low-resolution logits, or None where it is unstable, empty or cut off."""
    wide, tall = crop[2] - crop[0], crop[3] - crop[1]
    full = F.interpolate(logits[None, None].float(), size=(tall, wide), mode="bilinear", align_corners=False)[0, 0]
    stability = float(stability_score(full, settings.offset))
    mask = (full > 0).cpu().numpy()
    within = box_of(mask)
    if stability < settings.stability or within is None:
        return None
    left, top, right, bottom = within
    box = (crop[0] + left, crop[1] + top, crop[0] + right, crop[1] + bottom)
    if _cut_off(box, crop, size):
        return None
    return Proposal(mask[top:bottom, left:right].copy(), box, 0.0, stability, (0.0, 0.0), crop)


def _cut_off(box: Crop, crop: Crop, size: Size) -> bool:
    """Whether a box ends at its crop's edge where the picture goes on."""
    whole = (0, 0, size[1], size[0])
    last = (*box[:2], box[2] - 1, box[3] - 1)
    return any(
        abs(value - edge) <= EDGE_TOLERANCE < abs(value - border)
        for value, edge, border in zip(last, crop, whole, strict=True)
    )
