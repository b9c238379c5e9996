"""Grades: on straight colour, in the space that the image is in. Values above 1 and below 0 are kept unless told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from compositing.errors import ImageError
from compositing.image import Image
from compositing.operations.alpha import on_straight
from compositing.primaries import KNOWN, luminance_weights

Amount = float | Sequence[float]


@dataclass(frozen=True, slots=True)
class Cdl:
    """A colour decision of the ASC CDL, version 1.2: ``(in * slope + offset) ** power``, then saturation."""

    slope: Amount = 1.0
    offset: Amount = 0.0
    power: Amount = 1.0
    saturation: float = 1.0


def grade(
    image: Image,
    *,
    black_point: Amount = 0.0,
    white_point: Amount = 1.0,
    lift: Amount = 0.0,
    gain: Amount = 1.0,
    multiply: Amount = 1.0,
    offset: Amount = 0.0,
    gamma: Amount = 1.0,
) -> Image:
    """``(m x + n) ** (1/gamma)`` with ``m = multiply (gain - lift)/(white_point - black_point)`` and
    ``n = offset + lift - m black_point``.

    Every amount is one number or three, for R, G and B. Values of 0 or less pass the power unchanged. Raises
    ImageError where white and black points meet or gamma is not above 0.
    """
    black, white, power = _amount(black_point), _amount(white_point), _amount(gamma)
    if bool((black == white).any()) or bool((power <= 0).any()):
        raise ImageError("A grade needs a white point that differs from the black point, and a gamma above 0.")
    slope = _amount(multiply) * (_amount(gain) - _amount(lift)) / (white - black)
    add = _amount(offset) + _amount(lift) - slope * black
    linear = bool((add == 0).all()) and bool((power == 1).all())
    return on_straight(
        image,
        lambda color: _power(color * _on(slope, color) + _on(add, color), 1 / power),
        linear=linear,
        pointwise=True,
    )


def cdl(image: Image, decision: Cdl, *, clamp: bool = False) -> Image:
    """The image under a colour decision; ``clamp`` cuts to 0..1 after each step, as the ASC's own formula does.

    Without it, values of 0 or less pass the power unchanged (OCIO's "no clamp" style). Saturation turns about
    the luma of Rec.709, as the CDL has it. Raises ImageError for a slope below 0 or a power of 0 or less.
    """
    slope, power = _amount(decision.slope), _amount(decision.power)
    if bool((slope < 0).any()) or bool((power <= 0).any()) or decision.saturation < 0:
        raise ImageError("A CDL needs slopes and saturation of 0 or more, and powers above 0.")

    linear = not clamp and bool((_amount(decision.offset) == 0).all()) and bool((power == 1).all())

    def decide(color: Tensor) -> Tensor:
        linear = color * _on(slope, color) + _on(_amount(decision.offset), color)
        raised = _power(linear.clamp(0, 1) if clamp else linear, power)
        result = _saturated(raised, decision.saturation, (0.2126, 0.7152, 0.0722))
        return result.clamp(0, 1) if clamp else result

    return on_straight(image, decide, linear=linear, pointwise=True)


def saturation(image: Image, amount: float) -> Image:
    """``Y + amount (x - Y)`` with Y the luminance of the image's primaries (Rec.709's where they are not known)."""
    weights = weights_of(image.color_space)
    return on_straight(image, lambda color: _saturated(color, amount, weights), linear=True, pointwise=True)


def exposure(image: Image, stops: float) -> Image:
    """Colour times ``2 ** stops``: light as a lens stop gives it, where the image is linear."""
    return on_straight(image, lambda color: color * 2.0**stops, linear=True, pointwise=True)


def weights_of(color_space: str) -> tuple[float, float, float]:
    """What R, G and B add to luminance in a linear space by its name; those of Rec.709 where it is another."""
    return luminance_weights(KNOWN.get(color_space))


def luminance(color: Tensor, weights: tuple[float, float, float]) -> Tensor:
    """``[1, H, W]`` of colour ``[3, H, W]``; one plane is its own luminance."""
    if len(color) == 1:
        return color
    red, green, blue = weights
    return red * color[0:1] + green * color[1:2] + blue * color[2:3]


def _saturated(color: Tensor, amount: float, weights: tuple[float, float, float]) -> Tensor:
    if amount == 1.0:
        return color
    grey = luminance(color, weights)
    return grey + amount * (color - grey)


def _amount(value: Amount) -> Tensor:
    """``[1, 1, 1]`` or ``[3, 1, 1]``."""
    values = [float(value)] if isinstance(value, int | float) else [float(part) for part in value]
    if len(values) not in (1, 3):
        raise ImageError(f"An amount of a grade is one number, or three for R, G and B, not {len(values)}.")
    return torch.tensor(values).reshape(-1, 1, 1)


def _on(amount: Tensor, color: Tensor) -> Tensor:
    if len(amount) > len(color):
        raise ImageError("Amounts for R, G and B do not fit an image of luminance alone; give one number.")
    return amount.to(color.device)


def _power(color: Tensor, power: Tensor) -> Tensor:
    if bool((power == 1).all()):
        return color
    return torch.where(color > 0, color.clamp_min(0).pow(_on(power, color)), color)
