"""The teacher's eye: masks that it answers clicks, boxes and earlier masks with, picture by picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from sam2_roto.checkpoints.load import load_weights
from sam2_roto.model import SAM2, ImageFeatures, build_model
from sam2_roto.precision import multiplies_bfloat16
from sam2_roto.training.data import normalise
from sam2_roto.training.lessons import MASK_SIDE, SIDE, Lesson, are_things
from sam2_roto.training.teacher.weights import TEACHER

Array = npt.NDArray[Any]
Rng = np.random.Generator

GRID = 4
"""Clicks per side of the picture that the teacher is asked."""
SUREST, STABLE, ALIKE = 0.7, 0.85, 0.7
"""Masks are kept from this predicted IoU and stability on, unless they overlap a better one by this IoU."""
OFFSET = 1.0
LARGEST, SMALLEST = 0.7, 0.002


class Teacher:
    """A published model that looks at pictures."""

    def __init__(self, weights: Path, device: torch.device) -> None:
        """Load it. Raises CheckpointError where the file does not hold it."""
        self.device, self._mixed = device, multiplies_bfloat16(device)
        self.model: SAM2 = build_model(TEACHER, SIDE)
        load_weights(self.model, weights, TEACHER)
        self.model.eval().to(device)

    @torch.inference_mode()
    def look(self, picture: Array, rng: Rng) -> Lesson:
        """The lesson of a picture uint8 [512, 512, 3]."""
        points = torch.from_numpy(jittered_grid(rng)).to(self.device)
        labels = torch.ones(points.shape[:2], dtype=torch.int32, device=self.device)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self._mixed):
            top, features = self._see(picture, len(points))
            answer = self.model.decode(top, features, (points, labels), None, True)
        masks = best_masks(answer.logits.float().flatten(0, 1), answer.iou.float().flatten()).cpu().numpy()
        return Lesson(picture, top[0].half().cpu().numpy(), masks, are_things(masks))

    @torch.inference_mode()
    def again(self, picture: Array, logits: Tensor) -> Tensor:
        """Where objects are on a picture uint8 [512, 512, 3] that are about at ``logits`` [R, 1, 128, 128]."""
        rows = logits.to(self.device)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self._mixed):
            top, features = self._see(picture, len(rows))
            answer = self.model.decode(top, features, boxes_of(rows), rows, False)
        return answer.logits.float().cpu()

    @torch.inference_mode()
    def within(self, picture: Array, masks: Array) -> Array:
        """The thing in the box round each of masks bool [K, 256, 256] on a picture uint8 [512, 512, 3]: the same."""
        boxes = boxes_of(torch.from_numpy(masks)[:, None].float().to(self.device))
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self._mixed):
            top, features = self._see(picture, len(masks))
            answer = self.model.decode(top, features, boxes, None, False)
        size = (MASK_SIDE, MASK_SIDE)
        shown = F.interpolate(answer.logits.float(), size=size, mode="bilinear", align_corners=False)
        return np.asarray((shown[:, 0] > 0).cpu().numpy())

    def _see(self, picture: Array, rows: int) -> tuple[Tensor, ImageFeatures]:
        """What the decoder reads of a picture, for so many rows of prompts."""
        pixels = torch.from_numpy(picture).permute(2, 0, 1)[None].to(self.device)
        features = self.model.encode_image(normalise(pixels))
        top = self.model.condition(features.top, None).expand(rows, -1, -1, -1)
        return top, ImageFeatures(*(level.expand(rows, -1, -1, -1) for level in features))


def boxes_of(logits: Tensor) -> tuple[Tensor, Tensor]:
    """Boxes round masks of logits [R, 1, h, w], as the prompt encoder takes them: corners [R, 2, 2] and labels."""
    height, width = logits.shape[-2:]
    corners = []
    for mask in logits[:, 0] > 0:
        rows, columns = (torch.nonzero(mask.any(dim=axis)).flatten() for axis in (1, 0))
        ends = (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1) if len(rows) else (0, 0, width, height)
        corners.append([[float(ends[0]), float(ends[1])], [float(ends[2]), float(ends[3])]])
    scale = torch.tensor([SIDE / width, SIDE / height])
    labels = torch.tensor([[2, 3]]).repeat(len(logits), 1)
    return (torch.tensor(corners) * scale).to(logits.device), labels.to(logits.device)


def jittered_grid(rng: Rng, side: int = GRID) -> Array:
    """Points float32 [side * side, 1, 2] (x, y), one in each cell of a grid over the picture."""
    cells = np.stack(np.meshgrid(np.arange(side), np.arange(side)), axis=-1).reshape(-1, 1, 2)
    return np.asarray(((cells + rng.random(cells.shape)) * SIDE / side).astype(np.float32))


def best_masks(logits: Tensor, iou: Tensor) -> Tensor:
    """Of candidates with logits [N, S, S] and predicted IoU [N], those worth learning: bool [K, 256, 256].

    They are sure, stable against a shifted threshold, neither specks nor nearly everything, and unlike one another.
    """
    inner = (logits > OFFSET).sum(dim=(1, 2)).float()
    outer = (logits > -OFFSET).sum(dim=(1, 2)).float().clamp(min=1)
    share = outer / logits[0].numel()
    good = (iou > SUREST) & (inner / outer > STABLE) & (share < LARGEST) & (share > SMALLEST)
    order = torch.nonzero(good).flatten()
    order = order[iou[order].argsort(descending=True)]
    if not len(order):
        return torch.zeros(0, MASK_SIDE, MASK_SIDE, dtype=torch.bool, device=logits.device)
    size = (MASK_SIDE, MASK_SIDE)
    shown = F.interpolate(logits[order][None], size=size, mode="bilinear", align_corners=False)[0] > 0
    flat = shown.flatten(1).float()
    common = flat @ flat.T
    areas = flat.sum(dim=1)
    overlap = common / (areas[:, None] + areas[None] - common).clamp(min=1)
    kept: list[int] = []
    for index in range(len(order)):
        if all(overlap[index, other] < ALIKE for other in kept):
            kept.append(index)
    return shown[kept]
