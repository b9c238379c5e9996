"""Where a box will be next: a Kalman filter of constant velocity, as box trackers use it (SORT, arXiv:1602.00763)."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from sam2_roto.boxes import box_of

Array = npt.NDArray[Any]
Box = tuple[float, float, float, float]
"""Left, top, right and bottom edge; right and bottom lie beyond the last cell."""

_POSITION, _VELOCITY = 1 / 20, 1 / 160
"""Standard deviations as parts of the box's height: of a place in one step, and of a velocity's change."""

_ASPECT, _ASPECT_VELOCITY, _ASPECT_MEASURED = 1e-2, 1e-5, 1e-1
"""The same of width / height, which has no unit."""

_MOVE = np.eye(8) + np.eye(8, k=4)
_SEEN = np.eye(4, 8)


class BoxFilter:
    """State of one box: centre, width / height and height, and their velocities per frame."""

    def __init__(self, box: Box) -> None:
        first = _measure(box)
        self._mean = np.concatenate([first, np.zeros(4)])
        spread = np.concatenate([2 * _spread(first[3]), 10 * _drift(first[3])])
        self._covariance = np.diag(spread**2)

    def predict(self) -> Box:
        """Go on by one frame; the box expected there."""
        height = max(float(self._mean[3]), 1.0)
        noise = np.concatenate([_spread(height), _drift(height)])
        self._mean = _MOVE @ self._mean
        self._covariance = _MOVE @ self._covariance @ _MOVE.T + np.diag(noise**2)
        return self.box

    def update(self, box: Box) -> None:
        """Take in the box that was found on this frame."""
        noise = _spread(max(float(self._mean[3]), 1.0))
        noise[2] = _ASPECT_MEASURED
        innovation = _SEEN @ self._covariance @ _SEEN.T + np.diag(noise**2)
        gain = np.linalg.solve(innovation, _SEEN @ self._covariance).T
        self._mean = self._mean + gain @ (_measure(box) - _SEEN @ self._mean)
        self._covariance = self._covariance - gain @ innovation @ gain.T

    @property
    def box(self) -> Box:
        """The box as it is expected now."""
        x, y, aspect, height = (float(value) for value in self._mean[:4])
        height = max(height, 1e-3)
        width = max(aspect, 1e-3) * height
        return x - width / 2, y - height / 2, x + width / 2, y + height / 2


def box_iou(first: Box, second: Box) -> float:
    """Intersection over union of two boxes, 0..1."""
    width = min(first[2], second[2]) - max(first[0], second[0])
    height = min(first[3], second[3]) - max(first[1], second[1])
    shared = max(width, 0.0) * max(height, 0.0)
    total = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (first, second)) - shared
    return shared / total if total > 0 else 0.0


def mask_box(mask: Array) -> Box | None:
    """The tight box of a bool mask ``[h, w]``; None where it is empty."""
    box = box_of(mask)
    return None if box is None else (float(box[0]), float(box[1]), float(box[2]), float(box[3]))


def _measure(box: Box) -> Array:
    left, top, right, bottom = box
    height = max(bottom - top, 1e-3)
    return np.array([(left + right) / 2, (top + bottom) / 2, (right - left) / height, height])


def _spread(height: float) -> Array:
    return np.array([_POSITION * height, _POSITION * height, _ASPECT, _POSITION * height])


def _drift(height: float) -> Array:
    return np.array([_VELOCITY * height, _VELOCITY * height, _ASPECT_VELOCITY, _VELOCITY * height])
