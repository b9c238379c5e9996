"""Bands of rows: how work on a picture is cut so that what a formula keeps between its steps stays in cache."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from compositing.image import Window

# Values of a band, per thread: few enough to stay in cache, and so many that the cost of calling an operation does not
# count.
_BAND = 1 << 19


def bands(window: Window, channels: int, device: torch.device) -> Iterator[Window]:
    """The window cut into bands of rows whose operands fit a cache; whole on a GPU."""
    rows = band_rows(channels, window.width, device, window.height)
    for y0 in range(window.y0, window.y1, rows):
        yield Window(window.x0, y0, window.x1, min(y0 + rows, window.y1))


def row_bands(pixels: Tensor) -> Iterator[slice]:
    """The same for pixels ``[C, H, W]``, as slices of their rows."""
    channels, height, width = pixels.shape
    rows = band_rows(channels, width, pixels.device, height)
    for top in range(0, height, rows):
        yield slice(top, min(top + rows, height))


def band_rows(channels: int, width: int, device: torch.device, height: int) -> int:
    """How many rows of a picture make a band."""
    if device.type != "cpu":
        return height
    return min(height, max(1, _BAND * torch.get_num_threads() // (channels * width)))


def empty(shape: tuple[int, ...], device: torch.device) -> Tensor:
    """A new float32 tensor. On a CPU numpy finds the memory: it asks for large pages, which torch does not."""
    if device.type == "cpu":
        return torch.from_numpy(np.empty(shape, dtype=np.float32))
    return torch.empty(shape, device=device)
