"""Two images in one operation: what they must share, and where each of them lies."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import torch
from torch import Tensor

from compositing.color import same_space
from compositing.errors import ColorError, ImageError
from compositing.image import Image, Window
from compositing.operations.alpha import opaque
from compositing.operations.bands import empty


def check_spaces(a: Image, b: Image) -> None:
    """Raise ColorError where two images are of different colour spaces."""
    if not same_space(a.color_space, b.color_space):
        raise ColorError(
            f"The images are in two colour spaces, {a.color_space} and {b.color_space}; convert one of them first."
        )


def check_frames(a: Image, b: Image) -> None:
    """Raise ImageError where two images have different display windows or lie on different devices."""
    if a.display != b.display:
        raise ImageError(f"The images differ in size, {a.display} and {b.display}; reformat one of them first.")
    if a.pixels.device != b.pixels.device:
        raise ImageError(f"One image is on {a.pixels.device}, the other on {b.pixels.device}; move one of them first.")


def check_premultiplied(image: Image) -> None:
    """Raise ImageError where colour was not multiplied by alpha yet."""
    if "A" in image.channels and not image.premultiplied:
        raise ImageError("The image is not premultiplied, which this operation needs; call premultiply first.")


def pair(a: Image, b: Image) -> tuple[Image, Image]:
    """Both images with the same channels in the order of ``b``; one that lacks alpha is opaque in its data window.

    Raises ColorError where their colour spaces differ, ImageError where display windows, devices or channels do.
    """
    check_spaces(a, b)
    check_frames(a, b)
    if ("A" in a.channels) != ("A" in b.channels):
        a, b = opaque(a), opaque(b)
    if a.channels == b.channels:
        return a, b
    if set(a.channels) != set(b.channels):
        raise ImageError(
            f"The images have different channels, {', '.join(a.channels)} and {', '.join(b.channels)}; "
            "give both the same."
        )
    order = [a.channels.index(name) for name in b.channels]
    return replace(a, pixels=a.pixels[order], channels=b.channels), b


def nothing(like: Image, within: Window | None = None) -> Image:
    """A black and transparent image: one pixel in the corner of a window, by default the display window."""
    within = within or like.display
    window = Window.sized(1, 1, within.x0, within.y0)
    return replace(like, pixels=like.pixels.new_zeros(len(like.channels), 1, 1), data=window, premultiplied=True)


def target(out: Tensor | None, window: Window, like: Image) -> Tensor:
    """``out`` after a check of its shape, or a new tensor ``[C, H, W]`` for that window."""
    shape = (len(like.channels), window.height, window.width)
    if out is None:
        return empty(shape, like.pixels.device)
    if tuple(out.shape) != shape or out.dtype != torch.float32 or out.device != like.pixels.device:
        raise ImageError(
            f"The output tensor is {tuple(out.shape)}, {out.dtype} on {out.device}; "
            f"this operation writes {shape}, torch.float32 on {like.pixels.device}."
        )
    return out


def part(image: Image, window: Window) -> Tensor:
    """The pixels of a window inside the data window, as a view ``[C, h, w]``."""
    rows, columns = image.data.slices(window)
    return image.pixels[:, rows, columns]


def pieces(result: Window, a: Window, b: Window) -> Iterator[tuple[Window, bool, bool]]:
    """Windows that together tile ``result``, each wholly inside or outside of ``a`` and of ``b``."""
    columns = sorted({min(max(x, result.x0), result.x1) for w in (result, a, b) for x in (w.x0, w.x1)})
    rows = sorted({min(max(y, result.y0), result.y1) for w in (result, a, b) for y in (w.y0, w.y1)})
    for y0, y1 in pairwise(rows):
        for x0, x1 in pairwise(columns):
            piece = Window(x0, y0, x1, y1)
            yield piece, a.contains(piece), b.contains(piece)
