"""Motion: smooth random curves, and the poses (3x3 matrices) that they make.

Times are floats in frames: a clip of T frames runs from 0 to T - 1, with values between for motion blur. Positions
are pixels of the frame. A pose maps the pixels of a sprite to the pixels of the frame.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Rng = np.random.Generator

PATHS = ("still", "drift", "wander", "bounce", "orbit", "shuttle", "dash")
_PATH_WEIGHTS = np.array([0.12, 0.2, 0.28, 0.1, 0.1, 0.12, 0.08])


def wander(rng: Rng, times: Array, period: float, channels: int = 1) -> Array:
    """Smooth random curve through normal knots every `period` frames (Catmull-Rom): float64 [n, channels]."""
    first = float(times.min())
    place = (times - first) / period
    knots = rng.normal(size=(int(place.max()) + 5, channels))
    index = place.astype(int)
    t = (place - index)[:, None]
    a, b, c, d = (knots[index + k] for k in range(4))
    curve = b + 0.5 * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)))
    return np.asarray(curve)


def _fold(position: Array, low: float, high: float) -> Array:
    """Reflect positions into low..high, as a ball between two walls."""
    span = high - low
    phase = np.mod(position - low, 2 * span)
    return np.asarray(low + np.where(phase > span, 2 * span - phase, phase))


def _steps_at_most(curve: Array, times: Array, speed: float) -> Array:
    """Scale the curve, which starts at 0, so that its fastest step is `speed` pixels per frame."""
    pace: Array = np.linalg.norm(np.diff(curve, axis=0), axis=1) / np.maximum(np.diff(times), 1e-6)
    return curve * (speed / max(float(pace.max(initial=0.0)), 1e-6))


def path(rng: Rng, times: Array, start: Array, speed: float, size: int, kind: str | None = None) -> Array:
    """Positions of a random path of the kind (one of PATHS; None draws one): float64 [n, 2] in pixels.

    `speed` is the fastest step in pixels per frame. Paths other than `shuttle` and `dash`, which may leave the frame
    far behind, are reflected a little outside of the frame's border.
    """
    kind = kind or str(rng.choice(PATHS, p=_PATH_WEIGHTS))
    offset: Array
    direction = rng.uniform(0, 2 * np.pi)
    heading = np.array([np.cos(direction), np.sin(direction)])
    t = times[:, None]
    if kind == "still":
        return np.asarray(start + rng.uniform(0, 0.6) * wander(rng, times, 3.0, 2))
    if kind == "drift":
        offset = heading * t + rng.normal(0, 0.08, 2) * t**2
    elif kind == "wander":
        curve = wander(rng, times, rng.uniform(3, 9), 2)
        offset = curve - curve[:1]
    elif kind == "bounce":
        hop, start_phase = rng.uniform(3, 9), rng.uniform(0, 1)
        arc = np.mod(t / hop + start_phase, 1)
        height = 4 * arc * (1 - arc) - 4 * start_phase * (1 - start_phase)
        offset = np.hstack([heading[0] * t, -height * rng.uniform(1, 3) * hop * 0.3])
    elif kind == "orbit":
        turn = direction + t * float(rng.choice([-1, 1])) * 2 * np.pi / rng.uniform(6, 30)
        circle = np.hstack([np.cos(turn) - heading[0], np.sin(turn) - heading[1]])
        offset = circle * [1.0, rng.uniform(0.3, 1)]
    elif kind == "shuttle":
        phase = 2 * np.pi * t / rng.uniform(8, 20)
        sweep = heading * rng.uniform(0.4, 1.1) * size * min(1.0, 3 * speed / (0.1 * size))
        return np.asarray(start + sweep * np.sin(phase))
    else:
        offset = heading * np.maximum(t - rng.uniform(0, 0.5 * max(times.max(), 1)), 0)
    positions = start + _steps_at_most(offset, times, speed)
    if kind == "dash":
        return np.asarray(positions)
    return _fold(positions, -0.08 * size, 1.08 * size)


def spin(rng: Rng, times: Array, rate: float) -> Array:
    """Angle in radians, 0 at first: steady turning and swinging of about `rate` radians per frame: [n]."""
    steady = rng.normal(0, rate) * times if rng.random() < 0.5 else 0.0 * times
    swing = wander(rng, times, rng.uniform(2, 8))[:, 0]
    return np.asarray(steady + rng.uniform(0, 2.0) * rate * (swing - swing[0]))


def growth(rng: Rng, times: Array, rate: float) -> Array:
    """Scale factor, 1 at first, changing by about `rate` (as a share) per frame, within 0.4..2.5: [n]."""
    swing = wander(rng, times, rng.uniform(4, 10))[:, 0]
    steady = rng.normal(0, rate) * times
    return np.asarray(np.exp(np.clip(steady + 2 * rate * (swing - swing[0]), -0.9, 0.9)))


def poses(positions: Array, angles: Array, scales: Array) -> Array:
    """Poses which turn, scale and then move the origin to the positions: float64 [n, 3, 3]."""
    matrix = np.zeros((len(positions), 3, 3))
    cosine, sine = np.cos(angles) * scales, np.sin(angles) * scales
    matrix[:, 0, 0], matrix[:, 0, 1] = cosine, -sine
    matrix[:, 1, 0], matrix[:, 1, 1] = sine, cosine
    matrix[:, :2, 2] = positions
    matrix[:, 2, 2] = 1
    return matrix


def shift(x: float, y: float) -> Array:
    """The 3x3 matrix that moves by x, y pixels."""
    return np.array([[1.0, 0.0, x], [0.0, 1.0, y], [0.0, 0.0, 1.0]])


def stretch(x: float, y: float) -> Array:
    """The 3x3 matrix that scales by x and y."""
    return np.diag([x, y, 1.0])


def camera(rng: Rng, times: Array, size: int, strength: float) -> Array:
    """Poses of a moving camera about the frame's centre: pan, zoom, roll and hand shake, as [n, 3, 3].

    `strength` 0 is a tripod, 1 a fast pan of about 8 % of the frame per frame.
    """
    count, centre = len(times), size / 2
    pan = path(rng, times, np.zeros(2), strength * rng.uniform(0.1, 0.8) * 0.1 * size, size, "drift")
    if rng.random() < 0.6:
        curve = wander(rng, times, rng.uniform(4, 10), 2)
        pan = strength * rng.uniform(0.05, 0.25) * size * (curve - curve[:1])
    shake = strength * rng.choice([0.0, 0.004, 0.015]) * size * wander(rng, times, 1.3, 2)
    roll = 0.3 * strength * spin(rng, times, 0.05)
    zoom = growth(rng, times, 0.03 * strength)
    centred = poses(pan + shake + centre, roll, zoom)
    return np.asarray(centred @ np.broadcast_to(shift(-centre, -centre), (count, 3, 3)))


def with_parallax(view: Array, depth: float, size: int) -> Array:
    """The camera's poses for something at a depth: 1 moves with the background, over 1 (nearer) moves more."""
    centre = np.array([size / 2, size / 2, 1.0])
    nearer = view.copy()
    travel = (view @ centre)[:, :2] - centre[:2]
    nearer[:, :2, 2] += (depth - 1.0) * travel
    return nearer
