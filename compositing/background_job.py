"""What a person asks for when a background is to be replaced: plain data, and presets of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from compositing.errors import CompositingError
from compositing.footage.frames import FrameRange

Fit = Literal["fill", "fit", "stretch"]
Timing = Literal["once", "still", "loop", "hold"]
Screen = Literal["green", "blue"]
Kind = Literal["footage", "color", "blur", "transparent", "plate"]

_LARGEST = 16384
"""Pixels of a side: such a picture takes 4 GB, and codecs go no further."""

_LIMITS = (("match", 0, 1), ("wrap", 0, 4), ("shadow", 0, 1), ("smooth", 0, 60), ("choke", -500, 500))


@dataclass(frozen=True)
class Background:
    """What comes behind the object: footage, a colour, the blurred plate, nothing, or the plate as it is.

    ``color`` is three numbers as a display shows them, 0 to 1; ``radius`` the lens blur's in pixels.
    """

    kind: Kind
    path: Path | None = None
    color: tuple[float, float, float] = (0.0, 0.0, 0.0)
    radius: float = 0.0

    @classmethod
    def parse(cls, text: str) -> Background:
        """``IMAGE``, ``MOVIE``, a colour (``white``, ``#ffcc00``), ``blur:PX``, ``transparent`` or ``plate``.

        A file of that name comes before a colour. Raises CompositingError for anything else.
        """
        if text == "transparent":
            return cls("transparent")
        if text == "plate":
            return cls("plate")
        if text.startswith("blur:"):
            return cls("blur", radius=_radius(text.removeprefix("blur:"), text))
        path = Path(text)
        if path.exists() or (path.suffix and not text.startswith("#")):
            return cls("footage", path=path)
        return cls("color", color=_color(text))


@dataclass(frozen=True)
class CompositeJob:
    """One run from plate, mattes and background to files.

    Lengths are in pixels of the picture that is written; where ``wrap_size`` and the shadow's are None, they follow
    its size. ``frames`` are the plate's numbers (all by default), ``start`` numbers a movie's first frame. ``clip``
    holds the alphas that become 0 and 1. ``size`` is width and height of the result where it differs from the plate's,
    ``follow`` moves the frame with the object, ``smooth`` seconds slow. ``sound`` is a file, or None for the plate's
    own; ``silent`` leaves it out.

    Raises CompositingError where a value is not possible.
    """

    plate: Path
    matte: Path
    background: Background
    output: Path
    frames: FrameRange | None = None
    start: int | None = None
    rate: str | None = None
    color_space: str | None = None
    background_space: str | None = None
    working_space: str | None = None
    output_space: str | None = None
    objects: tuple[str, ...] = ()
    fit: Fit = "fill"
    timing: Timing = "once"
    retime: bool = False
    offset: int = 0
    estimate: bool = True
    screen: Screen | None = None
    clip: tuple[float, float] = (0.0, 1.0)
    choke: float = 0.0
    match: float = 0.0
    wrap: float = 0.0
    wrap_size: float | None = None
    shadow: float = 0.0
    size: tuple[int, int] | None = None
    follow: bool = False
    smooth: float = 0.7
    codec: str | None = None
    depth: int | None = None
    sound: Path | None = None
    silent: bool = False
    graph: Path | None = None
    device: str = "cpu"

    def __post_init__(self) -> None:
        for name, low, high in _LIMITS:
            value = getattr(self, name)
            if not low <= value <= high:
                raise CompositingError(f"The {name} of {value:g} is not possible; give a number from {low} to {high}.")
        if not 0 <= self.clip[0] < self.clip[1] <= 1:
            raise CompositingError(
                f"The clip {self.clip[0]:g}-{self.clip[1]:g} is not possible; give two numbers from 0 to 1, rising."
            )
        if self.graph is not None and self.graph.suffix.lower() != ".json":
            raise CompositingError(f"The graph {self.graph} would be no JSON file; give a name that ends in .json.")
        if self.wrap_size is not None and not 0 < self.wrap_size < 1000:
            raise CompositingError(f"A light wrap {self.wrap_size:g} pixels deep is not possible; give 1 to 999.")
        if self.size is not None and not all(16 <= side <= _LARGEST for side in self.size):
            raise CompositingError(
                f"A picture of {self.size[0]}x{self.size[1]} is not possible; give 16 to {_LARGEST} pixels a side."
            )
        for name, kind in (("fit", Fit), ("timing", Timing)):
            if getattr(self, name) not in get_args(kind):
                told = ", ".join(get_args(kind))
                raise CompositingError(f"The {name} {getattr(self, name)!r} is not known; use one of {told}.")


@dataclass(frozen=True)
class CompositeResult:
    """The files written, how many frames were worked out now and how many were there already, and what to know."""

    files: tuple[Path, ...]
    rendered: int
    found: int
    notes: tuple[str, ...] = ()


PRESETS: Mapping[str, Mapping[str, Any]] = {
    "cutout": {"background": Background("color", color=(1.0, 1.0, 1.0)), "shadow": 0.35},
    "portrait": {"background": Background("blur", radius=14.0)},
    "vertical": {"background": Background("plate"), "size": (1080, 1920), "follow": True},
}
"""Presets: values of a job that are taken where the user gives none."""


def _radius(number: str, text: str) -> float:
    try:
        radius = float(number)
    except ValueError:
        radius = -1.0
    if not 0 < radius <= 500:
        raise CompositingError(f"{text!r} is no blur; give its radius in pixels, 1 to 500, for example blur:12.")
    return radius


def _color(text: str) -> tuple[float, float, float]:
    from PIL import ImageColor

    try:
        red, green, blue = ImageColor.getrgb(text)[:3]
    except ValueError as error:
        raise CompositingError(
            f"{text!r} is no background: there is no such file, and it is no colour such as white or #ffcc00; "
            "blur:PX, transparent and plate are the others."
        ) from error
    return red / 255, green / 255, blue / 255
