"""Plane maps between a viewer's region, what it shows, and pixels of the plate. Knows nothing of Blender.

Pixels of the plate count from the upper left corner, y downwards, so that 0.5, 0.5 is the first pixel's centre.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple


class Place(NamedTuple):
    """A place in a plane."""

    x: float
    y: float


@dataclass(frozen=True)
class Affine:
    """The map x, y -> a x + b y + c, d x + e y + f."""

    a: float = 1.0
    b: float = 0.0
    c: float = 0.0
    d: float = 0.0
    e: float = 1.0
    f: float = 0.0

    def __call__(self, x: float, y: float) -> Place:
        """Where a place goes."""
        return Place(self.a * x + self.b * y + self.c, self.d * x + self.e * y + self.f)

    def then(self, after: Affine) -> Affine:
        """This map and ``after`` in one."""
        corner, right, up = (after(*self(x, y)) for x, y in ((0, 0), (1, 0), (0, 1)))
        return Affine.through(corner, right, up)

    def inverse(self) -> Affine:
        """The way back. Raises ZeroDivisionError where the map flattens the plane."""
        area = self.a * self.e - self.b * self.d
        a, b, d, e = self.e / area, -self.b / area, -self.d / area, self.a / area
        return Affine(a, b, -(a * self.c + b * self.f), d, e, -(d * self.c + e * self.f))

    @classmethod
    def through(cls, corner: Place, right: Place, up: Place, span: float = 1.0) -> Affine:
        """The map that takes 0, 0 and span, 0 and 0, span to these places."""
        a, d = (right.x - corner.x) / span, (right.y - corner.y) / span
        b, e = (up.x - corner.x) / span, (up.y - corner.y) / span
        return cls(a, b, corner.x, d, e, corner.y)


@dataclass(frozen=True)
class StripFrame:
    """How a strip's picture of ``width`` by ``height`` lies in the sequencer's preview.

    Attributes:
        offset: pixels to the right and upwards.
        scale: of both sides.
        rotation: radians, anticlockwise.
        origin: what it turns and grows about, as parts of the picture, from its lower left corner.
        flip: whether all of that is mirrored along x, along y, about the preview's centre.
    """

    width: int
    height: int
    offset: tuple[float, float] = (0.0, 0.0)
    scale: tuple[float, float] = (1.0, 1.0)
    rotation: float = 0.0
    origin: tuple[float, float] = (0.5, 0.5)
    flip: tuple[bool, bool] = (False, False)

    def plate_to_view(self) -> Affine:
        """From pixels of the plate to the preview's own units, which count from its centre, y upwards."""
        centred = Affine(1, 0, -self.width / 2, 0, -1, self.height / 2)
        x, y = (self.origin[0] - 0.5) * self.width, (self.origin[1] - 0.5) * self.height
        cos, sin = math.cos(self.rotation), math.sin(self.rotation)
        grown = Affine(self.scale[0], 0, 0, 0, self.scale[1], 0)
        turned = Affine(cos, -sin, x + self.offset[0], sin, cos, y + self.offset[1])
        mirrored = Affine(a=-1.0 if self.flip[0] else 1.0, e=-1.0 if self.flip[1] else 1.0)
        return centred.then(Affine(c=-x, f=-y)).then(grown).then(turned).then(mirrored)


def clip_view(width: int, height: int) -> Affine:
    """From pixels of the plate to the clip editor's units: 0 to 1, y upwards."""
    return Affine(1 / width, 0, 0, 0, -1 / height, 1)


def backdrop(
    region: tuple[int, int], zoom: float, offset: tuple[float, float], shown: tuple[int, int], plate: tuple[int, int]
) -> Affine:
    """From pixels of the plate to the compositor's region, behind whose nodes a picture of size ``shown`` lies.

    Args:
        region: its width and height in pixels.
        zoom: of the backdrop.
        offset: of the backdrop, in pixels of the region.
        shown: width and height of the viewer's picture.
        plate: width and height of the plate, which the picture is taken to show whole.
    """
    x, y = zoom * shown[0] / plate[0], -zoom * shown[1] / plate[1]
    centre = Place(region[0] / 2 + offset[0], region[1] / 2 + offset[1])
    return Affine(x, 0, centre.x - x * plate[0] / 2, 0, y, centre.y - y * plate[1] / 2)


def mask_place(x: float, y: float, width: int, height: int) -> Place:
    """A place on the plate in a mask's units: the longer side is 1, the centre 0.5, 0.5, y upwards."""
    side = max(width, height)
    return Place((x - width / 2) / side + 0.5, (height / 2 - y) / side + 0.5)
