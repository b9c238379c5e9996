"""Baked colour conversions: a cube of colours in place of a slow OCIO transform, for previews and proxies."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from compositing.color import convert, resolve
from compositing.errors import ColorError

# Light is shaped by a logarithm with this much added, so that black lies at 0 and shadows get their share of the cube.
_TOE = 2.0**-8


@dataclass(frozen=True, slots=True)
class Lut:
    """A cube ``[1, 3, N, N, N]`` (blue, green, red) that takes ``source`` to ``target``.

    Values are clipped to 0..``top``; where that is above 1 they are spaced by a logarithm, as light needs.
    """

    cube: Tensor
    source: str
    target: str
    top: float

    def apply(self, pixels: Tensor) -> Tensor:
        """Colour ``[3, H, W]`` float32 looked up with trilinear interpolation, on the device of the pixels."""
        place = _shape(pixels.nan_to_num(0.0).clamp(0.0, self.top), self.top) * 2 - 1
        grid = place.permute(1, 2, 0)[None, None]
        found = F.grid_sample(self.cube.to(pixels.device), grid, align_corners=True, padding_mode="border")
        return found[0, :, 0]


def bake(source: str, target: str, *, size: int = 33, top: float = 1.0) -> Lut:
    """The conversion from one space to another as a cube of ``size`` points a side; ``top`` is its highest value.

    Good to about two codes of 8 bits well inside the target's gamut; at its border, where the target's curve is steep,
    errors of some hundredths remain: for previews and proxies only. Take ``top=1`` for encoded sources (log, camera,
    display), 16 or more for linear light. Raises ColorError for an unknown space, and for a cube of fewer than 2 or
    more than 129 points.
    """
    if not 2 <= size <= 129 or not 0 < top < math.inf:
        raise ColorError(f"A LUT of {size} points up to {top} cannot be baked; take 2 to 129 points and a top above 0.")
    values = _unshape(torch.linspace(0.0, 1.0, size), top)
    blue, green, red = torch.meshgrid(values, values, values, indexing="ij")
    colors = torch.stack([red, green, blue]).reshape(3, size * size, size)
    baked = convert(colors, source, target).reshape(1, 3, size, size, size)
    return Lut(baked.contiguous(), resolve(source), resolve(target), top)


def _shape(values: Tensor, top: float) -> Tensor:
    if top <= 1.0:
        return values / top
    return torch.log2(values / _TOE + 1) / math.log2(top / _TOE + 1)


def _unshape(place: Tensor, top: float) -> Tensor:
    if top <= 1.0:
        return place * top
    return (torch.exp2(place * math.log2(top / _TOE + 1)) - 1) * _TOE
