"""Alpha: premultiplied and straight colour, given, taken away and shared out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from compositing.errors import ImageError
from compositing.image import Image, paste
from compositing.operations.bands import empty, row_bands

# Below it, colour divided by alpha says nothing of the object any more: it is light that was added.
_FAINT = 1e-6


def ratio(numerator: Tensor, denominator: Tensor) -> Tensor:
    """The quotient, 0 where the denominator is 0."""
    empty = denominator == 0
    return (numerator / denominator.masked_fill(empty, 1.0)).masked_fill(empty, 0.0)


def faint(alpha: Tensor) -> Tensor:
    """Where alpha is (nearly) 0, so that colour there is added light."""
    return alpha.abs() < _FAINT


def straight(color: Tensor, alpha: Tensor) -> Tensor:
    """Premultiplied colour divided by alpha, 0 where alpha is (nearly) 0."""
    empty = faint(alpha)
    return (color / alpha.masked_fill(empty, 1.0)).masked_fill(empty, 0.0)


def opaque(image: Image) -> Image:
    """The image with an alpha of 1 all over its data window, where it has none."""
    if "A" in image.channels:
        return image
    pixels = torch.cat([image.pixels, torch.ones_like(image.pixels[:1])])
    return replace(image, pixels=pixels, channels=(*image.channels, "A"))


def premultiply(image: Image) -> Image:
    """Colour times alpha; images that are premultiplied already, or have no alpha, are given back."""
    if image.premultiplied or "A" not in image.channels:
        return replace(image, premultiplied=True)
    return replace(_by_alpha(image, torch.mul), premultiplied=True)


def unpremultiply(image: Image) -> Image:
    """Colour divided by alpha; where alpha is 0 (below 1e-6) colour is left as it is, so that added light stays."""
    if not image.premultiplied or "A" not in image.channels:
        return image
    return replace(_by_alpha(image, lambda color, alpha: color / _dividing(alpha)), premultiplied=False)


def _by_alpha(image: Image, operation: Callable[[Tensor, Tensor], Tensor]) -> Image:
    """An operation of two tensors on every plane and alpha, alpha itself excepted."""
    place = image.channels.index("A")
    pixels = empty(tuple(image.pixels.shape), image.pixels.device)
    for rows in row_bands(image.pixels):
        here, there = image.pixels[:, rows], pixels[:, rows]
        there.copy_(operation(here, here[place]))
        there[place] = here[place]
    return replace(image, pixels=pixels)


def _dividing(alpha: Tensor) -> Tensor:
    """Alpha, 1 where it is (nearly) 0, to divide by."""
    return alpha.masked_fill(faint(alpha), 1.0)


def on_straight(
    image: Image, operation: Callable[[Tensor], Tensor], *, linear: bool = False, pointwise: bool = False
) -> Image:
    """``operation`` on the straight colour ``[3, H, W]`` (or one plane ``[1, H, W]``), premultiplied state kept.

    Added light, colour where alpha is 0, goes through the operation as it is. Other channels are not touched. A
    ``linear`` operation gives k times the result for k times the colour, so that alpha need not be divided out; a
    ``pointwise`` one looks at one pixel at a time, and is called for a band of rows after the other.
    """
    color = _span(color_planes(image))
    pixels = empty(tuple(image.pixels.shape), image.pixels.device)
    others = [place for place in range(len(pixels)) if place not in color_planes(image)]
    covered = None if linear or not image.premultiplied else image.alpha
    for rows in row_bands(image.pixels) if pointwise else [slice(None)]:
        here, there = image.pixels[:, rows], pixels[:, rows]
        there[others] = here[others]
        if covered is None:
            there[color] = operation(here[color])
        else:
            weights = _dividing(covered[rows])
            there[color] = operation(here[color] / weights).mul_(weights)
    return replace(image, pixels=pixels)


def _span(planes: list[int]) -> slice | list[int]:
    """Planes that follow each other as a slice, which gives a view in place of a copy."""
    follow = planes == list(range(planes[0], planes[0] + len(planes)))
    return slice(planes[0], planes[-1] + 1) if follow else planes


def color_planes(image: Image) -> list[int]:
    """Where R, G and B lie in the pixels, or Y alone. Raises ImageError where the image has neither."""
    if all(name in image.channels for name in "RGB"):
        return [image.channels.index(name) for name in "RGB"]
    if "Y" in image.channels:
        return [image.channels.index("Y")]
    raise ImageError(f"The image has no colour; its channels are {', '.join(image.channels)}.")


def with_alpha(image: Image, matte: Image) -> Image:
    """The colour of an image with the matte as its alpha, straight; outside the matte's data window alpha is 0.

    The image must be straight or have no alpha: colour that was multiplied by another alpha is unpremultiplied first.
    Raises ImageError where the display windows differ or the matte has several channels and none of them is A.
    """
    if image.display != matte.display:
        raise ImageError(f"The matte is {matte.display}, the image {image.display}; reformat one of them first.")
    plane = paste(matte_plane(matte)[None], matte.data, image.data).to(image.pixels.device)
    source = unpremultiply(image)
    kept = [index for index, name in enumerate(source.channels) if name != "A"]
    channels = (*(source.channels[index] for index in kept), "A")
    return replace(source, pixels=torch.cat([source.pixels[kept], plane]), channels=channels, premultiplied=False)


def without_alpha(image: Image) -> Image:
    """The colour as it is, premultiplied or not, without channel A."""
    kept = [index for index, name in enumerate(image.channels) if name != "A"]
    if not kept:
        raise ImageError("The image has alpha alone; there is no colour to keep.")
    channels = tuple(image.channels[index] for index in kept)
    return replace(image, pixels=image.pixels[kept], channels=channels, premultiplied=True)


def matte_plane(matte: Image) -> Tensor:
    """The plane ``[H, W]`` of channel A, or of the only channel. Raises ImageError where that is not clear."""
    if "A" in matte.channels:
        return matte.channel("A")
    if len(matte.channels) == 1:
        return matte.pixels[0]
    raise ImageError(f"The matte has the channels {', '.join(matte.channels)}; give it one, or name one A.")
