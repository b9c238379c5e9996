"""The way a camera was held: a movie's display matrix, as turns and mirrorings of whole pictures."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar, cast

import numpy as np
from av.sidedata.sidedata import SideData, Type
from av.video.frame import VideoFrame
from numpy.typing import NDArray

Value = TypeVar("Value", bound=np.generic)


@dataclass(frozen=True, slots=True)
class Turn:
    """``quarters`` of a turn clockwise, after a mirroring left to right where ``mirrored``."""

    quarters: int = 0
    mirrored: bool = False

    @property
    def upright(self) -> bool:
        return self.quarters == 0 and not self.mirrored

    @property
    def swaps(self) -> bool:
        """Whether width and height change places."""
        return self.quarters % 2 == 1

    def __str__(self) -> str:
        told = [f"turned {90 * self.quarters} degrees clockwise"] if self.quarters else []
        return " and ".join(["mirrored", *told] if self.mirrored else told) or "shown as it is"


def orientation(frame: VideoFrame) -> Turn:
    """The quarter turn nearest to the frame's display matrix (ISO 14496-12, 6.2.2: x' = ax + cy, y' = bx + dy)."""
    side = cast("Mapping[Type, SideData]", frame.side_data).get(Type.DISPLAYMATRIX)
    if side is None:
        return Turn()
    a, b, _, c, d, *_ = struct.unpack("=9i", bytes(side))
    mirrored = a * d - b * c < 0
    # Where a mirroring comes first, it has turned the x axis round; look at the axis it came from.
    across, down = (-a, -b) if mirrored else (a, b)
    angle = np.degrees(np.arctan2(down, across))
    return Turn(round(angle / 90.0) % 4, mirrored)


def turn(planes: NDArray[Value], how: Turn) -> NDArray[Value]:
    """``[C, H, W]`` as it should be seen (a view)."""
    if how.mirrored:
        planes = planes[..., ::-1]
    return np.rot90(planes, -how.quarters, axes=(1, 2)) if how.quarters else planes


# Exif's orientations (TIFF 6.0, tag 274): how the stored picture must be turned to stand upright.
_EXIF = {
    2: Turn(0, True),
    3: Turn(2),
    4: Turn(2, True),
    5: Turn(3, True),
    6: Turn(1),
    7: Turn(1, True),
    8: Turn(3),
}


def from_exif(value: object) -> Turn:
    """The turn of an Exif orientation 1 to 8; upright for anything else."""
    return _EXIF.get(value, Turn()) if isinstance(value, int) else Turn()
