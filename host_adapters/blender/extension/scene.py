"""What a scene keeps of the work: it is saved and undone with the .blend file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy
from bpy.props import (
    BoolProperty,
    CollectionProperty,
    FloatVectorProperty,
    IntProperty,
    PointerProperty,
    StringProperty,
)

from .errors import SceneError
from .link import Work


class SAM2ROTO_PG_mark(bpy.types.PropertyGroup):
    """A click, or a box by two corners, on a frame of the plate, in its pixels; ``key`` tells it from all others."""

    key: StringProperty()
    object_name: StringProperty()
    frame: IntProperty()
    box: BoolProperty()
    positive: BoolProperty(default=True)
    corners: FloatVectorProperty(size=4)


class SAM2ROTO_PG_shot(bpy.types.PropertyGroup):
    """The artist's work on one plate. ``edits`` counts what was said to the service, and is what undo takes back."""

    plate: StringProperty()
    folder: StringProperty()
    first: IntProperty()
    last: IntProperty()
    edits: IntProperty()
    marks: CollectionProperty(type=SAM2ROTO_PG_mark)


class SAM2ROTO_PG_scene(bpy.types.PropertyGroup):
    """The panel's own fields, and the shots."""

    object_name: StringProperty(name="Object", description="What clicks and boxes speak of", default="object")
    show_overlay: BoolProperty(name="Overlay", description="Show clicks and what the network sees", default=True)
    background: FloatVectorProperty(
        name="Background",
        description="Behind the matte where nothing was composited before",
        subtype="COLOR",
        size=4,
        min=0.0,
        max=1.0,
        default=(0.0, 0.0, 0.0, 1.0),
    )
    shots: CollectionProperty(type=SAM2ROTO_PG_shot)


def shot_of(scene: bpy.types.Scene, work: Work) -> SAM2ROTO_PG_shot:
    """The scene's entry of a plate, made where there is none."""
    entries = scene.sam2_roto.shots
    entry = next((entry for entry in entries if entry.folder == str(work.shot)), None)
    if entry is None:
        entry = entries.add()
        entry.folder, entry.plate = str(work.shot), str(work.plate)
    entry.first, entry.last = work.frames
    return entry


def work_of(entry: SAM2ROTO_PG_shot) -> Work:
    """The work that an entry tells of."""
    return Work(Path(entry.plate), (entry.first, entry.last), Path(entry.folder).parent)


def words_of(mark: SAM2ROTO_PG_mark) -> dict[str, Any]:
    """A mark as the service hears it."""
    if mark.box:
        return {"box": list(mark.corners)}
    return {"points": [[mark.corners[0], mark.corners[1], mark.positive]]}


def object_of(scene: bpy.types.Scene) -> str:
    """The object that is worked on. Raises SceneError where it has no name."""
    name = str(scene.sam2_roto.object_name).strip()
    if not name:
        raise SceneError("The object has no name; give it one in the panel.")
    return name


def attach() -> None:
    """Give scenes their fields."""
    bpy.types.Scene.sam2_roto = PointerProperty(type=SAM2ROTO_PG_scene)


def detach() -> None:
    """Take them away; what files hold stays in the files."""
    del bpy.types.Scene.sam2_roto
