"""Foreground estimation: the object's own colour where its matte is soft, without the old background in it.

Germer, Uelwer, Conrad & Harmeling, "Fast Multi-Level Foreground Estimation", 2020: minimise
``(a F + (1 - a) B - I)^2`` plus a smoothness of F and B that is weaker across edges of alpha, level by level from a few
pixels up. Here each sweep updates the two colours of a chessboard in turn, so that it runs as whole-picture operations.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from compositing.errors import ImageError
from compositing.image import Image
from compositing.operations.alpha import color_planes, matte_plane, unpremultiply, with_alpha

_SMALL, _SMALL_SWEEPS, _SWEEPS = 32, 10, 2
_SMOOTHNESS, _ALPHA_WEIGHT = 1e-5, 1.0


def estimate_foreground(plate: Image, matte: Image) -> Image:
    """The plate's colour with the background taken out of it, straight, with the matte as its alpha.

    ``plate`` is opaque colour (its own alpha is not looked at), ``matte`` has channel A or one channel. Premultiply
    the result before merging it. Raises ImageError where the two differ in size.
    """
    cut = with_alpha(replace(plate, premultiplied=True) if "A" not in plate.channels else unpremultiply(plate), matte)
    color = color_planes(cut)
    pixels = cut.pixels.clone()
    pixels[color] = foreground_and_background(cut.pixels[color], matte_plane(cut))[0]
    return replace(cut, pixels=pixels)


def foreground_and_background(image: Tensor, alpha: Tensor) -> tuple[Tensor, Tensor]:
    """Both layers ``[C, H, W]`` of an image ``[C, H, W]`` under an alpha ``[H, W]`` of 0 to 1.

    The layers stay within the range of values that the image has (at least 0 to 1), so that highlights are kept.
    """
    if alpha.shape != image.shape[-2:]:
        raise ImageError(f"The matte is {tuple(alpha.shape)} pixels, the plate {tuple(image.shape[-2:])}.")
    low, high = min(0.0, float(image.min())), max(1.0, float(image.max()))
    cover = alpha.clamp(0, 1)
    foreground = _mean(image, cover)
    background = _mean(image, 1 - cover)
    for height, width in _levels(*alpha.shape):
        size = (height, width)
        small, weight = _nearest(image, size), _nearest(cover[None], size)
        layers = torch.cat([_nearest(foreground, size), _nearest(background, size)])
        for _ in range(_SMALL_SWEEPS if max(size) <= _SMALL else _SWEEPS):
            _sweep(layers, small, weight, low, high)
        foreground, background = layers[: len(image)], layers[len(image) :]
    # Where alpha is 1 or 0 the plate is the layer itself; smoothness must not soften it.
    return torch.where(cover >= 1, image, foreground), torch.where(cover <= 0, image, background)


def _levels(height: int, width: int) -> Iterator[tuple[int, int]]:
    """Sizes from one pixel to the whole, each about twice the one before."""
    steps = max(1, math.ceil(math.log2(max(height, width))))
    for step in range(steps + 1):
        yield round(height ** (step / steps)), round(width ** (step / steps))


def _sweep(layers: Tensor, image: Tensor, alpha: Tensor, low: float, high: float) -> None:
    """One Gauss-Seidel sweep over both colours of the chessboard; ``layers`` ``[2C, H, W]`` is changed in place.

    For each pixel, with d the weights to its four neighbours and s their sum, the two layers solve
    ``(a^2 + s) F + a(1-a) B = a I + sum d F'`` and ``a(1-a) F + ((1-a)^2 + s) B = (1-a) I + sum d B'``.
    """
    near = _neighbour_weights(alpha)
    total = torch.stack(near).sum(0)
    front, back = alpha, 1 - alpha
    first, cross, second = front * front + total, front * back, back * back + total
    scale = 1 / (first * second - cross * cross)
    known_front, known_back = front * image, back * image
    count = len(image)
    height, width = alpha.shape[-2:]
    board = (torch.arange(height)[:, None] + torch.arange(width)) % 2
    for parity in (0, 1):
        padded = F.pad(layers, (1, 1, 1, 1), mode="replicate")
        views = (padded[:, :-2, 1:-1], padded[:, 2:, 1:-1], padded[:, 1:-1, :-2], padded[:, 1:-1, 2:])
        pull = near[0] * views[0]
        for weight, view in zip(near[1:], views[1:], strict=True):
            pull.addcmul_(weight, view)
        want_front, want_back = known_front + pull[:count], known_back + pull[count:]
        solved = torch.cat([second * want_front - cross * want_back, first * want_back - cross * want_front])
        chosen = (board == parity).to(layers.device)
        torch.where(chosen, solved.mul_(scale).clamp_(low, high), layers, out=layers)


def _neighbour_weights(alpha: Tensor) -> tuple[Tensor, ...]:
    """Weights ``[1, H, W]`` to the pixels above, below, left and right; the border's neighbour is itself."""
    padded = F.pad(alpha[None], (1, 1, 1, 1), mode="replicate")[0]
    views = (padded[:, :-2, 1:-1], padded[:, 2:, 1:-1], padded[:, 1:-1, :-2], padded[:, 1:-1, 2:])
    return tuple(_SMOOTHNESS + _ALPHA_WEIGHT * (view - alpha).abs() for view in views)


def _nearest(planes: Tensor, size: tuple[int, int]) -> Tensor:
    return F.interpolate(planes[None], size=size, mode="nearest")[0]


def _mean(image: Tensor, weight: Tensor) -> Tensor:
    """The mean colour ``[C, 1, 1]`` where the weight is above nine tenths; black where it is nowhere so."""
    chosen = (weight > 0.9).to(image.dtype)
    mean: Tensor = (image * chosen).sum((1, 2), keepdim=True) / chosen.sum().clamp_min(1.0)
    return mean
