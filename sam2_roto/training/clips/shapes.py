"""Silhouettes: closed outlines of many kinds, drawn with soft edges.

Every shape is drawn into a square of its own, uint8 [side, side], 255 inside, filling most of the square.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Rng = np.random.Generator

_SHIFT = 4


def fill(canvas: Array, outline: Array, value: int = 255) -> None:
    """Fill an outline, float [n, 2] pixels, into the canvas in place, anti-aliased."""
    points = np.round(outline * 2**_SHIFT).astype(np.int32)
    cv2.fillPoly(canvas, [points], (value,), cv2.LINE_AA, _SHIFT)


def stroke(canvas: Array, line: Array, widths: Array, value: int = 255) -> None:
    """Draw a line, float [n, 2] pixels, with a width that varies along it, in place, anti-aliased."""
    points = np.round(line * 2**_SHIFT).astype(np.int32)
    for start, stop, width in zip(points[:-1], points[1:], widths[:-1], strict=True):
        thickness = max(1, round(float(width)))
        cv2.line(canvas, start.tolist(), stop.tolist(), (value,), thickness, cv2.LINE_AA, _SHIFT)


def smooth(points: Array, rounds: int = 3) -> Array:
    """Round the corners of a closed outline by Chaikin's corner cutting: float [n * 2**rounds, 2]."""
    for _ in range(rounds):
        following = np.roll(points, -1, axis=0)
        points = np.stack([0.75 * points + 0.25 * following, 0.25 * points + 0.75 * following], 1).reshape(-1, 2)
    return points


def fit(outline: Array, side: int, margin: float = 0.04) -> Array:
    """Scale an outline, keeping its proportions, to fill a square of `side` pixels but for a margin."""
    low, high = outline.min(axis=0), outline.max(axis=0)
    scale = side * (1 - 2 * margin) / max(float((high - low).max()), 1e-6)
    return np.asarray((outline - (low + high) / 2) * scale + side / 2)


def _filled(outline: Array, side: int) -> Array:
    canvas = np.zeros((side, side), np.uint8)
    fill(canvas, fit(outline, side))
    return canvas


def _circle(count: int) -> Array:
    return np.linspace(0, 2 * np.pi, count, endpoint=False)


def blob(rng: Rng, side: int) -> Array:
    """A smooth closed outline by a random Fourier series of the radius."""
    angle = _circle(96)
    radius = np.ones_like(angle)
    rough = rng.uniform(0.1, 0.5)
    for harmonic in range(2, int(rng.integers(3, 9))):
        radius += rough / harmonic**0.7 * rng.normal() * np.cos(harmonic * angle + rng.uniform(0, 2 * np.pi))
    radius = np.maximum(radius, 0.15)
    squash = rng.uniform(0.35, 1)
    return _filled(_turned(rng, np.stack([radius * np.cos(angle), squash * radius * np.sin(angle)], 1)), side)


def _turned(rng: Rng, outline: Array) -> Array:
    angle = rng.uniform(0, 2 * np.pi)
    return np.asarray(outline @ np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]))


def pebble(rng: Rng, side: int) -> Array:
    """A closed outline through random points about a centre: with dents, not always star-shaped."""
    count = int(rng.integers(5, 12))
    angle = np.sort(_circle(count) + rng.normal(0, 1.2 / count, count))
    radius = rng.uniform(0.25, 1, count)
    points = np.stack([radius * np.cos(angle), rng.uniform(0.4, 1) * radius * np.sin(angle)], 1)
    return _filled(_turned(rng, smooth(points)), side)


def polygon(rng: Rng, side: int) -> Array:
    """A polygon with hard or slightly rounded corners: triangle to star."""
    count = int(rng.integers(3, 8))
    angle = _circle(count) + rng.normal(0, 0.3 / count, count)
    radius = rng.uniform(0.75, 1, count)
    if rng.random() < 0.35:
        angle, radius = _circle(2 * count), np.tile([1.0, rng.uniform(0.35, 0.8)], count)
    points = np.stack([radius * np.cos(angle), rng.uniform(0.5, 1) * radius * np.sin(angle)], 1)
    return _filled(_turned(rng, smooth(points, 2) if rng.random() < 0.4 else points), side)


def slab(rng: Rng, side: int) -> Array:
    """A rectangle seen in perspective, corners rounded or not: boxes, books, screens, cars' sides."""
    width, height = 1.0, rng.uniform(0.25, 1)
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]]) + rng.normal(0, 0.06, (4, 2))
    if rng.random() < 0.5:
        cut = rng.uniform(0.05, 0.3)
        following, before = np.roll(corners, -1, axis=0), np.roll(corners, 1, axis=0)
        corners = np.stack([corners + cut * (before - corners), corners + cut * (following - corners)], 1)
        corners = smooth(corners.reshape(-1, 2), 2)
    tilt = rng.normal(0, 0.4)
    turn = np.array([[np.cos(tilt), np.sin(tilt)], [-np.sin(tilt), np.cos(tilt)]])
    return _filled(corners @ turn, side)


def lathe(rng: Rng, side: int) -> Array:
    """A symmetric profile, as turned on a lathe: bottles, cups, vases, pins, lamps."""
    count = int(rng.integers(3, 7))
    profile = np.interp(np.linspace(0, 1, 40), np.linspace(0, 1, count), rng.uniform(0.1, 0.5, count))
    if rng.random() < 0.6:
        profile = np.convolve(np.pad(profile, 4, mode="edge"), np.ones(9) / 9, mode="valid")
    height = np.linspace(0, rng.uniform(0.8, 2.2), 40)
    outline = np.concatenate([np.stack([profile, height], 1), np.stack([-profile, height], 1)[::-1]])
    canvas = _filled(outline, side)
    if rng.random() < 0.3:
        _handle(rng, canvas)
    return canvas


def _handle(rng: Rng, canvas: Array) -> None:
    """An ear on the right side of the silhouette, with a hole through it."""
    side = canvas.shape[0]
    row = int(side * rng.uniform(0.35, 0.6))
    inside = np.flatnonzero(canvas[row] > 127)
    if not len(inside):
        return
    axes = (int(side * rng.uniform(0.08, 0.16)), int(side * rng.uniform(0.1, 0.2)))
    centre = (int(min(inside[-1], side - axes[0] - 4)), row)
    cv2.ellipse(canvas, centre, axes, 0, -90, 90, (255,), max(2, side // 20), cv2.LINE_AA)


def cluster(rng: Rng, side: int) -> Array:
    """A union of ellipses along a random walk: animals at rest, clouds, bushes, heaps."""
    canvas = np.zeros((side, side), np.uint8)
    centre = np.full(2, side / 2)
    for _ in range(int(rng.integers(3, 8))):
        axes = rng.uniform(0.08, 0.25, 2) * side
        cv2.ellipse(canvas, (centre.tolist(), (2 * axes).tolist(), float(rng.uniform(0, 180))), (255,), -1, cv2.LINE_AA)
        centre = np.clip(centre + rng.normal(0, 0.17 * side, 2), 0.25 * side, 0.75 * side)
    return canvas


def ring(rng: Rng, side: int) -> Array:
    """A shape with one or more holes: tyre, frame, handle, lattice."""
    outer = (blob, polygon, slab, _disc)[int(rng.integers(4))](rng, side)
    if rng.random() < 0.5:
        size = rng.uniform(0.4, 0.75)
        hole = cv2.resize(outer, None, fx=size, fy=size, interpolation=cv2.INTER_AREA)
        start = (side - hole.shape[0]) // 2
        inner = np.zeros_like(outer)
        inner[start : start + hole.shape[0], start : start + hole.shape[1]] = hole
        return cv2.subtract(outer, inner)
    for _ in range(int(rng.integers(1, 5))):
        centre = rng.uniform(0.25, 0.75, 2) * side
        axes = rng.uniform(0.08, 0.3, 2) * side
        cv2.ellipse(outer, (centre.tolist(), axes.tolist(), float(rng.uniform(0, 180))), (0,), -1, cv2.LINE_AA)
    return outer


def _disc(rng: Rng, side: int) -> Array:
    angle = _circle(64)
    return _filled(np.stack([np.cos(angle), rng.uniform(0.6, 1) * np.sin(angle)], 1), side)


def crescent(rng: Rng, side: int) -> Array:
    """One shape bitten by another: bananas, leaves, broken plates."""
    body = (blob, _disc, pebble)[int(rng.integers(3))](rng, side)
    angle, away = rng.uniform(0, 2 * np.pi), rng.uniform(0.3, 0.6) * side
    centre = side / 2 + away * np.array([np.cos(angle), np.sin(angle)])
    cv2.circle(body, np.round(centre).astype(int).tolist(), int(rng.uniform(0.2, 0.45) * side), (0,), -1, cv2.LINE_AA)
    return body


def strand(rng: Rng, side: int) -> Array:
    """A thin curved line: rope, cable, snake, stalk, stick."""
    canvas = np.zeros((side, side), np.uint8)
    knots = rng.uniform(0.06, 0.94, (int(rng.integers(2, 5)), 2)) * side
    if rng.random() < 0.4:
        knots = knots[[0, -1]]
    steps = np.linspace(0, len(knots) - 1, 40)
    line = np.stack([np.interp(steps, range(len(knots)), knots[:, c]) for c in range(2)], 1)
    padded = np.pad(line, ((4, 4), (0, 0)), mode="edge")
    line = np.stack([np.convolve(padded[:, c], np.ones(9) / 9, mode="valid") for c in range(2)], 1)
    width = max(2.5, rng.uniform(0.02, 0.08) * side)
    stroke(canvas, line, np.linspace(width, max(2.0, width * rng.uniform(0.4, 1.2)), 40))
    return canvas


def branches(rng: Rng, side: int) -> Array:
    """A branching plant or antenna."""
    canvas = np.zeros((side, side), np.uint8)
    stack = [(np.array([0.5, 0.96]) * side, -np.pi / 2 + rng.normal(0, 0.2), 0.32 * side, 0.05 * side, 0)]
    while stack:
        start, angle, reach, width, depth = stack.pop()
        end = start + reach * np.array([np.cos(angle), np.sin(angle)])
        stroke(canvas, np.stack([start, end]), np.array([max(width, 2.0), 2.0]))
        if depth < 3:
            for _ in range(int(rng.integers(2, 4))):
                turn = angle + rng.normal(0, 0.6)
                stack.append((end, turn, reach * rng.uniform(0.5, 0.85), width * 0.65, depth + 1))
    return canvas


def rods(rng: Rng, side: int) -> Array:
    """Rods and plates joined together: chairs, racks, bicycles, easels, scaffolds."""
    canvas = np.zeros((side, side), np.uint8)
    joints = rng.uniform(0.08, 0.92, (int(rng.integers(4, 8)), 2)) * side
    joints[: len(joints) // 2, 0] = np.round(joints[: len(joints) // 2, 0] / side * 3) / 3 * side * 0.8 + 0.1 * side
    width = rng.uniform(0.02, 0.07) * side
    linked = [joints[0]]
    for joint in joints[1:]:
        nearest = min(linked, key=lambda other: float(np.linalg.norm(other - joint)))
        stroke(canvas, np.stack([nearest, joint]), np.array([width, width]))
        linked.append(joint)
    if rng.random() < 0.6:
        chosen = joints[rng.permutation(len(joints))[:4]]
        middle = chosen.mean(axis=0)
        order = np.argsort(np.arctan2(chosen[:, 1] - middle[1], chosen[:, 0] - middle[0]))
        fill(canvas, chosen[order])
    return canvas


SOLID: tuple[Callable[[Rng, int], Array], ...] = (blob, pebble, polygon, slab, lathe, cluster, ring, crescent, rods)
THIN: tuple[Callable[[Rng, int], Array], ...] = (strand, strand, branches, rods)


def random_shape(rng: Rng, side: int, *, thin: bool = False) -> Array:
    """A random silhouette with soft edges: uint8 [side, side]."""
    kinds = THIN if thin else SOLID
    return kinds[int(rng.integers(len(kinds)))](rng, side)
