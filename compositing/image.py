"""A picture on the compositing plane: planar float pixels with their windows, channels and colour space."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from compositing.errors import ImageError


@dataclass(frozen=True, slots=True)
class Window:
    """A box of pixels, ``x0 <= x < x1`` and ``y0 <= y < y1``, y downwards (ends exclusive, unlike the EXR header)."""

    x0: int
    y0: int
    x1: int
    y1: int

    def __post_init__(self) -> None:
        if self.x1 <= self.x0 or self.y1 <= self.y0:
            raise ImageError(f"The window {self} holds no pixels; its ends must lie beyond its beginnings.")

    def __str__(self) -> str:
        return f"{self.width}x{self.height} at ({self.x0}, {self.y0})"

    @property
    def width(self) -> int:
        return self.x1 - self.x0

    @property
    def height(self) -> int:
        return self.y1 - self.y0

    @classmethod
    def sized(cls, width: int, height: int, x0: int = 0, y0: int = 0) -> Window:
        """The window of that size whose upper left pixel is ``(x0, y0)``."""
        return cls(x0, y0, x0 + width, y0 + height)

    def intersection(self, other: Window) -> Window | None:
        """The pixels that both windows hold, or None where they do not meet."""
        x0, y0 = max(self.x0, other.x0), max(self.y0, other.y0)
        x1, y1 = min(self.x1, other.x1), min(self.y1, other.y1)
        return Window(x0, y0, x1, y1) if x0 < x1 and y0 < y1 else None

    def union(self, other: Window) -> Window:
        """The smallest window that holds both."""
        x0, y0 = min(self.x0, other.x0), min(self.y0, other.y0)
        return Window(x0, y0, max(self.x1, other.x1), max(self.y1, other.y1))

    def contains(self, other: Window) -> bool:
        """Whether every pixel of ``other`` is one of this window."""
        return self.union(other) == self

    def grown(self, across: int, down: int | None = None) -> Window:
        """The window with that many pixels more on every side."""
        down = across if down is None else down
        return Window(self.x0 - across, self.y0 - down, self.x1 + across, self.y1 + down)

    def moved(self, across: int, down: int) -> Window:
        """The window of the same size, that many pixels to the right and downwards."""
        return Window(self.x0 + across, self.y0 + down, self.x1 + across, self.y1 + down)

    def slices(self, part: Window) -> tuple[slice, slice]:
        """Rows and columns of ``part`` in an array that covers this window."""
        return slice(part.y0 - self.y0, part.y1 - self.y0), slice(part.x0 - self.x0, part.x1 - self.x0)


@dataclass(frozen=True, slots=True)
class Image:
    """Pixels of the data window; everything outside it is black and transparent.

    ``pixels`` is a float32 tensor ``[C, H, W]`` whose height and width are those of ``data``; values are scene or
    display values of ``color_space``, unbounded. ``channels`` names its C planes ("R", "G", "B", "A", "Y" or a
    layer's own names). ``display`` is the picture's frame. ``premultiplied`` says whether colour was multiplied by
    alpha already; it is True where there is no alpha.

    Raises ImageError where shape, dtype, names and windows do not agree.
    """

    pixels: torch.Tensor
    channels: tuple[str, ...]
    data: Window
    display: Window
    premultiplied: bool = True
    color_space: str = "Linear Rec.709 (sRGB)"

    def __post_init__(self) -> None:
        if self.pixels.dtype != torch.float32:
            raise ImageError(f"An image holds float32 pixels, not {self.pixels.dtype}; convert them first.")
        expected = (len(self.channels), self.data.height, self.data.width)
        if tuple(self.pixels.shape) != expected:
            raise ImageError(
                f"Pixels of shape {tuple(self.pixels.shape)} do not fit {len(self.channels)} channels "
                f"on a data window of {self.data}; expected {expected}."
            )
        if len(set(self.channels)) != len(self.channels):
            raise ImageError(f"The channel names {', '.join(self.channels)} repeat; give each channel its own name.")

    @classmethod
    def from_pixels(
        cls, pixels: torch.Tensor, channels: tuple[str, ...] | None = None, color_space: str = "Linear Rec.709 (sRGB)"
    ) -> Image:
        """An image whose data and display windows both begin at the origin; 1 to 4 channels are named for you."""
        usual = {1: ("A",), 2: ("Y", "A"), 3: ("R", "G", "B"), 4: ("R", "G", "B", "A")}
        if pixels.ndim != 3 or (channels is None and pixels.shape[0] not in usual):
            raise ImageError(f"Pixels of shape {tuple(pixels.shape)} need the layout [C, H, W] and names for channels.")
        window = Window.sized(pixels.shape[2], pixels.shape[1])
        return cls(pixels, channels or usual[pixels.shape[0]], window, window, color_space=color_space)

    @classmethod
    def from_array(
        cls,
        array: NDArray[np.floating[Any]],
        channels: tuple[str, ...] | None = None,
        color_space: str = "Linear Rec.709 (sRGB)",
    ) -> Image:
        """As ``from_pixels``, from an array ``[H, W, C]`` or ``[H, W]`` of any float type (copied)."""
        layered = array[..., None] if array.ndim == 2 else array
        pixels = torch.from_numpy(np.array(np.moveaxis(layered, -1, 0), dtype=np.float32, order="C"))
        return cls.from_pixels(pixels, channels, color_space)

    def to_array(self) -> NDArray[np.float32]:
        """The data window as a contiguous float32 array ``[H, W, C]``."""
        return np.ascontiguousarray(self.pixels.detach().permute(1, 2, 0).cpu().numpy())

    def to(self, device: torch.device | str) -> Image:
        """The image on that device."""
        return replace(self, pixels=self.pixels.to(device))

    def channel(self, name: str) -> torch.Tensor:
        """The plane ``[H, W]`` of that name (a view). Raises ImageError where the image has none."""
        if name not in self.channels:
            raise ImageError(f"The image has no channel {name!r}; its channels are {', '.join(self.channels)}.")
        return self.pixels[self.channels.index(name)]

    @property
    def alpha(self) -> torch.Tensor | None:
        """The plane ``[H, W]`` of channel A, or None."""
        return self.channel("A") if "A" in self.channels else None

    def rgb(self) -> torch.Tensor:
        """Colour as ``[3, H, W]``; luminance alone is repeated. Raises ImageError where there is neither."""
        if all(name in self.channels for name in "RGB"):
            first = self.channels.index("R")
            if self.channels[first : first + 3] == ("R", "G", "B"):
                return self.pixels[first : first + 3]
            return torch.stack([self.channel(name) for name in "RGB"])
        if "Y" in self.channels or len(self.channels) == 1:
            return self.channel("Y" if "Y" in self.channels else self.channels[0]).expand(3, -1, -1)
        raise ImageError(f"The image has no colour; its channels are {', '.join(self.channels)}.")

    def cropped(self, window: Window) -> Image:
        """The image with ``window`` as its data window: cut where it is smaller, black where it is larger."""
        if window == self.data:
            return self
        return replace(self, pixels=paste(self.pixels, self.data, window), data=window)

    def on_display(self) -> Image:
        """The image with its display window as data window: what lies outside the data window is black."""
        return self.cropped(self.display)


def paste(pixels: torch.Tensor, data: Window, onto: Window) -> torch.Tensor:
    """Pixels ``[..., H, W]`` that cover ``data``, laid on zeros that cover ``onto``; any dtype."""
    result = pixels.new_zeros((*pixels.shape[:-2], onto.height, onto.width))
    shared = data.intersection(onto)
    if shared is not None:
        to_rows, to_columns = onto.slices(shared)
        from_rows, from_columns = data.slices(shared)
        result[..., to_rows, to_columns] = pixels[..., from_rows, from_columns]
    return result
