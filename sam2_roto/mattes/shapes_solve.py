"""The keys of a shape for which the curves between them come nearest to the outlines of all frames.

A key is not sampled from its own frame: all keys of a shape are solved for at once, by rounds of closest places and
least squares (iterative closest point with point-to-line distances: Chen & Medioni 1992). Only the distance across the
edge counts, so that points are free to slide along it to where straight motion serves them best. Distances count by
their absolute value, as areas do (iteratively reweighted), and frames weigh more the worse they are met.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sam2_roto.mattes.shapes import bernstein, spans
from sam2_roto.mattes.shapes_outlines import Outline

Array = NDArray[np.float64]

SAMPLES = 8
"""Places between two points of a curve that are drawn to the outline."""

_EVERY = 1.5  # pixels between the places of an outline that draw the curve to them
_MOST = 1024  # places of an outline at most
_FACING = 6.0  # pixels that a place of the opposite direction counts as farther away
_NEAR = 0.5  # pixels below which distances count by their square
_STIFF = 0.002  # weight of the bending of handles, against that of the distances
_CALM = 0.02  # weight of the movement of keys in a round, in the same measure
_STEPS = 60  # of conjugate gradients in a round, at most
_STEADY = 3  # rounds in which all frames weigh the same


@dataclass(frozen=True)
class Target:
    """Places ``[L, 2]`` at equal distances round an outline, the normals there, and that distance in pixels."""

    places: Array
    normals: Array
    spacing: float


def target(outline: Outline) -> Target:
    """The places of an outline that draw a curve to them."""
    count = int(np.clip(outline.length / _EVERY, 32, _MOST))
    places = outline.at(np.arange(count) / count)
    return Target(places, _across(np.roll(places, -1, axis=0) - np.roll(places, 1, axis=0)), outline.length / count)


def blending(frames: Sequence[int], keys: Sequence[int]) -> Array:
    """What part each of K ascending keys has in each of T frames, joined by straight lines: ``[T, K]``."""
    return np.stack([np.interp(frames, keys, row) for row in np.eye(len(keys))], axis=1)


def solved(keys: Array, blend: Array, targets: Sequence[Target], rounds: int) -> tuple[Array, Array]:
    """Better keys than ``keys [K, N, 3, 2]``, and the mean distance in pixels that is left on each of the T frames.

    Args:
        keys: points on the K key frames to begin with.
        blend: ``[T, K]``, as :func:`blending` gives it.
        targets: of each frame.
        rounds: how often closest places are looked for; the keys with the smallest largest distance are given.
    """
    weights = np.ones(len(targets))
    best, least = keys, np.full(len(targets), np.inf)
    for turn in range(rounds + 1):
        points = np.einsum("tk,knpc->tnpc", blend, keys)
        pulls = [_pull(*place, goal) for place, goal in zip(_drawn(points), targets, strict=True)]
        apart = np.array([distance for _, _, distance in pulls])
        if apart.max() < least.max():
            best, least = keys, apart
        if turn >= _STEADY:
            weights *= np.clip(apart / max(float(apart.mean()), 1e-9), 0.5, 2)
            weights /= weights.mean()
        matrices = np.stack([matrix for matrix, _, _ in pulls]) * weights[:, None, None, None]
        forces = np.stack([force for _, force, _ in pulls]) * weights[:, None, None]
        keys = keys + _step(points, blend, matrices, forces, weights)
    return best, least


def _drawn(points: Array) -> list[tuple[Array, Array, Array]]:
    """Of each frame the places of its curve ``[N * SAMPLES, 2]``, the normals there, and the pixels each stands for."""
    basis, slopes = _bases()
    corners = spans(points)
    places = np.einsum("sk,tnkc->tnsc", basis, corners).reshape(len(points), -1, 2)
    along = np.einsum("sk,tnkc->tnsc", slopes, corners).reshape(len(points), -1, 2)
    lengths = np.linalg.norm(along, axis=-1) / SAMPLES
    return list(zip(places, _across(along), lengths, strict=True))


def _pull(places: Array, normals: Array, lengths: Array, goal: Target) -> tuple[Array, Array, float]:
    """How one frame's outline draws on the places of its curve, both ways: from each place and from each target.

    Gives ``[M, 2, 2]`` and ``[M, 2]``, the sums of n nᵀ and of n times the distance, weighted; and the mean distance.
    """
    cost = _costs(places, normals, goal)
    nearest, nearer = cost.argmin(axis=1), cost.argmin(axis=0)
    owner = np.concatenate([np.arange(len(places)), nearer])
    aim = np.concatenate([nearest, np.arange(len(goal.places))])
    normal = goal.normals[aim]
    distance = ((goal.places[aim] - places[owner]) * normal).sum(axis=1)
    weight = np.concatenate([lengths, np.full(len(goal.places), goal.spacing)])
    weight /= weight.sum()
    mean = float((weight * np.abs(distance)).sum())
    weight /= np.maximum(np.abs(distance), _NEAR)
    matrix: Array = np.zeros((len(places), 2, 2))
    force: Array = np.zeros((len(places), 2))
    for row in (0, 1):
        force[:, row] = np.bincount(owner, weight * distance * normal[:, row], len(places))
        for column in (0, 1):
            matrix[:, row, column] = np.bincount(owner, weight * normal[:, row] * normal[:, column], len(places))
    return matrix, force, mean


def _costs(places: Array, normals: Array, goal: Target) -> NDArray[np.float32]:
    """How ill each place suits each target ``[M, L]``: by the squared distance, and by how the edge turns."""
    middle = goal.places.mean(axis=0)
    here, there = (
        np.hstack([at - middle, _FACING * facing]) for at, facing in ((places, normals), (goal.places, goal.normals))
    )
    ours, theirs = here.astype(np.float32), there.astype(np.float32)
    return np.asarray((ours**2).sum(axis=1)[:, None] + (theirs**2).sum(axis=1) - 2 * ours @ theirs.T)


def _step(points: Array, blend: Array, matrices: Array, forces: Array, weights: Array) -> Array:
    """What moves the keys ``[K, N, 3, 2]`` to where the pulls on all frames are in balance (Gauss and Newton)."""
    basis, _ = _bases()
    times, count = points.shape[:2]
    matrices = matrices.reshape(times, count, SAMPLES, 2, 2)
    inner = np.einsum("sa,sb,tnsij->tnaibj", basis, basis, matrices, optimize=True)
    outer = np.einsum("sa,tnsi->tnai", basis, forces.reshape(times, count, SAMPLES, 2))
    bend = np.array([-1.0, 3.0, -3.0, 1.0])
    stiff = np.einsum("ab,ij->aibj", np.outer(bend, bend), np.eye(2)) * (_STIFF / count)
    inner += stiff * weights[:, None, None, None, None, None]
    outer -= np.einsum("aibj,tnbj->tnai", stiff, spans(points)) * weights[:, None, None, None]
    inner = inner.reshape(times, count, 8, 8)
    calm = _CALM / count * (blend.T @ weights)[:, None, None, None]

    def gathered(parts: Array) -> Array:
        return np.asarray(np.einsum("tk,tnpc->knpc", blend, _joined(parts.reshape(times, count, 4, 2))))

    def pulled(move: Array) -> Array:
        corners = spans(np.einsum("tk,knpc->tnpc", blend, move)).reshape(times, count, 8, 1)
        return np.asarray(gathered(inner @ corners) + calm * move)

    diagonal = np.einsum("tnii->tni", inner).reshape(times, count, 4, 2)
    scale = np.einsum("tk,tnpc->knpc", blend**2, _joined(diagonal)) + calm
    return _conjugate_gradients(pulled, gathered(outer), scale)


def _conjugate_gradients(apply: Callable[[Array], Array], right: Array, scale: Array) -> Array:
    """The x for which ``apply(x)`` is ``right``, with ``scale`` as its diagonal (Hestenes & Stiefel 1952)."""
    found, rest = np.zeros_like(right), right
    ahead = way = rest / scale
    energy = start = float((rest * ahead).sum())
    for _ in range(_STEPS):
        if energy <= 1e-6 * start:
            break
        pushed = apply(way)
        length = energy / float((way * pushed).sum())
        found, rest = found + length * way, rest - length * pushed
        ahead = rest / scale
        before, energy = energy, float((rest * ahead).sum())
        way = ahead + energy / before * way
    return found


def _joined(corners: Array) -> Array:
    """What :func:`spans` takes apart, put together again: its transpose, ``[T, N, 4, 2]`` to ``[T, N, 3, 2]``."""
    start, leave, arrive, stop = (corners[:, :, part] for part in range(4))
    return np.stack([np.roll(arrive, 1, axis=1), start + np.roll(stop, 1, axis=1), leave], axis=2)


def _bases() -> tuple[Array, Array]:
    """The Bernstein polynomials and their slopes at the places of a span: twice ``[SAMPLES, 4]``."""
    places = (np.arange(SAMPLES) + 0.5) / SAMPLES
    u, v = places, 1 - places
    slopes = 3 * np.stack([-v * v, v * v - 2 * u * v, 2 * u * v - u * u, u * u], axis=1)
    return bernstein(places), slopes


def _across(along: Array) -> Array:
    """Unit vectors at right angles to directions ``[..., 2]``."""
    across = np.stack([along[..., 1], -along[..., 0]], axis=-1)
    return np.asarray(across / np.maximum(np.linalg.norm(across, axis=-1, keepdims=True), 1e-9))
