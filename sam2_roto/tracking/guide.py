"""The last mask, carried along by optical flow: a prior that the decoder reads as it reads a mask prompt.

A small network that has seen little of the world follows texture better when it is told where the mask should be by
now. The published models were not trained with this; ``nano`` was.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from compositing.flow import gray
from sam2_roto.model import Prediction

from .leap import Motion, Shift, leapt, measured
from .source import FrameSource

View = npt.NDArray[np.uint8]

LIMIT = 10.0
"""Carried logits lie in -LIMIT..LIMIT."""

NEIGHBOURHOOD, TOLERANCE = 5, 0.2
"""Detail is what averages out over so many cells; means of coverage further apart than this are another opinion."""

LOOK_BACK = 3
"""Frames within which an object that was given up is still looked for where it was."""

FINENESS = 2
"""A pass measures motion on pictures so many times the side of the network's input, by the quick search: that is nearer
the truth than the slow one at the input's size, and no dearer."""


def motion(here: npt.NDArray[Any], there: npt.NDArray[Any], cells: int) -> Tensor:
    """How the picture ``here`` lies in ``there``, both uint8 ``[S, S]``: float32 ``[3, cells, cells]``.

    The offsets (x, y) in cells, and the trust in them, 0..1.
    """
    return in_cells(measured(here, there), cells)


def in_cells(found: Motion, cells: int) -> Tensor:
    """A motion on a grid of ``cells``, as ``motion`` gives it."""
    size, scale = (cells, cells), cells / len(found.trust)
    offsets = cv2.resize(found.offsets, size, interpolation=cv2.INTER_AREA) * np.float32(scale)
    trusted = cv2.resize(found.trust, size, interpolation=cv2.INTER_AREA)
    return torch.from_numpy(np.dstack((offsets, trusted))).permute(2, 0, 1)


def carry(logits: Tensor, moved: Tensor) -> Tensor:
    """``logits [B, 1, H, W]`` of the frame that ``moved [B or 1, 3, H, W]`` (see ``motion``) points to, as seen here.

    Doubtful places are drawn to 0, which says nothing.
    """
    height, width = logits.shape[-2:]
    rows = torch.arange(height, device=logits.device, dtype=torch.float32)[:, None]
    columns = torch.arange(width, device=logits.device, dtype=torch.float32)
    x = (columns + moved[:, 0] + 0.5) * (2.0 / width) - 1.0
    y = (rows + moved[:, 1] + 0.5) * (2.0 / height) - 1.0
    grid = torch.stack((x, y), dim=-1).expand(len(logits), -1, -1, -1)
    known = logits.float().clamp(-LIMIT, LIMIT)
    carried = F.grid_sample(known, grid, mode="bilinear", padding_mode="border", align_corners=False)
    return carried * moved[:, 2:]


def keep_detail(seen: Prediction, carried: Tensor | None, drawn: Sequence[bool]) -> Prediction:
    """What is ``seen`` of objects, with the detail of the logits ``carried [B, 1, H, W]``, if any are.

    A small network draws what is thinner than its features as a blob; motion keeps its shape. Detail is taken where
    both agree about the neighbourhood, of the objects that a person has ``drawn``: of those that the network began
    itself it would keep the faults.
    """
    if carried is None or not any(drawn):
        return seen
    apart = _around(seen.logits.sigmoid()) - _around(carried.sigmoid())
    weight = (-(apart / TOLERANCE).square()).exp()
    wanted = torch.tensor(drawn, device=carried.device) & (seen.score > 0)
    detailed = torch.lerp(seen.logits.clamp(-LIMIT, LIMIT), carried, weight)
    return seen._replace(logits=torch.where(wanted.view(-1, 1, 1, 1), detailed, seen.logits))


def _around(coverage: Tensor) -> Tensor:
    return F.avg_pool2d(coverage, NEIGHBOURHOOD, stride=1, padding=NEIGHBOURHOOD // 2, count_include_pad=False)


class Guide:
    """Measures how each frame of a pass lies in those before it; keeps their small pictures."""

    def __init__(self, source: FrameSource, image_size: int, cells: int) -> None:
        self._source, self._size, self._cells = source, FINENESS * image_size, cells
        self._seen: dict[int, npt.NDArray[Any]] = {}

    def see(self, frame: int, view: View) -> None:
        """Keep the picture ``view`` of ``frame``, to be pointed from and, by the next ones, to."""
        self._seen.pop(frame, None)
        self._seen[frame] = self._gray(view)
        while len(self._seen) > LOOK_BACK + 1:
            del self._seen[next(iter(self._seen))]

    def toward(
        self, behind: int, frame: int, masks: Tensor, guesses: Sequence[Sequence[Shift]], anew: View | None = None
    ) -> Tensor:
        """Where what lies under masks on frame ``behind`` comes from on ``frame``: float32 ``[B, 3, cells, cells]``.

        Args:
            behind, frame: the latter was seen before.
            masks: logits ``[B, h, w]`` on ``behind``, on the CPU.
            guesses: for each, how far it may have moved.
            anew: the picture of ``behind`` where it has to be looked at from another place than it was.
        """
        here, there = self._seen[frame], self._behind(behind, anew)
        flow = measured(here, there, quick=True)
        coverage = masks.float().sigmoid().numpy()
        moved = [leapt(here, there, flow, *each) for each in zip(coverage, guesses, strict=True)]
        return torch.stack([in_cells(found, self._cells) for found in moved])

    def _behind(self, frame: int, anew: View | None) -> npt.NDArray[Any]:
        if anew is not None:
            return self._gray(anew)
        return self._seen[frame] if frame in self._seen else self._gray(self._source.view(frame))

    def _gray(self, view: View) -> npt.NDArray[Any]:
        return gray(cv2.resize(view, (self._size, self._size), interpolation=cv2.INTER_AREA))
