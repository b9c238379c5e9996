"""Fineness: thin things are shown to a small network in larger pictures.

A mask has one logit for 4 x 4 pixels of the network's picture. What is thinner than a few of these cells is drawn as a
blob at best, and windows do not help where a thin thing is long. A larger picture of the same window does; it costs
time, so things that are thick enough do without.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from sam2_roto.model import ModelConfig

THICK = 5.5
"""Cells across which what is as thick needs no larger picture; best on generated clips."""

_CLOSEST = 2.0  # pixels of a picture for one of the plate: a window of few pixels has nothing finer to show
_STEP = 32  # sides of pictures are multiples of it

Coverage = NDArray[np.float32]


def covered(mask: NDArray[np.bool_], cells: int) -> Coverage:
    """How much of each cell a mask ``[H, W]`` covers: ``[cells, cells]``, 0..1."""
    laid = cv2.resize(mask.astype(np.float32), (cells, cells), interpolation=cv2.INTER_AREA)
    return laid.astype(np.float32, copy=False)


def thickness(coverage: Coverage) -> float:
    """How thick a shape ``[h, w]`` is on the whole, in cells: twice its area by the length of its outline.

    That is the width of a long strip, and the radius of a disc. The outline's length is the shape's total variation
    (coarea formula: Fleming and Rishel 1960), so that edges may be soft. 0 of nothing.
    """
    framed = np.pad(coverage, 1)
    across, down = framed[1:, 1:] - framed[1:, :-1], framed[1:, 1:] - framed[:-1, 1:]
    outline = float(np.hypot(across, down).sum())
    return 2 * float(coverage.sum()) / outline if outline else 0.0


def side_for(coverage: Coverage, shown: int, config: ModelConfig) -> int:
    """Side of the picture in which something should be shown to the network.

    ``coverage`` is what it covers ``[C, C]`` of the cells of a picture of any side, ``shown`` the longer side in pixels
    of the plate of what that picture shows.
    """
    thick = thickness(coverage) * config.logit_size / len(coverage)  # in cells of the usual picture
    if not thick or config.finest_size <= config.image_size:
        return config.image_size
    wanted = config.image_size * max(1.0, THICK / thick)
    finest = min(float(config.finest_size), _CLOSEST * shown)
    return max(config.image_size, _STEP * round(min(wanted, finest) / _STEP))
