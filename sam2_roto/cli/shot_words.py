"""The words of ``sam2-roto shot`` beside clicks, boxes and masks.

NAME:FRAME                      an object on a frame
NAME:FRAME:RADIUS:X,Y;X,Y       a brush stroke; with '-' at the end it takes away
NAME:FRAME:X,Y;X,Y              a line; with '-' at the end it lies beside the object
NAME=NUMBER                     a suggestion that is accepted as an object
NAME=ours, NAME=theirs          whose object counts in a merge
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple, cast

from sam2_roto.cli.prompts import parse_box
from sam2_roto.errors import PromptError, ShotError
from sam2_roto.job import Box, check_object_name
from sam2_roto.shot.document import Stroke

_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)"
_PATH = rf"({_NUMBER},{_NUMBER}(?:;{_NUMBER},{_NUMBER})*)"
_STROKE = re.compile(rf"({_NUMBER}):{_PATH}(-?)")
_LINE = re.compile(rf"{_PATH}(-?)")


class Place(NamedTuple):
    """An object, or one of its frames."""

    name: str
    frame: int | None


class BrushStroke(NamedTuple):
    """A stroke on an object's frame."""

    name: str
    frame: int
    stroke: Stroke


class Line(NamedTuple):
    """A line drawn over an object, or beside it, on a frame."""

    name: str
    frame: int
    points: tuple[tuple[float, float], ...]
    positive: bool


class Accepted(NamedTuple):
    """A suggestion, by its number, that is to be an object."""

    name: str
    number: int


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
    return BrushStroke(name, int(frame), Stroke(_points(path), float(radius), positive=not erases))


def parse_corners(text: str) -> Box:
    """``dog:150:520,400,300,120``, a box from any two opposite corners; raises PromptError."""
    head, _, corners = text.rpartition(":")
    found = re.fullmatch(rf"({_NUMBER}),({_NUMBER}),({_NUMBER}),({_NUMBER})", corners)
    if not found:
        return parse_box(text)  # which says what is wrong
    x0, y0, x1, y1 = found.groups()
    (left, right), (top, bottom) = sorted((x0, x1), key=float), sorted((y0, y1), key=float)
    return parse_box(f"{head}:{left},{top},{right},{bottom}")


def parse_line(text: str) -> Line:
    """``dog:150:410,250;418,262`` or, beside the object, the same with ``-`` at the end; raises PromptError."""
    name, _, rest = text.partition(":")
    frame, _, drawn = rest.partition(":")
    check_object_name(name)
    found = _LINE.fullmatch(drawn)
    if not found or not re.fullmatch(r"-?\d+", frame):
        raise PromptError(f"the line '{text}' is not NAME:FRAME:X,Y;X,Y; write it like dog:150:410,250;418,262")
    path, beside = found.groups()
    return Line(name, int(frame), _points(path), positive=not beside)


def parse_point(text: str) -> tuple[float, float]:
    """``410,250``; raises PromptError."""
    if not re.fullmatch(rf"{_NUMBER},{_NUMBER}", text):
        raise PromptError(f"'{text}' is not a point; write it like 410,250")
    return _points(text)[0]


def parse_accepted(text: str) -> Accepted:
    """``dog=3``; raises PromptError."""
    name, _, number = text.partition("=")
    check_object_name(name)
    if not re.fullmatch(r"\d+", number):
        raise PromptError(f"'{text}' does not name a suggestion by its number; write it like dog=3")
    return Accepted(name, int(number))


def parse_take(text: str) -> tuple[str, Literal["ours", "theirs"]]:
    """``dog=ours`` or ``dog=theirs``; raises ShotError."""
    name, _, side = text.partition("=")
    if not name or side not in ("ours", "theirs"):
        raise ShotError(f"'{text}' does not say whose object counts; write it like dog=ours or dog=theirs")
    return name, cast(Literal["ours", "theirs"], side)


def _points(path: str) -> tuple[tuple[float, float], ...]:
    return tuple((float(x), float(y)) for x, y in (point.split(",") for point in path.split(";")))
