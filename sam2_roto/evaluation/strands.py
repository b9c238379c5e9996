"""Things with hair: a painted body, strands that grow out of it, and a veil that lets the ground through.

What a segmenter's mask cannot say, with the alpha known: strands thinner than a pixel, and gradual transparency.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from sam2_roto.training.clips.library import Pool
from sam2_roto.training.clips.surfaces import lighting
from sam2_roto.training.clips.textures import Pattern, random_palette

Array = npt.NDArray[Any]
Rng = np.random.Generator

FINE = 4
"""Each pixel of a thing is painted as this many by this many, then averaged."""


@dataclass(frozen=True)
class Look:
    """What a thing is made of: how many strands, how long (of the body's radius), and how opaque its veil is."""

    strands: int = 0
    length: float = 0.5
    veil: float = 0.0


def paint_thing(rng: Rng, pool: Pool, radius: int, look: Look) -> Array:
    """A thing in the middle of its square: premultiplied RGBA float32 [S, S, 4], 0 to 1, S being 5 radii.

    Its body is opaque; a veil hangs about it, and strands 0.5 to 2.5 pixels wide grow out of its edge.
    """
    side = 5 * radius
    outline = _outline(rng, radius) + side / 2
    body = _filled(side, outline)
    thing = _coat(pattern(rng, pool, side, side), body)
    thing[..., :3] *= np.clip(lighting(rng, (255 * body).astype(np.uint8))[0], 0.2, 1)[..., None]
    if look.strands:
        thing = _over(_hair(rng, outline, side, radius, look), thing)
    if look.veil:
        thing = _over(thing, _coat(pattern(rng, pool, side, side), _veil(rng, radius, side, look.veil)))
    return thing


def pattern(rng: Rng, pool: Pool, height: int, width: int) -> Array:
    """Two procedural patterns over each other: float32 [height, width, 3], 0 to 1."""
    layers = []
    for _ in range(2):
        field = np.asarray(pool.fields[int(rng.integers(len(pool.fields)))])
        layers.append(Pattern(field, random_palette(rng), float(rng.uniform(0.3, 1.2))).paint(rng, height, width))
    share = rng.uniform(0.25, 0.75)
    return np.asarray((share * layers[0] + (1 - share) * layers[1]).astype(np.float32) / 255)


def _outline(rng: Rng, radius: float) -> Array:
    """A closed wavy line round 0, 0: float64 [n, 2]."""
    angle = np.linspace(0, 2 * np.pi, 400, endpoint=False)
    swell = sum(rng.normal(0, 0.16 / k) * np.cos(k * angle + rng.uniform(0, 2 * np.pi)) for k in range(1, 6))
    reach = radius * np.clip(1 + swell, 0.55, 1.5)
    return np.stack([reach * np.cos(angle), reach * np.sin(angle) * rng.uniform(0.75, 1.2)], axis=1)


def _filled(side: int, outline: Array) -> Array:
    """Coverage of the inside of an outline: float32 [side, side]."""
    canvas = np.zeros((FINE * side, FINE * side), np.uint8)
    cv2.fillPoly(canvas, [np.round(outline * FINE).astype(np.int32)], 255)
    return _reduced(canvas)


def _reduced(canvas: Array) -> Array:
    side = canvas.shape[0] // FINE
    return np.asarray(cv2.resize(canvas, (side, side), interpolation=cv2.INTER_AREA).astype(np.float32) / 255)


def _hair(rng: Rng, outline: Array, side: int, radius: float, look: Look) -> Array:
    """Strands from the outline outwards, each in its own shade of one colour: premultiplied [side, side, 4]."""
    canvas = np.zeros((FINE * side, FINE * side, 4), np.uint8)
    color, fall = rng.uniform(30, 220, 3), rng.uniform(0, 2 * np.pi)
    middle = outline.mean(axis=0)
    for _ in range(look.strands):
        root = outline[int(rng.integers(len(outline)))]
        direction = _unit(root - middle)
        line = _strand(rng, root - 6 * direction, direction, radius * look.length * rng.uniform(0.4, 1.3), fall)
        shade = (*np.clip(color * rng.uniform(0.6, 1.4), 0, 255), 255)
        _draw(canvas, line, float(rng.uniform(0.5, 2.5)), shade)
    return _reduced(canvas)


def _unit(vector: Array) -> Array:
    return np.asarray(vector / max(float(np.linalg.norm(vector)), 1e-6))


def _strand(rng: Rng, root: Array, direction: Array, length: float, fall: float) -> Array:
    """A bent line: float64 [n, 2]."""
    steps = np.linspace(0, 1, 14)[:, None]
    side = np.array([-direction[1], direction[0]]) * rng.normal(0, 0.35)
    droop = 0.5 * np.array([np.cos(fall), np.sin(fall)])
    curl = rng.normal(0, 0.05) * np.sin(steps * rng.uniform(3, 9)) * _unit(side)
    return np.asarray(root + length * (steps * (direction + side) + steps**2 * droop + curl))


def _draw(canvas: Array, line: Array, width: float, shade: tuple[float, ...]) -> None:
    """A strand that thins out towards its tip, onto the fine canvas."""
    points = np.round(line * FINE).astype(np.int32)
    for index, (start, stop) in enumerate(pairwise(points)):
        thick = max(1, round(width * FINE * (1 - 0.7 * index / len(points))))
        cv2.line(canvas, tuple(map(int, start)), tuple(map(int, stop)), shade, thick)


def _veil(rng: Rng, radius: float, side: int, opacity: float) -> Array:
    """A soft cloth beside the body, of changing opacity: float32 [side, side]."""
    shift = radius * 0.7 * np.array([np.cos(turn := rng.uniform(0, 2 * np.pi)), np.sin(turn)])
    cover = _filled(side, _outline(rng, 0.9 * radius) + side / 2 + shift)
    folds = cv2.resize(rng.random((7, 7)).astype(np.float32), (side, side), interpolation=cv2.INTER_CUBIC)
    return np.asarray(cover * np.clip(opacity * (0.6 + 0.8 * folds), 0, 1))


def _coat(color: Array, alpha: Array) -> Array:
    return np.dstack([color * alpha[..., None], alpha]).astype(np.float32)


def _over(front: Array, back: Array) -> Array:
    return np.asarray(front + back * (1 - front[..., 3:]))
