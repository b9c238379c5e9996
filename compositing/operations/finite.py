"""Pixels without infinities and NaN, of which a filter would make a whole picture."""

from __future__ import annotations

from dataclasses import replace

from compositing.image import Image

LARGEST = 65504.0
"""The largest half float, and so the brightest light that plates hold."""


def finite(image: Image) -> Image:
    """The image with NaN as 0 and infinities as the largest half float."""
    # A sum is cheaper than a copy, and one that overflows costs no more than that; of a GPU it would be waited for.
    if image.pixels.device.type == "cpu" and bool(image.pixels.sum().isfinite()):
        return image
    return replace(image, pixels=image.pixels.nan_to_num(0.0, LARGEST, -LARGEST))
