"""Grain: measured, taken away, and put on again so that what is added sits in the plate.

The picture is taken apart by the à trous wavelet transform with a cubic B-spline (Starck & Murtagh, "Image restoration
with noise suppression using the wavelet transform", 1994): scale 1 holds what is finer than two pixels, the next what
is finer than four, and so on. Grain is the standard deviation at each scale, which tells its size as well as its
strength. It is taken as even over the picture; work in a log or display encoding, where it nearly is.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from compositing.errors import ImageError
from compositing.image import Image
from compositing.operations.alpha import color_planes, on_straight, unpremultiply
from compositing.operations.filter import blur_planes

_SPLINE = (1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16)
_SCALES = 4
_ROUNDS = 4
_SAMPLES = 1 << 18
# The median of absolute values of a normal distribution is this part of its standard deviation.
_MEDIAN = 0.6745


@dataclass(frozen=True, slots=True)
class Grain:
    """Standard deviations ``[channel][scale]``, finest scale first, in the values of ``color_space``."""

    deviations: tuple[tuple[float, ...], ...]
    color_space: str


def measure_grain(image: Image) -> Grain:
    """The grain of a plate, from the median of each scale where alpha is 1, robust to edges and texture.

    A cropped flat part of the plate gives the best figures. Raises ImageError where fewer than 64 pixels are opaque.
    """
    plain = unpremultiply(image)
    return _measured(image, decompose(plain.pixels[color_planes(plain)])[0])


def _measured(image: Image, details: list[Tensor]) -> Grain:
    """The grain of an image whose details are known, from some hundred thousand of its pixels."""
    alpha = image.alpha
    solid = torch.arange(image.pixels[0].numel()) if alpha is None else (alpha >= 0.999).flatten().nonzero()[:, 0]
    if len(solid) < 64:
        raise ImageError("Grain is measured on 64 opaque pixels at least; give a larger part of the plate.")
    some = solid[:: max(1, len(solid) // _SAMPLES)].to(image.pixels.device)
    measured = [scale.flatten(1)[:, some].abs().median(1).values.div(_MEDIAN).tolist() for scale in details]
    return Grain(tuple(zip(*measured, strict=True)), image.color_space)


def remove_grain(image: Image, grain: Grain | None = None, *, strength: float = 1.0) -> Image:
    """The image with details below ``3 strength`` deviations of the grain shrunk away, larger ones kept.

    Details are weighed by ``d^4/(d^4 + t^4)``, smooth, so that no texture flips on and off between frames. Where no
    grain is given, the image's own is measured.
    """

    def clean(color: Tensor) -> Tensor:
        details, rest = decompose(color)
        thresholds = _planes(grain or _measured(image, details), image) * (3.0 * strength)
        for detail, limit in zip(details, thresholds.to(color.device), strict=True):
            fourth = detail.square().square_()
            weight = fourth / (fourth + limit[:, None, None].pow(4)).clamp_min_(1e-30)
            rest = rest.addcmul_(detail, weight)
        return rest

    return on_straight(image, clean)


def add_grain(image: Image, grain: Grain, *, frame: int = 0, seed: int = 0, amount: float = 1.0) -> Image:
    """The image with fresh grain of those deviations, the same for the same frame and seed; alpha is not grained."""
    deviations = _planes(grain, image) * amount
    generator = torch.Generator().manual_seed((seed << 32) + (frame & 0xFFFFFFFF))

    def grained(color: Tensor) -> Tensor:
        return color + _synthesise(deviations, color.shape[-2], color.shape[-1], generator).to(color.device)

    return on_straight(image, grained)


def match_grain(image: Image, plate: Image, *, frame: int = 0, seed: int = 0) -> Image:
    """The image with its own grain taken away and the plate's put on.

    Raises ImageError where the two are of different colour spaces, as deviations then do not compare.
    """
    return add_grain(remove_grain(image), measure_grain(plate), frame=frame, seed=seed)


def decompose(planes: Tensor, scales: int = _SCALES) -> tuple[list[Tensor], Tensor]:
    """Details ``[C, H, W]`` per scale and what rests; their sum is the picture."""
    details, smooth = [], planes
    for scale in range(scales):
        coarser = _spline(smooth, 1 << scale)
        details.append(smooth - coarser)
        smooth = coarser
    return details, smooth


def _spline(planes: Tensor, step: int) -> Tensor:
    """One smoothing with holes of ``step`` pixels, borders repeated."""
    kernel = torch.zeros(4 * step + 1)
    kernel[::step] = torch.tensor(_SPLINE)
    return blur_planes(F.pad(planes[None], (2 * step,) * 4, mode="replicate")[0], kernel)


def _planes(grain: Grain, image: Image) -> Tensor:
    """``[scale, channel]`` deviations for the image's colour planes."""
    if grain.color_space != image.color_space:
        raise ImageError(
            f"The grain was measured in {grain.color_space}, the image is in {image.color_space}; convert one of them."
        )
    count = len(color_planes(image))
    if len(grain.deviations) != count:
        raise ImageError(f"The grain has {len(grain.deviations)} channels of colour, the image {count}.")
    return torch.tensor(grain.deviations).T


def _synthesise(deviations: Tensor, height: int, width: int, generator: torch.Generator) -> Tensor:
    """Noise ``[C, H, W]`` whose details have the wanted deviation at each scale."""
    scales, count = deviations.shape
    noise = torch.randn(count, height, width, generator=generator)
    # Scales overlap, so that raising one raises its neighbours: a few rounds settle them.
    for _ in range(_ROUNDS):
        details, _ = decompose(noise, scales)
        own = torch.stack([detail.flatten(1).std(1, correction=0) for detail in details]).clamp_min(1e-6)
        gains = (deviations / own)[:, :, None, None]
        noise = (torch.stack(details) * gains).sum(0)
    return noise
