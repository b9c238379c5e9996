"""Pictures made from nothing: constant, ramp, checker, shapes and text for slates; and the vignette of a lens."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from PIL import Image as Picture
from PIL import ImageDraw, ImageFont
from torch import Tensor

from compositing.color import LINEAR
from compositing.errors import ImageError
from compositing.image import Image, Window
from compositing.operations.alpha import on_straight

Color = Sequence[float]


def constant(width: int, height: int, color: Color, *, color_space: str = LINEAR) -> Image:
    """One colour, ``(R, G, B)`` opaque without alpha or premultiplied ``(R, G, B, A)``."""
    pixels = _color(color)[:, None, None].expand(-1, height, width).clone()
    return Image.from_pixels(pixels, color_space=color_space)


def ramp(width: int, height: int, first: Color, last: Color, *, angle: float = 0.0, color_space: str = LINEAR) -> Image:
    """From ``first`` to ``last`` across the picture: to the right, or turned clockwise by ``angle`` degrees."""
    start, end = _color(first), _color(last)
    if len(start) != len(end):
        raise ImageError("A ramp goes between two colours with the same number of channels.")
    x, y = _grid(width, height)
    cosine, sine = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    length = abs(width * cosine) + abs(height * sine)
    part = (((x - width / 2) * cosine + (y - height / 2) * sine) / length + 0.5).clamp(0, 1)
    pixels = torch.lerp(start[:, None, None], end[:, None, None], part)
    return Image.from_pixels(pixels, color_space=color_space)


def checker(
    width: int, height: int, first: Color, second: Color, *, size: int = 32, color_space: str = LINEAR
) -> Image:
    """Squares of ``size`` pixels in two colours, the first in the upper left corner."""
    x, y = _grid(width, height)
    odd = ((x.floor() // size + y.floor() // size) % 2).bool()
    pixels = torch.where(odd, _color(second)[:, None, None], _color(first)[:, None, None])
    return Image.from_pixels(pixels, color_space=color_space)


def shape(
    width: int,
    height: int,
    box: tuple[float, float, float, float],
    color: Color = (1.0, 1.0, 1.0),
    *,
    kind: Literal["rectangle", "ellipse"] = "rectangle",
    feather: float = 0.0,
    color_space: str = LINEAR,
) -> Image:
    """A rectangle or ellipse in ``box`` (x0, y0, x1, y1 in pixels), premultiplied RGBA, its edge antialiased.

    ``feather`` is the width in pixels of a soft edge, half of it on each side.
    """
    x0, y0, x1, y1 = box
    if x1 <= x0 or y1 <= y0:
        raise ImageError(f"The box {box} holds nothing; its ends must lie beyond its beginnings.")
    x, y = _grid(width, height)
    across, down = (x - (x0 + x1) / 2).abs(), (y - (y0 + y1) / 2).abs()
    half_x, half_y = (x1 - x0) / 2, (y1 - y0) / 2
    soft = max(feather, 1.0)
    if kind == "rectangle":
        alpha = ((half_x - across) / soft + 0.5).clamp(0, 1) * ((half_y - down) / soft + 0.5).clamp(0, 1)
    else:
        level = torch.hypot(across / half_x, down / half_y)
        slope = torch.hypot(across / half_x**2, down / half_y**2) / level.clamp_min(1e-6)
        alpha = ((1 - level) / slope.clamp_min(1e-6) / soft + 0.5).clamp(0, 1)
    return _tinted(alpha, color, Window.sized(width, height), color_space)


def text(
    width: int,
    height: int,
    words: str,
    position: tuple[float, float],
    *,
    size: float = 48.0,
    color: Color = (1.0, 1.0, 1.0),
    font: str | None = None,
    anchor: str = "la",
    color_space: str = LINEAR,
) -> Image:
    """Words as premultiplied RGBA, lines parted by line breaks; the data window is no larger than they need.

    ``position`` is where ``anchor`` (Pillow's two letters: left, middle, right; ascender, middle, descender) lies, in
    pixels; ``font`` a TrueType file, by default Pillow's own face. Raises ImageError where the font cannot be read.
    """
    try:
        face = ImageFont.truetype(font, size) if font is not None else ImageFont.load_default(size)
    except OSError as error:
        raise ImageError(f"The font {font} cannot be read ({error}); name a TrueType file.") from error
    drawn = Picture.new("L", (width, height), 0)
    ImageDraw.Draw(drawn).text(position, words, fill=255, font=face, anchor=anchor)
    frame, box = Window.sized(width, height), drawn.getbbox()
    if box is None:
        return _tinted(torch.zeros(1, 1), color, Window.sized(1, 1), color_space, frame)
    cover = np.asarray(drawn.crop(box), dtype=np.float32) / np.float32(255)
    return _tinted(torch.from_numpy(cover), color, Window(*box), color_space, frame)


def vignette(image: Image, *, amount: float = 1.0, focal: float = 1.0) -> Image:
    """Darker towards the corners as by a lens: colour times ``cos^4`` of the angle to its axis.

    ``focal`` is the focal length in widths of the display window (1.0 is a mild lens, 0.5 a wide one); ``amount``
    mixes with the image as it was. It belongs in linear light.
    """
    frame = image.display
    x, y = _grid(image.data.width, image.data.height, image.data.x0, image.data.y0)
    across = (x - (frame.x0 + frame.x1) / 2) / frame.width
    down = (y - (frame.y0 + frame.y1) / 2) / frame.width
    fall = (1 / (1 + (across**2 + down**2) / focal**2)) ** 2
    light = (1 + amount * (fall - 1)).to(image.pixels.device)
    return on_straight(image, lambda color: color * light, linear=True)


def _tinted(alpha: Tensor, color: Color, data: Window, color_space: str, display: Window | None = None) -> Image:
    tint = torch.cat([_color(color)[:3], torch.ones(1)])[:, None, None]
    return Image(tint * alpha, ("R", "G", "B", "A"), data, display or data, color_space=color_space)


def _color(color: Color) -> Tensor:
    if len(color) not in (3, 4):
        raise ImageError(f"A colour has three numbers, or four with alpha, not {len(color)}.")
    return torch.tensor([float(value) for value in color])


def _grid(width: int, height: int, x0: int = 0, y0: int = 0) -> tuple[Tensor, Tensor]:
    """Pixel centres ``[1, W]`` and ``[H, 1]``."""
    if width < 1 or height < 1:
        raise ImageError(f"A picture of {width}x{height} pixels cannot be made; give 1 or more each.")
    return torch.arange(x0, x0 + width)[None] + 0.5, torch.arange(y0, y0 + height)[:, None] + 0.5
