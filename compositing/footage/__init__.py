"""Footage in and out: movies and image sequences, addressed by their own frame numbers."""

from __future__ import annotations

from compositing.footage.footage import ColorInfo, Footage, View
from compositing.footage.frames import FrameRange
from compositing.footage.opening import open_footage

__all__ = ["ColorInfo", "Footage", "FrameRange", "View", "open_footage"]
