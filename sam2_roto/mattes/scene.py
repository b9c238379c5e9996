"""What a step of a recipe may look at besides the matte itself: the plate, and the frames round it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from weakref import WeakKeyDictionary

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

FLOW_SIDE = 640
"""Motion is measured on a plate whose longer side has at most this many pixels."""


class Picture:
    """A plate as people see it, uint8 RGB ``[H, W, 3]``, with what is derived from it when it is asked for."""

    def __init__(self, view: NDArray[np.uint8], device: torch.device | None = None) -> None:
        self.view, self.device = view, device
        self._flows: WeakKeyDictionary[Picture, Tensor] = WeakKeyDictionary()  # else plates would keep one another

    def planes(self, box: tuple[int, int, int, int]) -> Tensor:
        """The part within ``box`` (x0, y0, x1, y1) as float32 ``[3, h, w]``, 0 to 1."""
        x0, y0, x1, y1 = box
        part = torch.from_numpy(np.ascontiguousarray(self.view[y0:y1, x0:x1])).to(self.device)
        return part.permute(2, 0, 1).float().div_(255)

    @property
    def reduced(self) -> Picture:
        """The plate reduced for measuring motion; this one where it is small already."""
        return self if self._reduced_size == self.view.shape[1::-1] else self._reduced

    @property
    def _reduced_size(self) -> tuple[int, int]:
        height, width = self.view.shape[:2]
        scale = min(1.0, FLOW_SIDE / max(height, width))
        return max(16, round(width * scale)), max(16, round(height * scale))

    @cached_property
    def _reduced(self) -> Picture:
        view = cv2.resize(self.view, self._reduced_size, interpolation=cv2.INTER_AREA)
        return Picture(np.asarray(view, np.uint8), self.device)

    @property
    def small(self) -> NDArray[np.uint8]:
        """The reduced plate's view, uint8 RGB."""
        return self.reduced.view

    def flow_to(self, other: Picture) -> Tensor:
        """Where each pixel is found in ``other``: float32 ``[2, h, w]`` (x, y) of the reduced plate, in its pixels.

        By dense inverse search (Kroeger and others 2016); measured once for each pair.
        """
        return self.reduced._measured(other.reduced)

    def _measured(self, other: Picture) -> Tensor:
        if other not in self._flows:
            search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
            found: Any = search.calc(_grey(self.view), _grey(other.view), None)  # type: ignore[call-overload]
            self._flows[other] = torch.from_numpy(np.ascontiguousarray(found.transpose(2, 0, 1))).to(self.device)
        return self._flows[other]


def _grey(view: NDArray[np.uint8]) -> Any:
    return cv2.cvtColor(view, cv2.COLOR_RGB2GRAY)


@dataclass(frozen=True)
class Moment:
    """One object on one frame: its alpha so far, float32 ``[H, W]`` (None where it is absent), and the plate."""

    frame: int
    alpha: Tensor | None
    picture: Picture | None = None
    cell: float = 4.0
    """Side of a cell of the logits' grid, in plate pixels."""

    def reduced(self, size: tuple[int, int]) -> NDArray[np.float32]:
        """Alpha at ``size`` (height, width), that of the flow; nothing where the object is absent."""
        if self.alpha is None:
            return np.zeros(size, np.float32)
        return np.asarray(cv2.resize(self.alpha.cpu().numpy(), size[::-1], interpolation=cv2.INTER_AREA), np.float32)


@dataclass(frozen=True)
class Scene:
    """The frames round one, of one object, ascending; ``now`` is the place of the one whose matte is made."""

    moments: Sequence[Moment]
    now: int

    @property
    def moment(self) -> Moment:
        """The frame whose matte is made."""
        return self.moments[self.now]

    def others(self) -> list[Moment]:
        """The frames round it on which the object is seen and whose plate is known."""
        present = [moment for place, moment in enumerate(self.moments) if place != self.now]
        return [moment for moment in present if moment.alpha is not None and moment.picture is not None]


def alone(alpha: Tensor, frame: int = 0) -> Scene:
    """A scene of a matte without plate or neighbours."""
    return Scene((Moment(frame, alpha),), 0)


def changing_box(alpha: Tensor, margin: float, least: float = 1 / 255) -> tuple[int, int, int, int] | None:
    """The pixels (x0, y0, x1, y1) within ``margin`` of where alpha ``[H, W]`` has an edge, or is neither 0 nor 1."""
    soft = (alpha > least) & (alpha < 1 - least)
    inside = alpha > 0.5
    soft[1:] |= inside[1:] != inside[:-1]
    soft[:, 1:] |= inside[:, 1:] != inside[:, :-1]
    rows, columns = soft.any(1).nonzero(), soft.any(0).nonzero()
    if not rows.numel():
        return None
    (height, width), grow = alpha.shape, round(margin)
    x0, x1 = max(0, int(columns[0]) - grow), min(width, int(columns[-1]) + 1 + grow)
    y0, y1 = max(0, int(rows[0]) - grow), min(height, int(rows[-1]) + 1 + grow)
    return x0, y0, x1, y1
