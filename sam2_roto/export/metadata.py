"""What a matte inherits from its plate: window, rate, timecode, pixel aspect, primaries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Protocol

from compositing.image import Window

Chromaticities = tuple[float, float, float, float, float, float, float, float]


class Plate(Protocol):
    """The part of a footage that a matte inherits from."""

    width: int
    height: int
    rate: Fraction | None
    pixel_aspect: float
    chromaticities: Chromaticities | None

    def timecode(self, frame: int) -> str | None:
        """``HH:MM:SS:FF`` (``;FF`` for drop frame), or None."""
        ...


@dataclass(frozen=True)
class PlateMetadata:
    """The identity of one frame of a plate.

    Attributes:
        display: the plate's display window; a matte covers it, pixel for pixel.
        rate: frames per second.
        timecode: ``HH:MM:SS:FF`` or ``HH:MM:SS;FF``.
        pixel_aspect: width of a pixel over its height.
        chromaticities: x and y of red, green, blue and white.
        notes: further header attributes by name, as text (provenance).
    """

    display: Window
    rate: Fraction | None = None
    timecode: str | None = None
    pixel_aspect: float = 1.0
    chromaticities: Chromaticities | None = None
    notes: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(
        cls, plate: Plate, frame: int, *, display: Window | None = None, notes: Mapping[str, str] | None = None
    ) -> PlateMetadata:
        """The identity of ``frame``; ``display`` is given where the plate's window does not begin at 0, 0."""
        return cls(
            display=display or Window.sized(plate.width, plate.height),
            rate=plate.rate,
            timecode=plate.timecode(frame),
            pixel_aspect=plate.pixel_aspect,
            chromaticities=plate.chromaticities,
            notes=notes or {},
        )
