"""Where results go that outlive the tracker."""

from __future__ import annotations

from typing import Protocol

from .objects import ObjectFrame


class Archive(Protocol):
    """Results that outlive the tracker; ``sam2_roto.masklets.MaskletStore`` is one. Frames are the clip's own."""

    def write(self, name: str, frame: int, result: ObjectFrame) -> None:
        """Keep one object's result on one frame."""

    def read(self, name: str, frame: int) -> ObjectFrame | None:
        """The kept result, or ``None``."""
