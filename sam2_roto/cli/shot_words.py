"""The words of ``sam2-roto shot`` beside clicks, boxes and masks.

NAME:FRAME                      an object on a frame
NAME:FRAME:RADIUS:X,Y;X,Y       a brush stroke; with '-' at the end it takes away
NAME=ours, NAME=theirs          whose object counts in a merge
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple, cast

from sam2_roto.errors import PromptError, ShotError
from sam2_roto.job import check_object_name
from sam2_roto.shot.document import Stroke

_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)"
_STROKE = re.compile(rf"({_NUMBER}):({_NUMBER},{_NUMBER}(?:;{_NUMBER},{_NUMBER})*)(-?)")


class Place(NamedTuple):
    """An object, or one of its frames."""

    name: str
    frame: int | None


class BrushStroke(NamedTuple):
    """A stroke on an object's frame."""

    name: str
    frame: int
    stroke: Stroke


def parse_frame(text: str) -> Place:
    """``dog`` or ``dog:150``; raises PromptError."""
    name, colon, frame = text.partition(":")
    check_object_name(name)
    if colon and not re.fullmatch(r"-?\d+", frame):
        raise PromptError(f"'{text}' names the frame '{frame}', which is not a whole number; write it like dog:150")
    return Place(name, int(frame) if colon else None)


def parse_stroke(text: str) -> BrushStroke:
    """``dog:150:6:410,250;418,262``; raises PromptError."""
    name, _, rest = text.partition(":")
    frame, _, drawn = rest.partition(":")
    check_object_name(name)
    found = _STROKE.fullmatch(drawn)
    if not found or not re.fullmatch(r"-?\d+", frame):
        raise PromptError(
            f"the stroke '{text}' is not NAME:FRAME:RADIUS:X,Y;X,Y; write it like dog:150:6:410,250;418,262"
        )
    radius, path, erases = found.groups()
    points = tuple((float(x), float(y)) for x, y in (point.split(",") for point in path.split(";")))
    return BrushStroke(name, int(frame), Stroke(points, float(radius), positive=not erases))


def parse_take(text: str) -> tuple[str, Literal["ours", "theirs"]]:
    """``dog=ours`` or ``dog=theirs``; raises ShotError."""
    name, _, side = text.partition("=")
    if not name or side not in ("ours", "theirs"):
        raise ShotError(f"'{text}' does not say whose object counts; write it like dog=ours or dog=theirs")
    return name, cast(Literal["ours", "theirs"], side)
