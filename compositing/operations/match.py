"""Colour match: the foreground brought to the colours of its new background."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import torch
from torch import Tensor

from compositing.errors import ImageError
from compositing.image import Image
from compositing.operations.alpha import color_planes, on_straight, unpremultiply
from compositing.operations.pairs import check_spaces

Method = Literal["gain", "deviation", "covariance"]


def color_match(
    image: Image, reference: Image, *, method: Method = "deviation", amount: float = 1.0, limit: float = 4.0
) -> Image:
    """The image's colours moved towards those of the reference; each pixel counts by its alpha.

    - ``gain``: every channel times one factor, so that the means agree (light of another colour; black stays black).
    - ``deviation``: mean and standard deviation of every channel (Reinhard and others, "Color Transfer between
      Images", 2001, on the image's own channels).
    - ``covariance``: mean and covariance by the linear map that moves colours least (Pitié & Kokaram, "The Linear
      Monge-Kantorovitch Linear Colour Mapping", 2007).

    ``amount`` mixes with the image as it was; ``limit`` bounds gains to 1/limit..limit. Sizes may differ. Raises
    ColorError where the colour spaces differ, ImageError where one of the two has no visible pixel.
    """
    check_spaces(image, reference)
    mean, covariance = _statistics(image)
    aim, spread = _statistics(reference)
    if len(mean) != len(aim):
        raise ImageError("One image has R, G and B, the other luminance alone; give both the same channels.")
    if method == "gain":
        matrix = torch.diag((aim / mean.clamp_min(1e-6)).clamp(1 / limit, limit))
        offset = torch.zeros_like(mean)
    else:
        matrix = _deviation(covariance, spread, limit) if method == "deviation" else _monge(covariance, spread, limit)
        offset = aim - matrix @ mean
    identity = torch.eye(len(mean), dtype=matrix.dtype)
    matrix, offset = torch.lerp(identity, matrix, amount).float(), (offset * amount).float()

    def moved(color: Tensor) -> Tensor:
        turned = torch.einsum("ij,jhw->ihw", matrix.to(color.device), color)
        return turned + offset.to(color.device)[:, None, None]

    result = on_straight(image, moved, pointwise=True)
    return _only_seen(image, result) if "A" in image.channels else result


def _only_seen(before: Image, after: Image) -> Image:
    """The change where alpha is above 0; what lies under no alpha is added light and stays."""
    pixels = torch.where(before.channel("A") > 0, after.pixels, before.pixels)
    return replace(after, pixels=pixels)


def _statistics(image: Image) -> tuple[Tensor, Tensor]:
    """Mean ``[C]`` and covariance ``[C, C]`` of straight colour weighted by alpha, float64 on the CPU."""
    plain = unpremultiply(image)
    color = plain.pixels[color_planes(plain)].double().flatten(1).cpu()
    alpha = plain.alpha
    weight = torch.ones_like(color[0]) if alpha is None else alpha.double().flatten().cpu().clamp(0, 1)
    total = weight.sum()
    if total < 1e-3:
        raise ImageError("An image to match colours with has no visible pixel; check its alpha.")
    mean = (color * weight).sum(1) / total
    centred = color - mean[:, None]
    return mean, (centred * weight) @ centred.T / total


def _deviation(own: Tensor, other: Tensor, limit: float) -> Tensor:
    return torch.diag((other.diagonal() / own.diagonal().clamp_min(1e-12)).sqrt().clamp(1 / limit, limit))


def _monge(own: Tensor, other: Tensor, limit: float) -> Tensor:
    """``S^-1/2 (S^1/2 T S^1/2)^1/2 S^-1/2``, its gains bounded along its axes."""
    floor = 1e-8 * torch.eye(len(own), dtype=own.dtype)
    root = _root(own + floor)
    back = torch.linalg.inv(root)
    return _bounded(back @ _root(root @ (other + floor) @ root) @ back, limit)


def _root(matrix: Tensor) -> Tensor:
    values, vectors = torch.linalg.eigh(matrix)
    root: Tensor = vectors @ torch.diag(values.clamp_min(0).sqrt()) @ vectors.T
    return root


def _bounded(matrix: Tensor, limit: float) -> Tensor:
    values, vectors = torch.linalg.eigh((matrix + matrix.T) / 2)
    bounded: Tensor = vectors @ torch.diag(values.clamp(1 / limit, limit)) @ vectors.T
    return bounded
