"""The box round what a mask holds."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Box = tuple[int, int, int, int]


def box_of(mask: NDArray[Any]) -> Box | None:
    """Left, top, right and bottom edge of what is not zero in ``mask [H, W]``, in pixels; None where all is."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not rows.size:
        return None
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def box_of_all(masks: Iterable[NDArray[Any]]) -> Box | None:
    """The box round what is not zero in any of ``masks``, each ``[H, W]``, as ``box_of`` gives it."""
    found = [box for box in map(box_of, masks) if box is not None]
    if not found:
        return None
    left, top, right, bottom = zip(*found, strict=True)
    return min(left), min(top), max(right), max(bottom)
