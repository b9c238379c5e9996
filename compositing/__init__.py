"""The pixel library: footage in and out, colour, images with windows. It knows nothing of any network."""

from __future__ import annotations

from compositing.errors import (
    ColorError,
    CompositingError,
    FootageError,
    FrameRangeError,
    ImageError,
    MissingFrameError,
    OutputError,
)
from compositing.footage import ColorInfo, Footage, FrameRange, open_footage
from compositing.image import Image, Window

__all__ = [
    "ColorError",
    "ColorInfo",
    "CompositingError",
    "Footage",
    "FootageError",
    "FrameRange",
    "FrameRangeError",
    "Image",
    "ImageError",
    "MissingFrameError",
    "OutputError",
    "Window",
    "open_footage",
]
