"""How MLT's ``rotoscoping`` draws a spline, from its documentation and behaviour, to calculate what it must show.

A curve is halved until neighbours lie within the square root of two pixels. A pixel row is filled between crossings at
its upper edge, from the whole part of one crossing up to that of the next; there is no antialiasing. Feathering is a
box of whole numbers, along rows and then along columns.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]


def draw(filters: list[Mapping[str, str]], position: int, size: tuple[int, int]) -> NDArray[np.uint8]:
    """The alpha ``[H, W]`` that ``rotoscoping`` filters, given by their properties, leave at a position."""
    alpha = np.full((size[1], size[0]), 255, np.int64)
    for entry in filters:
        drawn = _feathered(_filled(_outline(_at(json.loads(entry["spline"]), position), size), size), entry)
        match entry["alpha_operation"]:
            case "clear":
                alpha = drawn
            case "add":
                alpha = np.minimum(alpha + drawn, 255)
            case "sub":
                alpha = np.maximum(alpha - drawn, 0)
    return alpha.astype(np.uint8)


def _at(keys: dict[str, Any], position: int) -> Points:
    numbers = sorted(int(key) for key in keys)
    values = {int(key): np.array(points, np.float64) for key, points in keys.items()}
    before = max((number for number in numbers if number <= position), default=numbers[0])
    after = min((number for number in numbers if number >= position), default=numbers[-1])
    if before >= after:
        return values[after if position <= after else before]
    part = (position - before) / (after - before)
    return values[before] + (values[after] - values[before]) * part


def _outline(points: Points, size: tuple[int, int]) -> Points:
    placed = points * np.array(size, np.float64)
    found: list[Points] = []
    for start, stop in zip(placed, np.roll(placed, -1, axis=0), strict=True):
        _halve(start[1], start[2], stop[0], stop[1], found)
    return np.array(found)


def _halve(start: Points, out: Points, into: Points, stop: Points, found: list[Points]) -> None:
    found.append(start)
    if ((start - stop) ** 2).sum() <= 2:
        return
    first, middle, last = (start + out) / 2, (out + into) / 2, (into + stop) / 2
    left, right = (first + middle) / 2, (middle + last) / 2
    center = (left + right) / 2
    _halve(start, first, left, center, found)
    _halve(center, right, last, stop, found)
    found.append(stop)


def _filled(outline: Points, size: tuple[int, int]) -> NDArray[np.int64]:
    width, height = size
    alpha = np.zeros((height, width), np.int64)
    before = np.roll(outline, 1, axis=0)
    for row in range(height):
        crossed = (outline[:, 1] > row) != (before[:, 1] > row)
        here, there = outline[crossed], before[crossed]
        part = (row - here[:, 1]) / (there[:, 1] - here[:, 1])
        columns = sorted(np.trunc(here[:, 0] + part * (there[:, 0] - here[:, 0])).astype(int).tolist())
        for left, right in zip(columns[::2], columns[1::2], strict=True):
            alpha[row, max(left, 0) : max(min(right, width), 0)] = 255
    return alpha


def _feathered(alpha: NDArray[np.int64], entry: Mapping[str, str]) -> NDArray[np.int64]:
    radius = int(entry["feather"])
    if not radius:
        return alpha
    for axis in (1, 0):
        padded = np.pad(alpha, [(0, 0) if index != axis else (radius, radius) for index in range(2)])
        windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * radius + 1, axis=axis)
        alpha = windows.sum(axis=-1) // (2 * radius + 1)
    return alpha
