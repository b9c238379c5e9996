"""Which frames shall be keys: the spans between them chosen by dynamic programming.

A span is as good as the straight lines that lie nearest to the points' ways through it, measured on its worst frame
across the edge (points that slide along an edge do no harm). Of all ways to cut a clip into so many spans the one
whose worst span is best is found exactly (minimax segmentation: Bellman 1961).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from sam2_roto.mattes.shapes import bernstein, spans

Array = NDArray[np.float64]

_PLACES = 64  # places round a shape that stand for it, about
_SHORT = 32  # lengths of spans that are all tried; of longer ones a few
_HUGE = 1e9  # pixels that are far less than never
_EVEN = 1e-3  # weight of the sum of squares over all spans against the worst one, which settles ties


@dataclass(frozen=True)
class Ways:
    """Places of one shape on its frames ``[T, L, 2]``, the edge's unit normals there, and the pixels each stands for.

    ``first`` is the shape's first frame, counted from the clip's.
    """

    first: int
    places: Array
    normals: Array
    lengths: Array


def ways(first: int, points: Array) -> Ways:
    """Places that stand for a shape with ``points [T, N, 3, 2]`` that begins on frame ``first`` of the clip."""
    count = max(1, round(_PLACES / points.shape[1]))
    places = np.einsum("sk,tnkc->tnsc", bernstein(np.arange(count) / count), spans(points))
    places = places.reshape(len(points), -1, 2)
    along = np.roll(places, -1, axis=1) - np.roll(places, 1, axis=1)
    size = np.maximum(np.linalg.norm(along, axis=-1, keepdims=True), 1e-9)
    normals = np.stack([along[..., 1], -along[..., 0]], axis=-1) / size
    return Ways(first, places, normals, size[..., 0] / 2)


class KeyPlan:
    """The best key frames of a clip, for any number of them.

    Args:
        shapes: that move; all have their keys on common frames.
        frames: number of the clip's frames.
        needed: frames that must be keys, among them the first and last frame of every shape.
    """

    def __init__(self, shapes: Sequence[Ways], frames: int, needed: Sequence[int]) -> None:
        self._needed = sorted(set(needed))
        self._frames = frames
        self._costs = self._spans(shapes)
        start = np.full(frames, np.inf)
        start[self._needed[0]] = 0
        self._worst, self._came = [start], [np.zeros(frames, np.int64)]
        self._sums = [start]

    @property
    def most(self) -> int:
        """Number of spans where every frame that can be is a key."""
        return self._needed[-1] - self._needed[0]

    def cost(self, count: int) -> float:
        """The worst frame's mean distance in pixels with ``count`` spans; infinite where they cannot be so few."""
        self._extend(count)
        return float(self._worst[count][self._needed[-1]])

    def fewest(self, bound: float) -> int:
        """The smallest number of spans with a cost of ``bound`` or less; ``most`` where there is none."""
        return next((count for count in range(self.most) if self.cost(count) <= min(bound, _HUGE)), self.most)

    def keys(self, count: int) -> list[int]:
        """The key frames of the best ``count`` spans, ascending. ValueError where they cannot be so few or many."""
        if not np.isfinite(self.cost(count)):
            raise ValueError(f"{count} spans cannot meet at {len(self._needed)} frames")
        found = [self._needed[-1]]
        for row in range(count, 0, -1):
            found.append(int(self._came[row][found[-1]]))
        return found[::-1]

    def _extend(self, count: int) -> None:
        """Find the best ways to reach each frame in up to ``count`` spans."""
        starts, stops, costs = self._costs
        while len(self._worst) <= count:
            worst = np.maximum(self._worst[-1][starts], costs)
            total = self._sums[-1][starts] + costs**2
            order = np.lexsort((worst + _EVEN * total, stops))
            first = order[np.unique(stops[order], return_index=True)[1]]
            row, sums, came = np.full(self._frames, np.inf), np.full(self._frames, np.inf), np.zeros_like(self._came[0])
            row[stops[first]], sums[stops[first]], came[stops[first]] = worst[first], total[first], starts[first]
            self._worst.append(row)
            self._sums.append(sums)
            self._came.append(came)

    def _spans(self, shapes: Sequence[Ways]) -> tuple[NDArray[np.int64], NDArray[np.int64], Array]:
        """First frame, last frame and cost of all spans that pass over no needed frame."""
        places = [
            (start, start + length)
            for begin, end in pairwise(self._needed)
            for length in _lengths(end - begin)
            for start in range(begin, end - length + 1)
        ]
        starts, stops = np.array(places, np.int64).reshape(-1, 2).T
        return starts, stops, np.array([_cost(shapes, *place) for place in places], np.float64)


def _lengths(longest: int) -> Iterator[int]:
    """All short lengths, ever fewer of the longer ones, and the longest."""
    length = 1
    while length < longest:
        yield length
        length = length + 1 if length < _SHORT else length * 5 // 4
    if longest > 0:
        yield longest


def _cost(shapes: Sequence[Ways], start: int, stop: int) -> float:
    """The worst frame's mean distance, across the edge, from the straight lines that fit all frames of a span best."""
    part = np.linspace(0, 1, stop - start + 1)
    line = np.stack([1 - part, part], axis=1)
    leaves = np.eye(len(part)) - line @ np.linalg.pinv(line)
    apart, length = np.zeros(len(part)), np.zeros(len(part))
    for shape in shapes:
        frames = slice(start - shape.first, stop - shape.first + 1)
        if frames.start < 0 or frames.stop > len(shape.places):
            continue
        rest = np.tensordot(leaves, shape.places[frames], 1)
        apart += (np.abs((rest * shape.normals[frames]).sum(axis=-1)) * shape.lengths[frames]).sum(axis=1)
        length += shape.lengths[frames].sum(axis=1)
    return float((apart / np.maximum(length, 1e-9)).max())
