"""The document as JSON and back.

Objects are keyed by id and keyframes by frame, so that the difference of two documents names just what changed; the
order of the objects is a list beside them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, fields
from typing import Any, TypeVar

from compositing.errors import CompositingError
from compositing.footage.frames import FrameRange
from sam2_roto.errors import ShotError

from .document import (
    Answer,
    Cut,
    Document,
    FootageReference,
    Keyframe,
    ShotObject,
    Stroke,
    TrackingSettings,
)

FORMAT = 3
"""Version of the schema; what is older is migrated when it is opened."""

Json = dict[str, Any]
_T = TypeVar("_T")


def to_json(document: Document) -> Json:
    """Dictionaries, lists, numbers and words; equal documents give equal JSON."""
    return {
        "footage": asdict(document.footage),
        "frames": [document.frames.first, document.frames.last] if document.frames else None,
        "order": [entry.id for entry in document.objects],
        "objects": {entry.id: _object_to_json(entry) for entry in document.objects},
        "recipe": dict(document.recipe),
        "settings": asdict(document.settings),
        "cuts": None if document.cuts is None else [asdict(cut) for cut in document.cuts],
    }


def from_json(data: Any) -> Document:
    """What ``to_json`` gave. Raises ShotError, naming the place, where the data are something else."""
    try:
        document = Document(
            footage=_record(FootageReference, data["footage"]),
            frames=FrameRange(*data["frames"]) if data["frames"] else None,
            objects=tuple(_object_from_json(identity, data["objects"][identity]) for identity in data["order"]),
            recipe=dict(data["recipe"]),
            settings=_record(TrackingSettings, data["settings"]),
            cuts=_maybe(data["cuts"], lambda cuts: tuple(_record(Cut, cut) for cut in cuts)),
        )
    except (KeyError, TypeError, ValueError, AttributeError, CompositingError) as error:
        raise ShotError(f"the shot's document does not follow its schema ({type(error).__name__}: {error})") from error
    if len(data["order"]) != len(data["objects"]):
        raise ShotError("the shot's document lists other objects than it holds; open a copy of it that is whole")
    return document


def _object_to_json(entry: ShotObject) -> Json:
    return {
        "name": entry.name,
        "colour": entry.colour,
        "visible": entry.visible,
        "locked": entry.locked,
        "keyframes": {str(frame): _keyframe_to_json(said) for frame, said in entry.keyframes.items()},
    }


def _object_from_json(identity: str, data: Json) -> ShotObject:
    keyframes = {int(frame): _keyframe_from_json(said) for frame, said in data["keyframes"].items()}
    return ShotObject(identity, data["name"], data["colour"], data["visible"], data["locked"], keyframes)


def _keyframe_to_json(said: Keyframe) -> Json:
    """Only what differs from an empty keyframe, to keep documents short."""
    data: Json = {}
    if said.points:
        data["points"] = [list(point) for point in said.points]
    if said.box is not None:
        data["box"] = list(said.box)
    if said.strokes:
        data["strokes"] = [_stroke_to_json(stroke) for stroke in said.strokes]
    if said.answer is not None:
        data["answer"] = asdict(said.answer)
    if said.locked:
        data["locked"] = True
    return {**data, **{key: value for key in ("mask", "seen") if (value := getattr(said, key)) is not None}}


def _keyframe_from_json(data: Json) -> Keyframe:
    return Keyframe(
        points=tuple((float(x), float(y), bool(positive)) for x, y, positive in data.get("points", ())),
        box=_maybe(data.get("box"), _corners),
        mask=data.get("mask"),
        strokes=tuple(_stroke_from_json(stroke) for stroke in data.get("strokes", ())),
        seen=data.get("seen"),
        answer=_maybe(data.get("answer"), lambda found: _record(Answer, found)),
        locked=data.get("locked", False),
    )


def _corners(data: list[float]) -> tuple[float, float, float, float]:
    x0, y0, x1, y1 = map(float, data)
    return x0, y0, x1, y1


def _stroke_to_json(stroke: Stroke) -> Json:
    return {
        "points": [list(point) for point in stroke.points],
        "radius": stroke.radius,
        "positive": stroke.positive,
    }


def _stroke_from_json(data: Json) -> Stroke:
    points = tuple((float(x), float(y)) for x, y in data["points"])
    return Stroke(points, float(data["radius"]), bool(data["positive"]))


def _maybe(data: Any, read: Callable[[Any], _T]) -> _T | None:
    return None if data is None else read(data)


def _record(kind: type[_T], data: Mapping[str, Any]) -> _T:
    """A flat dataclass from a dictionary with just its fields."""
    known = {item.name for item in fields(kind)}  # type: ignore[arg-type]
    if set(data) - known:
        raise ValueError(f"unknown {', '.join(sorted(set(data) - known))}")
    return kind(**data)
