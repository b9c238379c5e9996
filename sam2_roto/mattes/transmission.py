"""What shines through an object: light that stays with the ground while the object moves over it.

On each pixel of the object, followed as it goes, light is what the object gives and a part of the ground's:
I(t) = A + T B(t). Over the frames round one A and the transmission T stay as they are while the ground B beneath
changes, so T is the slope of a regression, over all frames and a small window. B is known where it is uncovered on some
frame. Where T is sure, B is seen through the object; so the ground becomes known farther and farther in (compare the
separation of layers by Szeliski, Avidan & Anandan 2000). No frame is explained by a ground that it has itself told of:
else whatever changes would pass for what shines through. And the ground must explain more than it does when it is
shifted aside.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sam2_roto.mattes.affine import carried, fetched
from sam2_roto.mattes.layers import Layers, fine_detail, part_layers
from sam2_roto.mattes.scene import Scene

Array = NDArray[Any]

_PASSES = 6
_WINDOW = 0.0068  # of the diagonal: deviation of the gaussian window of a regression
_ASIDE = 0.016  # of the diagonal: how far the ground is shifted to see what chance explains
_CHANCE = 0.75  # part of that which is taken off
_DOUBT, _SURE = 0.1, 0.3  # correlation, beyond chance, from which T is believed a little, and wholly
_FRAMES = 1.5  # frames that it takes at least; one more is enough
_VARIED = 6e-5  # the ground's variation, as light squared, that is enough
_KNOWN = 0.3  # of one frame, from which a ground is known
_UNCOVERED = 4.0  # how much more an uncovered ground counts than one seen through the object
_LEAST = 0.15  # T from which something is seen through it
_FAINT = 0.1  # T up to which nothing is let through; twice that counts fully
_FLAT = 1e-5
_NARROW = 0.0055  # of the diagonal: half the width of a spot that is too narrow to be believed


@dataclass(frozen=True)
class _Ground:
    """The sum of what is known of the ground, its weight, and what each frame has told of that, laid on the object."""

    total: Array
    weight: Array
    own_total: Array
    own_weight: Array


@dataclass(frozen=True)
class _Fit:
    """The regression of each pixel: transmission, how sure it is, both ``[h, w]``, and its own light A ``[h, w]``."""

    slope: Array
    sure: Array
    own: Array


def see_through(alpha: Tensor, scene: Scene) -> Tensor:
    """A matte of a scene's frame ``[H, W]``, lowered to 1 - T where the ground shines through the object; never raised.

    The scene's own mattes say where the object is.
    """
    layers = part_layers(scene)
    if layers is None:
        return alpha
    slope, sure = transmission(layers)
    if not sure.any():
        return alpha
    x0, y0, x1, y1 = layers.box
    most = np.ones(layers.size, np.float32)
    most[y0:y1, x0:x1] -= slope * sure
    whole = cv2.resize(most, (alpha.shape[1], alpha.shape[0]), interpolation=cv2.INTER_LINEAR)
    return torch.minimum(alpha, torch.from_numpy(whole).to(alpha))


def transmission(layers: Layers) -> tuple[Array, Array]:
    """How much of the ground's light comes through each pixel, and how far that is to be believed.

    Two of float32 ``[h, w]``, 0 to 1.
    """
    nothing = np.zeros_like(layers.seen)
    ground = _Ground(_UNCOVERED * layers.ground, _UNCOVERED * layers.known, nothing, nothing)
    for turn in range(_PASSES):
        fit = _fitted(layers, ground)
        if turn == _PASSES - 1 or not fit.sure.any():
            break
        ground = _seen_through(layers, fit)
    return fit.slope, fit.sure


def _fitted(layers: Layers, ground: _Ground) -> _Fit:
    """The slope of what is seen over what lies beneath, for each pixel."""
    diagonal = math.hypot(*layers.size)
    beneath, weight = _beneath(layers, ground)
    fine = np.stack([fine_detail(*one, diagonal) for one in zip(layers.seen, weight, strict=True)])
    below = np.stack([fine_detail(*one, diagonal) for one in zip(beneath, weight, strict=True)])
    count = weight.sum(0)
    window = _Window(layers.solid, _WINDOW * diagonal)
    change, under = _departures(fine, weight, count), _departures(below, weight, count)
    both, varied = window(weight * change * under), window(weight * under**2)
    spread = window(weight * change**2)
    slope = np.clip(both / (varied + _FLAT), 0, 1)
    explained = np.clip(both / np.sqrt(varied * spread + 1e-12), 0, 1)
    frames = window(count) / np.maximum(window(np.ones_like(count)), 1e-3)
    sure = np.clip(frames - _FRAMES, 0, 1) * np.clip(varied / _VARIED, 0, 1) * np.clip(slope / _FAINT - 1, 0, 1)
    explained = np.where(sure > 0, explained, 0)
    if (explained > _DOUBT).any():
        explained = explained - _CHANCE * _by_chance(change, below, weight, window, spread, round(_ASIDE * diagonal))
    sure = _wide(sure * np.clip((explained - _DOUBT) / (_SURE - _DOUBT), 0, 1), _NARROW * diagonal)
    own = _mean(layers.seen, weight, count) - slope * _mean(beneath, weight, count)
    return _Fit(slope.astype(np.float32), sure.astype(np.float32), own)


def _wide(sure: Array, radius: float) -> Array:
    """What is sure, without spots narrower than ``radius`` pixels on each side."""
    side = 2 * max(1, round(radius)) + 1
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    opened = cv2.dilate(cv2.morphologyEx(sure.astype(np.float32), cv2.MORPH_OPEN, disc), disc)
    return np.asarray(np.minimum(sure, opened))


def _beneath(layers: Layers, ground: _Ground) -> tuple[Array, Array]:
    """The ground under each pixel of the object on every frame, by all other frames, and its weight: ``[n, h, w]``."""
    found, weights = [], []
    for way, inside, total, weight in zip(
        layers.beneath, layers.inside, ground.own_total, ground.own_weight, strict=True
    ):
        known = fetched(ground.weight, way, weight) - weight
        found.append((fetched(ground.total, way, weight) - total) / np.maximum(known, 1e-4))
        believed = np.minimum(known, 1) * inside
        weights.append(np.where(believed > _KNOWN, believed, 0))
    return np.stack(found).astype(np.float32), np.stack(weights).astype(np.float32)


def _seen_through(layers: Layers, fit: _Fit) -> _Ground:
    """What is known of the ground once it is looked at through the object."""
    clear = np.where(fit.slope > _LEAST, fit.sure * fit.slope**2, 0).astype(np.float32)
    total, weight = _UNCOVERED * layers.ground, _UNCOVERED * layers.known
    own: list[tuple[Array, Array]] = []
    for way, seen, inside in zip(layers.beneath, layers.seen, layers.inside, strict=True):
        share = clear * inside
        told = carried(share * (seen - fit.own) / np.maximum(fit.slope, _LEAST), way), carried(share, way)
        total, weight = total + told[0], weight + told[1]
        own.append((fetched(told[0], way, share), fetched(told[1], way, share)))
    return _Ground(total, weight, np.stack([one for one, _ in own]), np.stack([one for _, one in own]))


@dataclass(frozen=True)
class _Window:
    """Sums over the frames and over a gaussian window of the object's pixels."""

    solid: Array
    sigma: float

    def __call__(self, values: Array) -> Array:
        flat = values.sum(0) if values.ndim == 3 else values
        return np.asarray(cv2.GaussianBlur((flat * self.solid).astype(np.float32), (0, 0), self.sigma))


def _mean(values: Array, weight: Array, count: Array) -> Array:
    return np.asarray((weight * values).sum(0) / np.maximum(count, 1e-6))


def _departures(values: Array, weight: Array, count: Array) -> Array:
    """How far the frames depart from each pixel's mean: ``[n, h, w]``."""
    return np.asarray(values - _mean(values, weight, count))


def _by_chance(change: Array, below: Array, weight: Array, window: _Window, spread: Array, aside: int) -> Array:
    """The largest correlation with a ground that is shifted to one of four sides: ``[h, w]``."""
    found = np.zeros_like(spread)
    count = weight.sum(0)
    for shift in ((0, aside), (0, -aside), (aside, 0), (-aside, 0)):
        other = _departures(np.roll(below, shift, (1, 2)), weight, count)
        both, varied = window(weight * change * other), window(weight * other**2)
        found = np.maximum(found, np.abs(both) / np.sqrt(varied * spread + 1e-12))
    return found
