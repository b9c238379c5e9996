"""Footage in and out: movies and image sequences, addressed by their own frame numbers."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from compositing.footage.frames import FrameRange

if TYPE_CHECKING:
    from compositing.footage.footage import ColorInfo, Footage, View
    from compositing.footage.opening import open_footage

_HOMES = {
    "ColorInfo": "compositing.footage.footage",
    "Footage": "compositing.footage.footage",
    "View": "compositing.footage.footage",
    "open_footage": "compositing.footage.opening",
}

__all__ = ["ColorInfo", "Footage", "FrameRange", "View", "open_footage"]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
