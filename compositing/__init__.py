"""The pixel library: footage in and out, colour, images with windows. It knows nothing of any network.

Names are imported when they are first used, so that naming an error or a range of frames costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from compositing.errors import (
    ColorError,
    CompositingError,
    FootageError,
    FrameRangeError,
    ImageError,
    MissingFrameError,
    OutputError,
)

if TYPE_CHECKING:
    from compositing.footage import ColorInfo, Footage, FrameRange, open_footage
    from compositing.image import Image, Window

_HOMES = {
    "ColorInfo": "compositing.footage",
    "Footage": "compositing.footage",
    "FrameRange": "compositing.footage",
    "Image": "compositing.image",
    "Window": "compositing.image",
    "open_footage": "compositing.footage",
}

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


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
