"""Filters: gaussian, box and lens blur, erode and dilate, colour carried on beyond its alpha. Sizes are in pixels."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Literal

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from compositing.errors import ImageError
from compositing.image import Image
from compositing.operations.alpha import color_planes
from compositing.operations.pairs import check_premultiplied

Edges = Literal["black", "repeat"]
Shape = Literal["square", "disc"]


def gaussian(image: Image, sigma: float, *, edges: Edges = "black") -> Image:
    """Blurred by a gaussian of standard deviation ``sigma``, cut at 3 sigma.

    ``edges="black"`` grows the data window by what the blur spreads; ``"repeat"`` keeps the window and takes the
    pixels beyond it as its nearest ones, which a full plate wants. Images must be premultiplied.
    """
    return _separable(image, gaussian_kernel(sigma), edges)


def box(image: Image, width: float, *, edges: Edges = "black") -> Image:
    """Blurred by the mean over a square ``width`` pixels wide, fractions counted in part; see ``gaussian``."""
    return _separable(image, box_kernel(width), edges)


def defocus(image: Image, radius: float, *, blades: int = 0, angle: float = 0.0, edges: Edges = "black") -> Image:
    """Blurred as by a lens out of focus: the mean over its aperture; see ``gaussian`` for ``edges``.

    The aperture is a disc, or a regular polygon of ``blades`` corners turned by ``angle`` degrees. In linear light
    bright points keep their energy and show its shape.
    """
    check_premultiplied(image)
    kernel = aperture(radius, blades, angle)
    margin = kernel.shape[0] // 2
    padded = _pad(image, margin, margin, edges)
    height, width = padded.shape[-2:]
    # Rolled so that the kernel's centre lies at the origin, the product of spectra is the blur itself.
    spectrum = torch.fft.rfft2(F.pad(kernel, (0, width - len(kernel), 0, height - len(kernel))).to(padded.device))
    blurred = torch.fft.irfft2(torch.fft.rfft2(padded) * spectrum, s=(height, width))
    blurred = blurred.roll((-margin, -margin), (-2, -1))
    return _placed(image, blurred, margin, edges)


def erode(image: Image, radius: float, *, shape: Shape = "disc", edges: Edges = "black") -> Image:
    """The minimum of every channel over a square or a disc of that radius; part pixels are interpolated."""
    return _placed_extreme(image, radius, shape, edges, -1.0)


def dilate(image: Image, radius: float, *, shape: Shape = "disc", edges: Edges = "black") -> Image:
    """The maximum of every channel over a square or a disc of that radius; part pixels are interpolated.

    ``edges`` is as in ``gaussian``.
    """
    return _placed_extreme(image, radius, shape, edges, 1.0)


def edge_extend(image: Image, *, core: float = 0.99) -> Image:
    """Colour carried on beyond its alpha: where alpha is below ``core`` it comes from the nearest surroundings.

    The result is straight colour with the alpha as it was; premultiply it again for an edge without the old
    background. By pushing means down a pyramid and pulling them up (Gortler and others, "The Lumigraph", 1996).
    """
    if "A" not in image.channels:
        raise ImageError("The image has no alpha, so there is no edge to carry colour over.")
    alpha, color = image.channel("A"), color_planes(image)
    weight = (alpha >= core).float()[None]
    planes = image.pixels[color]
    if image.premultiplied:
        planes = planes / torch.where(weight > 0, alpha[None], torch.ones_like(weight))
    pixels = image.pixels.clone()
    pixels[color] = _fill(planes * weight, weight)
    return replace(image, pixels=pixels, premultiplied=False)


def cut_by_frame(image: Image) -> Image:
    """The image with a line of black on every side of its data window but where the frame (display window) cuts it.

    Filters that repeat the border then carry on what the frame cuts off, and nothing else.
    """
    inside = image.data.grown(1).intersection(image.display)
    return image if inside is None else image.cropped(inside.union(image.data))


def gaussian_kernel(sigma: float) -> Tensor:
    """``[K]`` taps of a gaussian, K odd, sum 1; each the density at its pixel's centre."""
    _check_size(sigma, "sigma")
    reach = math.ceil(3.0 * sigma)
    if reach == 0:
        return torch.ones(1)
    steps = torch.arange(-reach, reach + 1, dtype=torch.float64)
    taps = torch.exp(-0.5 * (steps / sigma) ** 2)
    return (taps / taps.sum()).float()


def box_kernel(width: float) -> Tensor:
    """``[K]`` equal taps over ``width`` pixels, K odd, the outer ones in part, sum 1."""
    _check_size(width, "width")
    reach = math.ceil(max(width - 1.0, 0.0) / 2.0)
    steps = torch.arange(-reach, reach + 1, dtype=torch.float64).abs()
    taps = (max(width, 1.0) / 2.0 - steps + 0.5).clamp(0.0, 1.0)
    return (taps / taps.sum()).float()


def aperture(radius: float, blades: int = 0, angle: float = 0.0, samples: int = 8) -> Tensor:
    """``[K, K]``: how much of each pixel the aperture covers, K odd, sum 1. A polygon's corners are at ``radius``."""
    _check_size(radius, "radius")
    if blades in (1, 2) or blades < 0:
        raise ImageError(f"An aperture of {blades} blades has no area; take 3 or more, or 0 for a disc.")
    reach = math.ceil(radius)
    size = 2 * reach + 1
    steps = (torch.arange(size * samples, dtype=torch.float64) + 0.5) / samples - size / 2.0
    y, x = torch.meshgrid(steps, steps, indexing="ij")
    distance = torch.hypot(x, y)
    if blades:
        sector = 2.0 * math.pi / blades
        turned = torch.remainder(torch.atan2(y, x) - math.radians(angle), sector) - sector / 2.0
        distance = distance * turned.cos() / math.cos(sector / 2.0)
    inside = (distance <= max(radius, 0.5)).double()
    cover = inside.reshape(size, samples, size, samples).mean(dim=(1, 3))
    return (cover / cover.sum()).float()


def blur_planes(planes: Tensor, kernel: Tensor) -> Tensor:
    """Planes ``[C, H, W]`` correlated with a symmetric kernel ``[K]`` in both directions; ``[C, H-K+1, W-K+1]``."""
    reach = len(kernel) // 2
    if reach == 0:
        return planes
    if planes.device.type == "cpu":
        weights = kernel.numpy()
        height, width = planes.shape[-2:]
        done = [cv2.sepFilter2D(plane.contiguous().numpy(), cv2.CV_32F, weights, weights) for plane in planes.detach()]
        return torch.from_numpy(np.stack(done))[:, reach : height - reach, reach : width - reach]
    taps = kernel.to(planes.device)
    across = F.conv2d(planes[:, None], taps.reshape(1, 1, 1, -1))
    return F.conv2d(across, taps.reshape(1, 1, -1, 1))[:, 0]


def _check_size(size: float, name: str) -> None:
    if not 0.0 <= size < math.inf:
        raise ImageError(f"The {name} of a filter is {size}; give a number of pixels, 0 or more.")


def _separable(image: Image, kernel: Tensor, edges: Edges) -> Image:
    check_premultiplied(image)
    margin = len(kernel) // 2
    return _placed(image, blur_planes(_pad(image, margin, margin, edges), kernel), margin, edges)


def _pad(image: Image, own: int, spread: int, edges: Edges) -> Tensor:
    """The pixels with what a filter of that reach looks at: repeated borders, or zeros for it to spread into."""
    if edges == "repeat":
        return F.pad(image.pixels[None], (own,) * 4, mode="replicate")[0]
    return F.pad(image.pixels, (own + spread,) * 4)


def _placed(image: Image, filtered: Tensor, margin: int, edges: Edges) -> Image:
    """A filter's result cut to the window it is to cover; circular and valid filters are told by their size."""
    window = image.data if edges == "repeat" else image.data.grown(margin)
    down = (filtered.shape[-2] - window.height) // 2
    across = (filtered.shape[-1] - window.width) // 2
    pixels = filtered[:, down : down + window.height, across : across + window.width].contiguous()
    return replace(image, pixels=pixels, data=window)


def _placed_extreme(image: Image, radius: float, shape: Shape, edges: Edges, sign: float) -> Image:
    check_premultiplied(image)
    _check_size(radius, "radius")
    margin = math.ceil(radius)
    padded = _pad(image, margin, margin, edges) * sign
    whole, rest = int(radius), radius - int(radius)
    inner = _maximum(padded, whole, shape)
    if rest:
        inner = torch.lerp(inner, _maximum(padded, whole + 1, shape), rest)
    return _placed(image, inner * sign, margin if sign > 0 else 0, edges)


def _maximum(planes: Tensor, radius: int, shape: Shape) -> Tensor:
    """The maximum over a square or disc, as large as the planes ``[C, H, W]``; beyond them nothing is larger."""
    if radius == 0:
        return planes
    result = torch.empty_like(planes)
    for plane, there in zip(planes, result, strict=True):  # one that stays in cache
        if shape == "square":
            there.copy_(_run(_run(plane, radius).T, radius).T)
        else:
            _disc(plane, radius, there)
    return result


def _disc(plane: Tensor, radius: int, out: Tensor) -> None:
    """The maximum over a disc: that over the rows of the disc, each moved to its place."""
    out.copy_(plane)
    height = len(plane)
    runs: dict[int, Tensor] = {}
    for step in range(-radius, radius + 1):
        reach = int(math.sqrt((radius + 0.5) ** 2 - step * step))
        if reach not in runs:
            runs[reach] = _run(plane, reach)
        to, source = slice(max(0, -step), height - max(0, step)), slice(max(0, step), height - max(0, -step))
        torch.maximum(out[to], runs[reach][source], out=out[to])


def _run(plane: Tensor, reach: int) -> Tensor:
    """The maximum over ``2 reach + 1`` columns: windows are doubled, and two of them overlap to the width wanted."""
    length, width = 2 * reach + 1, 1
    widest = F.pad(plane, (reach, reach), value=-math.inf)
    while 2 * width <= length:
        widest = torch.maximum(widest[:, :-width], widest[:, width:])
        width *= 2
    rest = length - width
    return torch.maximum(widest[:, : widest.shape[1] - rest], widest[:, rest:])


def _fill(color: Tensor, weight: Tensor) -> Tensor:
    """Colour times weight, ``[C, H, W]``, made whole where the weight is below 1 from coarser and coarser means."""
    height, width = weight.shape[-2:]
    if max(height, width) == 1 or bool((weight >= 1).all()):
        return color / weight.clamp_min(1e-6)
    down = (0, width % 2, 0, height % 2)
    smaller = F.avg_pool2d(F.pad(color, down), 2), F.avg_pool2d(F.pad(weight, down), 2)
    full = smaller[1].clamp_min(1e-6).clamp_max(0.25) / 0.25
    coarse = _fill(smaller[0] / smaller[1].clamp_min(1e-6) * full, full * (smaller[1] > 0))
    size = (2 * coarse.shape[-2], 2 * coarse.shape[-1])
    raised = F.interpolate(coarse[None], size=size, mode="bilinear", align_corners=False)[0][:, :height, :width]
    return color + (1 - weight) * raised
