"""Which part of its inputs an operation looks at for a part of its result, and which frame size it gives."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from compositing.image import Window

Settings = Mapping[str, Any]
Regions = Sequence[Window | None]
RegionRule = Callable[[Window, Settings, Sequence[Window]], Regions]
"""``rule(region, settings, displays)``: the window asked of each input, None for all of it; displays are the inputs'"""

DisplayRule = Callable[[Settings, Sequence[Window]], Window]

# Pixels on each side that the widest filter (Lanczos, three lobes) looks at, with one for rounding.
_FILTER = 4


def same(region: Window, _settings: Settings, displays: Sequence[Window]) -> Regions:
    """Pixel by pixel."""
    return [region] * len(displays)


def whole(_region: Window, _settings: Settings, displays: Sequence[Window]) -> Regions:
    """All of every input, for what looks at the whole picture."""
    return [None] * len(displays)


def grown(setting: str, default: float, reach: float = 1.0) -> RegionRule:
    """A filter that looks ``reach`` times a setting far."""

    def rule(region: Window, settings: Settings, displays: Sequence[Window]) -> Regions:
        margin = math.ceil(reach * float(settings.get(setting, default))) + 1
        return [region.grown(margin)] * len(displays)

    return rule


def mapped(matrix_of: Callable[[Settings], Tensor]) -> RegionRule:
    """A picture moved by a 3x3 matrix; all of it where it shrinks, because it is scaled down as a whole first."""

    def rule(region: Window, settings: Settings, displays: Sequence[Window]) -> Regions:
        matrix = matrix_of(settings)
        shrinks = bool((matrix[:2, :2].norm(dim=0) < 1 - 1e-9).any())
        return [None if shrinks else _back(region, matrix)] * len(displays)

    return rule


def cut(region: Window, settings: Settings, displays: Sequence[Window]) -> Regions:
    """A crop to ``box``; with ``reframe``, the box begins at the origin of the result."""
    box = Window(*settings["box"])
    wanted = region.moved(box.x0, box.y0) if settings.get("reframe") else region
    return [wanted.intersection(box) or Window.sized(1, 1, box.x0, box.y0)] * len(displays)


def cut_display(settings: Settings, displays: Sequence[Window]) -> Window:
    """The frame of a crop."""
    box = Window(*settings["box"])
    return Window.sized(box.width, box.height) if settings.get("reframe") else displays[0]


def first_display(_settings: Settings, displays: Sequence[Window]) -> Window:
    """The frame of the first input."""
    return displays[0]


def sized_display(settings: Settings, _displays: Sequence[Window]) -> Window:
    """A frame of ``width`` x ``height`` at the origin."""
    return Window.sized(int(settings["width"]), int(settings["height"]))


def _back(region: Window, matrix: Tensor) -> Window | None:
    """The window of the picture before a matrix that ends up in ``region``, with what filters look at round it."""
    inverse, failed = torch.linalg.inv_ex(matrix)
    if failed:
        return None  # the operation itself tells what is wrong with it
    x0, y0, x1, y1 = region.x0, region.y0, region.x1, region.y1
    corners = torch.tensor([[x0, y0, 1], [x1, y0, 1], [x1, y1, 1], [x0, y1, 1]], dtype=torch.float64).T
    moved = inverse @ corners
    if moved[2].min() <= 1e-9:
        return None
    x, y = moved[0] / moved[2], moved[1] / moved[2]
    stretch = max(1.0, float(x.max() - x.min()) / region.width, float(y.max() - y.min()) / region.height)
    margin = math.ceil(_FILTER * stretch)
    left, top = math.floor(float(x.min())), math.floor(float(y.min()))
    window = Window(left, top, max(math.ceil(float(x.max())), left + 1), max(math.ceil(float(y.max())), top + 1))
    return window.grown(margin)
