"""Scalar fields: the grey patterns which procedural textures are coloured from.

A bank of fields is drawn once; a texture is then a random crop of a field sent through a random palette, which costs
less than a millisecond and still gives endless variety.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Rng = np.random.Generator

FIELD_SIZE = 384


def octave_noise(rng: Rng, size: int, *, coarsest: int = 4, octaves: int = 6, gain: float = 0.55) -> Array:
    """Sum of smoothly enlarged random grids, each twice as fine as the last: float32 [size, size] in 0..1."""
    total = np.zeros((size, size), np.float32)
    for octave in range(octaves):
        cells = coarsest * 2**octave
        if cells > size:
            break
        grid = rng.random((cells + 1, cells + 1), dtype=np.float32)
        total += gain**octave * cv2.resize(grid, (size, size), interpolation=cv2.INTER_CUBIC)
    return _stretch(total)


def _stretch(field: Array) -> Array:
    """Linear stretch of the field to 0..1 (float32)."""
    low, high = float(field.min()), float(field.max())
    return ((field - low) / max(high - low, 1e-6)).astype(np.float32)


def _bent_axes(rng: Rng, size: int) -> tuple[Array, Array]:
    """Pixel coordinates 0..1, rotated and bent by noise, so that regular patterns do not look like graph paper."""
    y, x = np.mgrid[0:size, 0:size].astype(np.float32) / size
    bend = float(rng.choice([0.0, 0.03, 0.1, 0.3]))
    x = x + bend * (octave_noise(rng, size, coarsest=2, octaves=3) - 0.5)
    y = y + bend * (octave_noise(rng, size, coarsest=2, octaves=3) - 0.5)
    angle = rng.uniform(0, np.pi)
    return x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)


def _cloud(rng: Rng, size: int) -> Array:
    return octave_noise(rng, size, coarsest=int(rng.integers(2, 10)), gain=rng.uniform(0.35, 0.8))


def _ridges(rng: Rng, size: int) -> Array:
    return 1.0 - np.abs(2.0 * octave_noise(rng, size, coarsest=int(rng.integers(3, 8)), gain=0.5) - 1.0)


def _stripes(rng: Rng, size: int) -> Array:
    u, _ = _bent_axes(rng, size)
    wave = np.sin(2 * np.pi * rng.uniform(4, 40) * u)
    return _stretch(np.tanh(wave * rng.uniform(0.5, 6)) + rng.uniform(0, 0.5) * octave_noise(rng, size, coarsest=16))


def _checks(rng: Rng, size: int) -> Array:
    u, v = _bent_axes(rng, size)
    count, ratio = rng.uniform(4, 24), rng.uniform(0.5, 2)
    wave = np.sin(2 * np.pi * count * u) * rng.uniform(0.4, 1) + np.sin(2 * np.pi * count * ratio * v)
    return _stretch(np.tanh(wave * rng.uniform(0.7, 6)))


def _rings(rng: Rng, size: int) -> Array:
    u, v = _bent_axes(rng, size)
    distance = np.hypot(u - rng.uniform(-0.5, 1.5), v - rng.uniform(-0.5, 1.5))
    return _stretch(np.sin(2 * np.pi * rng.uniform(5, 40) * distance) + octave_noise(rng, size, coarsest=8))


def _bricks(rng: Rng, size: int) -> Array:
    u, v = _bent_axes(rng, size)
    rows, columns = rng.uniform(5, 20), rng.uniform(3, 12)
    row = np.floor(v * rows)
    across, down = u * columns + 0.5 * (row % 2), v * rows
    tone = np.sin(12.9898 * np.floor(across) + 78.233 * row) * 0.25 + 0.5
    joint = (np.abs(across % 1 - 0.5) > 0.46) | (np.abs(down % 1 - 0.5) > 0.42)
    return _stretch(np.where(joint, 0.0, tone) + 0.2 * octave_noise(rng, size, coarsest=16))


def _cells(rng: Rng, size: int) -> Array:
    """Voronoi cells: flat tones, or the distance to the nearest seed."""
    seeds = np.full((size, size), 255, np.uint8)
    count = int(rng.integers(20, 400))
    seeds[rng.integers(0, size, count), rng.integers(0, size, count)] = 0
    distance, labels = cv2.distanceTransformWithLabels(seeds, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    tones = rng.random(int(labels.max()) + 1).astype(np.float32)[labels]
    return _stretch(tones + rng.uniform(-1, 1) * distance / max(float(distance.max()), 1.0))


def _spots(rng: Rng, size: int) -> Array:
    field = np.zeros((size, size), np.float32)
    largest = float(rng.uniform(4, size / 12))
    for _ in range(int(rng.integers(60, 500))):
        centre = (int(rng.integers(0, size)), int(rng.integers(0, size)))
        cv2.circle(field, centre, int(rng.uniform(1, largest)), float(rng.uniform(0.2, 1)), -1, cv2.LINE_AA)
    return _stretch(field + 0.15 * octave_noise(rng, size, coarsest=8))


def _strokes(rng: Rng, size: int) -> Array:
    field = octave_noise(rng, size, coarsest=3, octaves=3)
    direction, spread = rng.uniform(0, np.pi), rng.choice([0.1, 0.5, 3.0])
    for _ in range(int(rng.integers(300, 1500))):
        x, y, angle = rng.uniform(0, size), rng.uniform(0, size), direction + rng.normal(0, spread)
        reach = rng.uniform(4, 40)
        end = (int(x + reach * np.cos(angle)), int(y + reach * np.sin(angle)))
        cv2.line(field, (int(x), int(y)), end, float(rng.random()), int(rng.integers(1, 5)), cv2.LINE_AA)
    return _stretch(field)


def _boxes(rng: Rng, size: int) -> Array:
    """Overlapping rectangles: rooms, shelves, facades."""
    field = np.full((size, size), float(rng.random()), np.float32)
    for _ in range(int(rng.integers(10, 80))):
        x, y = rng.integers(-20, size, 2)
        width, height = rng.integers(8, size // 2, 2)
        cv2.rectangle(field, (int(x), int(y)), (int(x + width), int(y + height)), float(rng.random()), -1)
    return _stretch(field + 0.1 * octave_noise(rng, size, coarsest=16))


def _fur(rng: Rng, size: int) -> Array:
    """Noise smeared along one direction: hair, grass, brushed metal, wood."""
    noise = rng.random((size, size), dtype=np.float32)
    length = int(rng.integers(9, 41)) | 1
    kernel = np.zeros((length, length), np.float32)
    angle = rng.uniform(0, np.pi)
    reach = length / 2 * np.array([np.cos(angle), np.sin(angle)])
    middle = length // 2
    ends = [(int(middle - reach[0]), int(middle - reach[1])), (int(middle + reach[0]), int(middle + reach[1]))]
    cv2.line(kernel, ends[0], ends[1], 1.0, 1, cv2.LINE_AA)
    smeared = cv2.filter2D(noise, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REFLECT)
    return _stretch(_stretch(smeared) + rng.uniform(0, 1) * octave_noise(rng, size, coarsest=3, octaves=3))


_KINDS: tuple[Callable[[Rng, int], Array], ...] = (
    _cloud,
    _cloud,
    _ridges,
    _stripes,
    _checks,
    _rings,
    _bricks,
    _cells,
    _spots,
    _strokes,
    _boxes,
    _fur,
)


def draw_fields(rng: Rng, rounds: int, size: int = FIELD_SIZE) -> Array:
    """A bank of fields, `rounds` of every kind: uint8 [K, size, size]."""
    fields = [kind(rng, size) for _ in range(rounds) for kind in _KINDS]
    return np.stack([np.round(255 * field).astype(np.uint8) for field in fields])
