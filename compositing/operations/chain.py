"""Several point operations in one pass over memory: the pictures are cut into bands that stay in cache all the way."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import reduce

from torch import Tensor

from compositing.errors import ImageError
from compositing.image import Image, Window
from compositing.operations.bands import bands
from compositing.operations.pairs import part, target


def chain(
    compute: Callable[..., Image], *images: Image, window: Window | None = None, out: Tensor | None = None
) -> Image:
    """``compute(*images)``, called for a band of rows at a time with the parts of the images that lie in it.

    What ``compute`` keeps between its operations never leaves the cache, so that five operations read and write
    memory about as often as one. They must be point operations, which look at one pixel of each image: merges,
    blends, grades, mixes, despill, alpha, colour spaces. Filters, transforms and all that measures a picture come
    before or after, and so does an offset on pictures that do not fill the frame: how much of the black round them it
    lights depends on their data windows. On a GPU the whole picture is one band.

    The result covers ``window``, by default all that the images cover. ``out``, a float32 tensor of the result's
    shape, receives the pixels; it may be the pixels of one of the images that covers the window exactly.

    Raises ImageError where there is no image, or where ``compute`` spreads beyond what it was given.
    """
    if not images:
        raise ImageError("A chain needs at least one image to work on.")
    window = window or reduce(Window.union, (image.data for image in images))
    steps = _computed(compute, images, window)
    band, done = next(steps)
    result = replace(done, pixels=target(out, window, done), data=window)
    for place, piece in itertools.chain([(band, done)], steps):
        part(result, place).copy_(piece.cropped(place).pixels)
    return result


def _computed(
    compute: Callable[..., Image], images: tuple[Image, ...], window: Window
) -> Iterator[tuple[Window, Image]]:
    """Band after band with the result on it."""
    for band in bands(window, max(len(image.channels) for image in images), images[0].pixels.device):
        parts = [_within(image, band) for image in images]
        done = compute(*parts)
        _check_reach(done, parts)
        yield band, done


def _within(image: Image, band: Window) -> Image:
    """The image's pixels in the band, a view; where it has none, one black pixel beside the band."""
    shared = image.data.intersection(band)
    if shared is not None:
        return replace(image, pixels=part(image, shared), data=shared)
    beside = Window.sized(1, 1, band.x0 - 1, band.y0)
    return replace(image, pixels=image.pixels.new_zeros(len(image.channels), 1, 1), data=beside)


def _check_reach(done: Image, parts: list[Image]) -> None:
    """Raise ImageError where a result covers more than the images it was made of."""
    whole = reduce(Window.union, (image.data for image in parts))
    if not whole.contains(done.data):
        raise ImageError(
            f"A chain was given {whole} and covers {done.data} after it; keep filters, transforms and new pictures "
            "out of it."
        )
