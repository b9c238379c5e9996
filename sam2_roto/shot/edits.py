"""Edits of a document: pure functions from one document to the next.

They check what they are told against the document: objects that are locked do not change, clicks lie on the plate and
frames in the shot.
"""

from __future__ import annotations

import math
import re
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from compositing.footage.frames import FrameRange
from sam2_roto.errors import PromptError, ShotError
from sam2_roto.job import check_object_name

from .document import Answer, Corners, Cut, Document, Keyframe, Point, ShotObject, Stroke

COLOURS = ("#ff5c39", "#26a6ff", "#ffcd28", "#58d66e", "#cd6eff", "#00d2c8", "#ff78be", "#aabe3c")
"""Colours of new objects, in turn; those of the overlays."""


Change = Callable[[Document], Document]
"""An edit that knows what it does."""


def add_object(document: Document, name: str, colour: str | None = None) -> Document:
    """A new object, without keyframes; ShotError where the name is taken."""
    check_object_name(name)
    if any(entry.name == name for entry in document.objects):
        raise ShotError(f"the shot has an object '{name}' already; choose another name")
    chosen = colour or COLOURS[len(document.objects) % len(COLOURS)]
    return document.with_object(ShotObject(secrets.token_hex(4), name, _colour(chosen)))


def with_object(document: Document, name: str) -> Document:
    """The document with an object of that name, a new one where there is none."""
    if any(entry.name == name for entry in document.objects):
        return document
    return add_object(document, name)


def remove_object(document: Document, name: str) -> Document:
    """The document without the object."""
    entry = _unlocked(document, name)
    return replace(document, objects=tuple(old for old in document.objects if old.id != entry.id))


def set_object(
    document: Document,
    name: str,
    *,
    rename: str | None = None,
    colour: str | None = None,
    visible: bool | None = None,
    locked: bool | None = None,
) -> Document:
    """Another name, colour, visibility or lock; ``None`` leaves what is there."""
    entry = document.object(name) if locked is not None else _unlocked(document, name)
    if rename is not None and rename != name:
        check_object_name(rename)
        if any(other.name == rename for other in document.objects):
            raise ShotError(f"the shot has an object '{rename}' already; choose another name")
        entry = replace(entry, name=rename)
    if colour is not None:
        entry = replace(entry, colour=_colour(colour))
    if visible is not None:
        entry = replace(entry, visible=visible)
    if locked is not None:
        entry = replace(entry, locked=locked)
    return document.with_object(entry)


def add_points(document: Document, name: str, frame: int, points: Iterable[Point]) -> Document:
    """More clicks on a frame; they refine what was answered there before."""
    added = tuple(points)
    for x, y, _ in added:
        _check_on_plate(document, "click", name, frame, x, y)
    said = keyframe(document, name, frame)
    if said.mask is not None or said.strokes:
        raise PromptError(f"'{name}' is painted on frame {frame}; paint on it, or clear the frame before you click")
    seen = said.answer.digest if said.answer else said.seen
    return _set(document, name, frame, replace(said, points=said.points + added, seen=seen, answer=None))


def set_box(document: Document, name: str, frame: int, box: Corners) -> Document:
    """The object's box on a frame, from any two opposite corners, in place of the one there is; clicks stay."""
    (x0, x1), (y0, y1) = sorted(box[::2]), sorted(box[1::2])
    footage = document.footage
    if not (all(map(math.isfinite, box)) and x0 < x1 and y0 < y1):
        raise PromptError(f"the box of '{name}' on frame {frame} is empty; give two opposite corners")
    if x0 >= footage.width or y0 >= footage.height or x1 <= 0 or y1 <= 0:
        raise PromptError(
            f"the box of '{name}' on frame {frame} lies outside the plate of {footage.width}×{footage.height} pixels"
        )
    said = keyframe(document, name, frame)
    return _set(document, name, frame, Keyframe(points=said.points, box=(x0, y0, x1, y1)))


def set_mask(document: Document, name: str, frame: int, digest: str) -> Document:
    """A painted mask on a frame, in place of whatever was said there; from now on it is the matte."""
    keyframe(document, name, frame)  # it may be changed
    return _set(document, name, frame, Keyframe(mask=digest))


def add_strokes(document: Document, name: str, frame: int, strokes: Iterable[Stroke]) -> Document:
    """Strokes over what is seen on a frame; from now on the result is the matte."""
    added = tuple(strokes)
    for x, y in (point for stroke in added for point in stroke.points):
        if not (math.isfinite(x) and math.isfinite(y)):
            raise PromptError(f"a stroke on '{name}', frame {frame}, has a point that is not a number")
    said = keyframe(document, name, frame)
    seen = said.answer.digest if said.answer and not said.strokes else said.seen
    return _set(document, name, frame, replace(said, strokes=said.strokes + added, seen=seen, answer=None))


def clear_keyframe(document: Document, name: str, frame: int) -> Document:
    """Take back all that was said on a frame, which is tracked through from then on."""
    entry = _unlocked(document, name)
    said = entry.keyframes.get(frame)
    if said is None:
        raise PromptError(f"'{name}' has no prompt on frame {frame}; there is nothing to clear")
    if said.locked:
        raise ShotError(f"frame {frame} of '{name}' is locked; unlock it first")
    kept = {other: value for other, value in entry.keyframes.items() if other != frame}
    return document.with_object(replace(entry, keyframes=kept))


def lock_frame(document: Document, name: str, frame: int, seen: Answer | None = None) -> Document:
    """Accept a frame as it is: what it was answered, or what was ``seen`` there where nothing was said."""
    said = keyframe(document, name, frame)
    answer = said.answer or seen
    if answer is None:
        raise ShotError(f"'{name}' has no matte on frame {frame} to lock; track the shot first")
    return _set(document, name, frame, replace(said, answer=answer, locked=True))


def unlock_frame(document: Document, name: str, frame: int) -> Document:
    """Let a locked frame be edited again; one on which nothing was said is tracked through from then on."""
    said = document.object(name).keyframes.get(frame)
    if said is None or not said.locked:
        raise ShotError(f"frame {frame} of '{name}' is not locked")
    free = replace(said, locked=False)
    if said.points or said.strokes or said.box is not None or said.mask is not None:
        return _set(document, name, frame, free)
    return clear_keyframe(_set(document, name, frame, free), name, frame)


def set_answers(document: Document, answers: Mapping[tuple[str, int], tuple[Answer, str | None]]) -> Document:
    """What the network answered, by object id and frame, each with the digest of what was seen there before."""
    for (identity, frame), (answer, seen) in answers.items():
        entry = document.find(identity)
        if entry is not None and frame in entry.keyframes:
            said = replace(entry.keyframes[frame], answer=answer, seen=seen)
            document = document.with_object(replace(entry, keyframes={**entry.keyframes, frame: said}))
    return document


def set_range(document: Document, frames: FrameRange | None) -> Document:
    """In and out; ``None`` is all of the footage. Keyframes outside stay, and do not count."""
    footage = document.footage
    if frames is not None and not footage.first <= frames.first <= frames.last <= footage.last:
        raise ShotError(f"the range {frames} is not within the footage, {footage.first}-{footage.last}")
    return replace(document, frames=frames)


def set_cuts(document: Document, cuts: Iterable[Cut] | None) -> Document:
    """The shot list; ``None`` has it looked for anew. ShotError where a cut lies outside the footage."""
    if cuts is None:
        return replace(document, cuts=None)
    ordered = tuple(sorted({cut.frame: cut for cut in cuts}.values(), key=lambda cut: cut.frame))
    footage = document.footage
    for cut in ordered:
        if not footage.first < cut.frame <= footage.last:
            raise ShotError(f"a cut before frame {cut.frame} is not within the footage, {footage.first}-{footage.last}")
    return replace(document, cuts=ordered)


def open_cut(document: Document, frame: int, passes: bool = True) -> Document:
    """Let tracking go through the cut before ``frame``, or stop there again."""
    cuts = document.cuts or ()
    if not any(cut.frame == frame for cut in cuts):
        known = ", ".join(str(cut.frame) for cut in cuts) or "none"
        raise ShotError(f"there is no cut before frame {frame}; the cuts are: {known}")
    return replace(document, cuts=tuple(replace(c, open=passes) if c.frame == frame else c for c in cuts))


def keyframe(document: Document, name: str, frame: int) -> Keyframe:
    """What was said on a frame, empty where nothing was; raises where the frame or its object may not change."""
    footage = document.footage
    if not footage.first <= frame <= footage.last:
        raise PromptError(
            f"'{name}' is marked on frame {frame}, but {footage.name} has the frames {footage.first}-{footage.last}"
        )
    said = _unlocked(document, name).keyframes.get(frame, Keyframe())
    if said.locked:
        raise ShotError(f"frame {frame} of '{name}' is locked; unlock it first")
    return said


def check_marked(document: Document) -> None:
    """Raise PromptError for an object of which nothing but what lies beside it is said: its mattes would be empty."""
    for entry in document.objects:
        if entry.keyframes and not any(map(_marks, entry.keyframes.values())):
            raise PromptError(f"every click of '{entry.name}' lies beside it; give one on it, without '-'")


def _marks(said: Keyframe) -> bool:
    """Whether a keyframe says where the object is."""
    drawn = said.box is not None or said.mask is not None or said.seen is not None or bool(said.strokes)
    return drawn or said.locked or any(positive for _, _, positive in said.points)


def _set(document: Document, name: str, frame: int, said: Keyframe) -> Document:
    entry = document.object(name)
    return document.with_object(replace(entry, keyframes={**entry.keyframes, frame: said}))


def _unlocked(document: Document, name: str) -> ShotObject:
    entry = document.object(name)
    if entry.locked:
        raise ShotError(f"the object '{name}' is locked; unlock it first")
    return entry


def _check_on_plate(document: Document, what: str, name: str, frame: int, x: float, y: float) -> None:
    width, height = document.footage.width, document.footage.height
    if not (0 <= x < width and 0 <= y < height):
        raise PromptError(
            f"the {what} {x:g},{y:g} of '{name}' on frame {frame} lies outside the plate of {width}×{height} pixels"
        )


def _colour(text: str) -> str:
    if not re.fullmatch(r"#[0-9a-fA-F]{6}", text):
        raise ShotError(f"'{text}' is not a colour; write it like #ff5c39")
    return text.lower()
