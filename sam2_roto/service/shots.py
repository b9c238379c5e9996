"""What clients do with an open shot, each a function that the shot's own thread runs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compositing.errors import CompositingError
from compositing.footage.frames import FrameRange
from sam2_roto.errors import ExportError, ShotError
from sam2_roto.shot import edits
from sam2_roto.shot.document import Document, TrackingSettings
from sam2_roto.shot.shot import Shot

from .faults import Refused
from .found import with_found
from .paths import Folders
from .room import Room

if TYPE_CHECKING:
    from sam2_roto.shot.session import Session

Json = dict[str, Any]


def make(
    folders: Folders,
    folder: Path,
    footage: Path,
    *,
    frames: FrameRange | None,
    start: int | None,
    color_space: str | None,
    settings: TrackingSettings,
    recipe: Json | None,
) -> Path:
    """Make a shot, and give its folder. Raises ShotError, FootageError, ModelError, ExportError, Refused."""
    from .opening import check_settings

    settings = check_settings(settings, folders)
    checked = None if recipe is None else check_recipe(recipe)
    with Shot.new(
        folder, footage, frames=frames, start=start, color_space=color_space, settings=settings, recipe=checked
    ) as made:
        return made.folder


def check(folders: Folders, folder: Path) -> Path:
    """The folder of a shot that is there, whose footage and weights lie within the opened folders."""
    from .opening import check_sources

    with Shot(folder, read_only=True) as found:
        check_sources(found.document, folder, folders)
    return folder


def check_recipe(recipe: Json) -> Json:
    """The recipe, with all its settings. Raises ExportError where it is none."""
    from sam2_roto.mattes import MatteRecipe

    try:
        return MatteRecipe.from_json(recipe).to_json()
    except (TypeError, ValueError, AttributeError, KeyError, OverflowError) as error:
        raise ExportError(
            f"the recipe cannot be read ({error}); give it as 'sam2-roto shot info --json' does"
        ) from error


def describe(room: Room) -> Json:
    """A shot as clients see it; ``trouble`` tells why it cannot be known what is still to be tracked."""
    missing, trouble = _missing(room)
    return {**header(room.id, room.folder, room.shot), "tracked": missing, "trouble": trouble}


def headers(folders: Folders, known: Iterable[tuple[str, Path]]) -> list[Json]:
    """The shots that can be read now, by ids and folders, as their documents tell; none is opened for it."""
    told = []
    for identity, folder in known:
        try:
            with Shot(folders.shot(folder), read_only=True) as found:
                told.append(header(identity, folder, found))
        except CompositingError:  # on a disk that is away, or its folder was closed
            continue
    return told


def header(identity: str, folder: Path, shot: Shot) -> Json:
    """What the document of a shot tells, without a look at its footage and its results."""
    document, history = shot.document, shot.history
    footage = document.footage
    return {
        "id": identity,
        "folder": str(folder),
        "name": shot.name,
        "footage": str((folder / footage.path).resolve()),
        "width": footage.width,
        "height": footage.height,
        "first": footage.first,
        "last": footage.last,
        "start": footage.start,
        "rate": footage.rate,
        "color_space": footage.color_space,
        "range": [document.range.first, document.range.last],
        "model": document.settings.model,
        "image_size": document.settings.image_size,
        "crop": document.settings.crop,
        "recipe": dict(document.recipe),
        "objects": _objects(document),
        "can_undo": history.undoable is not None,
        "can_redo": history.redoable is not None,
        "revision": f"{history.position}-{history.edits[history.position - 1].id}" if history.position else "0",
    }


def change(room: Room, words: Json) -> Json:
    """Set range, recipe, model, image size and crop, those that are given, as one edit."""
    from .opening import check_settings

    document = room.shot.document
    settings: Json = {name: words[name] for name in ("model", "image_size") if name in words}
    if "crop" in words:
        settings["crop"] = words["crop"] or "auto"
    if settings:
        checked = check_settings(replace(document.settings, **settings), room.folders)
        document = replace(document, settings=checked)
    if "recipe" in words:
        document = replace(document, recipe=check_recipe(words["recipe"] or {}) if words["recipe"] else {})
    if "range" in words:
        document = edits.set_range(document, words["range"] and FrameRange(*words["range"]))
    room.shot.edit("set " + " ".join(words), lambda _: document)
    return describe(room)


def add_object(room: Room, name: str, colour: str | None) -> Json:
    """A new object without prompts."""
    room.shot.add_object(name, colour)
    return describe(room)


def set_object(room: Room, name: str, words: Json) -> Json:
    """Rename, colour, show or hide, lock or unlock an object."""
    known(room, name)
    room.shot.set_object(name, **words)
    return describe(room)


def remove_object(room: Room, name: str) -> Json:
    """Take an object out of the shot."""
    known(room, name)
    room.shot.remove_object(name)
    return describe(room)


def clear(room: Room, name: str, frame: int) -> Json:
    """Take back all that was said about an object on a frame."""
    known(room, name)
    room.shot.clear(name, frame)
    return describe(room)


def lock(room: Room, name: str, frame: int, locked: bool) -> Json:
    """Accept a frame as it is, or let it be edited again."""
    known(room, name)
    if locked:
        room.session.lock(name, frame)
    else:
        room.shot.unlock(name, frame)
    return describe(room)


def undo(room: Room) -> Json:
    """Take the latest edit back."""
    return {"label": room.shot.undo(), "shot": describe(room)}


def redo(room: Room) -> Json:
    """Make the edit that was undone last again."""
    return {"label": room.shot.redo(), "shot": describe(room)}


def take_in(room: Room, found: Json) -> None:
    """Make what a job found out an edit."""
    room.shot.edit(found["label"], lambda old: with_found(old, found), joined=bool(room.shot.history.position))


def plate(room: Room, frame: int, width: int | None) -> bytes:
    """The plate as people see it, as PNG. Raises Refused where there is no such frame."""
    from .prompting import png, resized, scaled

    footage = room.session.footage
    if not footage.first <= frame <= footage.last:
        raise Refused(404, "shot", f"there is no frame {frame}; the footage has {footage.first}-{footage.last}")
    return png(resized(footage.view(frame), scaled((footage.width, footage.height), width)))


def matte(room: Room, name: str, frame: int, width: int | None) -> bytes:
    """The matte of an object that the recipe makes, as PNG. Raises Refused where the frame is not tracked."""
    from .prompting import gray, png, resized, scaled

    known(room, name)
    session = room.session
    if frame not in session.shot.document.range:
        raise Refused(404, "shot", f"frame {frame} is not in the shot, {session.shot.document.range}")
    if session.results.read(name, frame) is None:
        raise Refused(404, "shot", f"frame {frame} of '{name}' is not tracked yet; start a job that tracks the shot")
    size = scaled((session.footage.width, session.footage.height), width)
    return png(gray(resized(_matte(session, name, frame), size)))


def review(room: Room) -> Json:
    """The frames to look at, worst first, and where one more click helps most."""
    from sam2_roto.shot.review import review as look

    found = look(room.session.results, room.session.footage)
    fix = found.fix()
    suspects = [
        {"object": s.name, "frame": s.frame, "confidence": s.confidence, "reason": s.reason} for s in found.suspects()
    ]
    told = fix and {"object": fix.name, "frame": fix.frame, "gain": fix.gain}
    return {"suspects": suspects, "fix": told, "untracked": list(found.untracked)}


def known(room: Room, name: str) -> None:
    """Raise Refused where the shot has no object of that name."""
    if not any(entry.name == name for entry in room.shot.document.objects):
        names = ", ".join(entry.name for entry in room.shot.document.objects) or "none"
        raise Refused(404, "shot", f"the shot has no object '{name}'; its objects are: {names}")


def ready(room: Room, *, objects: bool = True) -> None:
    """Raise what would stop a job at once: no footage, no network, no object that is marked."""
    marked = [entry for entry in room.session.shot.document.objects if entry.keyframes]
    if objects and not marked:
        raise ShotError("nothing is marked in the shot; say where an object is first")
    if objects:
        edits.check_marked(room.session.shot.document)


def _objects(document: Document) -> list[Json]:
    return [
        {
            "name": entry.name,
            "colour": entry.colour,
            "visible": entry.visible,
            "locked": entry.locked,
            "keyframes": list(entry.keyframes),
            "locked_frames": [frame for frame, said in entry.keyframes.items() if said.locked],
        }
        for entry in document.objects
    ]


def _missing(room: Room) -> tuple[dict[str, int], str | None]:
    """Frames that are not tracked, by object; those of an object that awaits an answer are counted from it."""
    from sam2_roto.shot.streams import pending

    try:
        session = room.session
        results, document = session.results, session.shot.document
        waiting = {e.name: len(pending(e, results.network.key, document.range)) for e in document.objects}
        missing = results.missing()
    except CompositingError as error:
        return {}, str(error)
    return {name: missing.get(name, 0) + count for name, count in waiting.items()}, None


def _matte(session: Session, name: str, frame: int) -> Any:
    """The matte float32 ``[H, W]`` as it is exported, also of a hidden object."""
    import numpy as np

    from sam2_roto.shot.export import recipe_of, shot_mattes

    document = session.shot.document
    recipe, frames = recipe_of(document), document.range
    others = document.objects if recipe.exclusive else [e for e in document.objects if e.name == name]
    seen = tuple(replace(entry, visible=entry.visible or entry.name == name) for entry in others)
    around = range(max(frames.first, frame - recipe.radius), min(frames.last, frame + recipe.radius) + 1)
    session.results.update(replace(document, objects=seen))
    try:
        made = next(shot_mattes(session.results, session.footage, around, around.index(frame)))
    finally:
        session.results.update(document)
    size = (session.footage.height, session.footage.width)
    return made.mattes.get(name, np.zeros(size, np.float32))
