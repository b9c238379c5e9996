"""Small random pictures with high, negative and zero-alpha values, and the same as arrays on the display window."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from compositing.image import Image, Window

DISPLAY = Window.sized(12, 10)
Picture = Callable[..., Image]


def random_picture(seed: int, data: Window = DISPLAY, *, wild: bool = True, alpha: bool = True) -> Image:
    """Premultiplied RGBA; ``wild`` colour goes from -0.5 to 4, with some pixels of alpha 0 and 1 and added light."""
    random = np.random.default_rng(seed)
    shape = (data.height, data.width)
    cover = random.uniform(0, 1, shape)
    cover[random.uniform(size=shape) < 0.2] = 0.0
    cover[random.uniform(size=shape) < 0.2] = 1.0
    low, high = (-0.5, 4.0) if wild else (0.0, 1.0)
    color = random.uniform(low, high, (3, *shape)) * (1.0 if not alpha else cover)
    if wild and alpha:
        color[:, cover == 0.0] = random.uniform(0, 0.5)
    planes = np.concatenate([color, cover[None]]) if alpha else color
    pixels = torch.from_numpy(planes.astype(np.float32))
    return Image(pixels, ("R", "G", "B", "A")[: len(planes)], data, DISPLAY)


@pytest.fixture
def picture() -> Picture:
    """``picture(seed, data, wild=True, alpha=True)``."""
    return random_picture


@pytest.fixture
def laid_out() -> Callable[..., NDArray[np.float64]]:
    """``laid_out(image, window)``: float64 ``[C, H, W]`` on a window, zeros outside the data window."""
    return lambda image, window=DISPLAY: image.cropped(window).pixels.numpy().astype(np.float64)
