"""What a hand draws, as prompts: clicks along strokes."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sam2_roto.errors import PromptError

from .prompts import XY, FramePrompt


def stroke_prompt(strokes: Sequence[tuple[Sequence[XY], bool]], most: int = 8) -> FramePrompt:
    """Clicks along strokes, each a line of points and whether it lies on the object.

    At most ``most`` clicks for each kind, spread as far from each other along the strokes as that allows (farthest
    point first), since the network was trained with few. Raises PromptError where there is no stroke.
    """
    clicks: list[tuple[float, float, bool]] = []
    for positive in (True, False):
        lines = [line for line, kind in strokes if kind == positive and len(line)]
        if lines:
            drawn = np.concatenate([_dense(line) for line in lines])
            clicks += [(float(x), float(y), positive) for x, y in _spread(drawn, most)]
    if not clicks:
        raise PromptError("a stroke needs at least one point")
    return FramePrompt(points=tuple(clicks))


def _dense(line: Sequence[XY]) -> NDArray[np.float64]:
    """Points of a line at steps of a pixel."""
    corners = np.array(line, np.float64)
    pieces = [corners[:1]]
    for start, stop in itertools.pairwise(corners):
        count = max(1, int(np.ceil(np.hypot(*(stop - start)))))
        pieces.append(start + (stop - start) * np.arange(1, count + 1)[:, None] / count)
    return np.concatenate(pieces)


def _spread(points: NDArray[np.float64], most: int) -> NDArray[np.float64]:
    """The middle point, then always the one farthest from those taken, until they are near or ``most``."""
    chosen = [len(points) // 2]
    distance = np.hypot(*(points - points[chosen[0]]).T)
    while len(chosen) < most and distance.max() >= 1:
        chosen.append(int(distance.argmax()))
        distance = np.minimum(distance, np.hypot(*(points - points[chosen[-1]]).T))
    return points[chosen]
