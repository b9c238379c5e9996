"""Operations in the form that a graph needs: settings that are numbers and words, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from compositing.errors import ImageError
from compositing.graph.regions import Settings
from compositing.image import Image, Window
from compositing.operations import shadow as shadows
from compositing.operations import transform as transforms
from compositing.operations.alpha import color_planes
from compositing.operations.blend import blend
from compositing.operations.resample import Filter, scale
from compositing.operations.transform import Edges, Fit, Point, affine_matrix

_AFFINE = ("translate", "rotate", "scale", "skew", "centre")


def choose(image: Image, channels: Sequence[str]) -> Image:
    """Some of the channels, in the order given. Raises ImageError for one that the image does not have."""
    planes = [image.channel(name) for name in channels]
    premultiplied = image.premultiplied or "A" not in channels
    return replace(image, pixels=torch.stack(planes), channels=tuple(channels), premultiplied=premultiplied)


def colored(image: Image) -> Image:
    """R, G and B in place of luminance alone, other channels as they are. Raises ImageError where there is neither."""
    planes = color_planes(image)
    if len(planes) == 3:
        return image
    others = [place for place in range(len(image.channels)) if place not in planes]
    pixels = torch.cat([image.rgb(), image.pixels[others]])
    return replace(image, pixels=pixels, channels=("R", "G", "B", *(image.channels[place] for place in others)))


def blend_mode(a: Image, b: Image, mode: str) -> Image:
    """A blended onto B by one of ``BLENDS``."""
    return blend(mode, a, b)


def transform(
    image: Image,
    *,
    translate: Point = (0.0, 0.0),
    rotate: float = 0.0,
    scale: float | Point = 1.0,
    skew: float = 0.0,
    centre: Point = (0.0, 0.0),
    filter: Filter = "cubic",
) -> Image:
    """The image moved as ``affine_matrix`` says."""
    moved = affine_matrix(translate=translate, rotate=rotate, scale=scale, skew=skew, centre=centre)
    return transforms.transform(image, moved, filter=filter)


def matrix(settings: Settings) -> Tensor:
    """The matrix of ``transform`` with these settings."""
    return affine_matrix(**{name: settings[name] for name in _AFFINE if name in settings})


def shadow(
    image: Image,
    *,
    translate: Point = (0.0, 0.0),
    scale: float | Point = 1.0,
    skew: float = 0.0,
    centre: Point = (0.0, 0.0),
    softness: float = 8.0,
    opacity: float = 0.5,
    color: tuple[float, float, float] = (0.0, 0.0, 0.0),
) -> Image:
    """The shadow of a cut-out, cast as ``affine_matrix`` says."""
    cast = affine_matrix(translate=translate, scale=scale, skew=skew, centre=centre)
    return shadows.shadow(image, cast, softness=softness, opacity=opacity, color=color)


def crop(image: Image, box: tuple[int, int, int, int], reframe: bool = False) -> Image:
    """What lies in ``box`` (x0, y0, x1, y1); with ``reframe`` it becomes the picture's frame, at the origin."""
    return transforms.crop(image, Window(*box), reframe=reframe)


def fit(image: Image, like: Image, how: Fit = "fill", filter: Filter = "lanczos", edges: Edges = "repeat") -> Image:
    """The image brought to the frame of another, by ``reformat``."""
    frame = like.display
    if image.display == frame:
        return image
    fitted = transforms.reformat(image, frame.width, frame.height, fit=how, filter=filter, edges=edges)
    return replace(fitted, data=fitted.data.moved(frame.x0, frame.y0), display=frame)


def reframe(image: Image, box: tuple[float, ...], width: int, height: int, filter: Filter = "cubic") -> Image:
    """A box (x0, y0, x1, y1; parts of pixels count) of the picture as a frame of ``width`` x ``height``.

    Beyond the picture's frame its last pixels are repeated, so that a box that touches the border gets no dark edge.
    Raises ImageError where the box is empty.
    """
    x0, y0, x1, y1 = box
    if x1 <= x0 or y1 <= y0:
        raise ImageError(f"The box {x0:g},{y0:g},{x1:g},{y1:g} is empty; its ends must lie beyond its beginnings.")
    whole, frame = image.on_display(), Window.sized(width, height)
    across, down = (x1 - x0) / width, (y1 - y0) / height
    columns = x0 - whole.data.x0 + (torch.arange(width, dtype=torch.float64) + 0.5) * across
    rows = y0 - whole.data.y0 + (torch.arange(height, dtype=torch.float64) + 0.5) * down
    pixels = scale(whole.pixels, columns, rows, (across, down), filter, repeat=True)
    return replace(image, pixels=pixels, data=frame, display=frame)
