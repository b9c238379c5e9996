"""Operators that say something about an object: clicks and boxes."""

from __future__ import annotations

from typing import Any

import bpy
from bpy.props import BoolProperty, FloatProperty, IntProperty, StringProperty

from . import overlay
from .background import TASKS, count_edit, follow, submit, uncount_edit
from .errors import SceneError
from .preferences import link
from .scene import object_of, words_of
from .source import Source, find_source
from .tasks import EDITS, LOOKS, Order

NOW = -(2**31)
"""The frame of the timeline that is shown."""

UNDOABLE = {"REGISTER", "UNDO"}
"""The options of operators that change the scene."""


class Reporting:
    """What all operators share: a SceneError becomes a report, and nothing is changed."""

    space: StringProperty(options={"SKIP_SAVE", "HIDDEN"})

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Do it, or say why not."""
        try:
            self.act(context)
        except SceneError as error:
            self.report({"ERROR"}, str(error))  # type: ignore[attr-defined]
            return {"CANCELLED"}
        return {"FINISHED"}

    def act(self, context: bpy.types.Context) -> None:
        """What the operator does."""
        raise NotImplementedError

    def source(self, context: bpy.types.Context) -> Source:
        """What is worked on."""
        return find_source(context, self.space)


def say(source: Source, timeline: int, corners: tuple[float, ...], positive: bool) -> None:
    """Tell the service of a click or a box, and remember it with the scene. Raises SceneError."""
    name = object_of(source.scene)
    frame = source.times.plate(source.scene.frame_current if timeline == NOW else timeline)
    _check(source, corners)
    entry = overlay.add_mark(source, frame, name, corners, positive)
    count_edit(entry)
    way, work, said, key = link(), source.work(), words_of(entry.marks[-1]), entry.marks[-1].key

    def seen(answer: dict[str, Any]) -> None:
        _show(source, frame, answer)
        TASKS.message = f"{name}: score {answer.get('score') or 0:.2f} on frame {frame}"

    def refused() -> None:
        uncount_edit(source.scene, str(work.shot), key)

    submit(EDITS, Order("Looking", lambda _task: way.say(work, name, frame, said), seen, refused))


def _show(source: Source, frame: int, answer: dict[str, Any]) -> None:
    if answer.get("mask"):
        overlay.show_preview(source.plate, frame, answer["mask"])


def _check(source: Source, corners: tuple[float, ...]) -> None:
    width, height = source.size
    for x, y in zip(corners[::2], corners[1::2], strict=True):
        if not (0 <= x <= width and 0 <= y <= height):
            raise SceneError(f"{x:.0f}, {y:.0f} is outside the plate of {width} x {height} pixels; click inside it.")


class SAM2ROTO_OT_add_click(Reporting, bpy.types.Operator):
    """Say that a pixel of the plate belongs to the object, or does not"""

    bl_idname = "sam2_roto.add_click"
    bl_label = "Add Click"
    bl_options = UNDOABLE

    x: FloatProperty(name="X", description="Pixels of the plate from its left edge")
    y: FloatProperty(name="Y", description="Pixels of the plate from its upper edge")
    positive: BoolProperty(name="Inside", default=True)
    frame: IntProperty(name="Frame", description="On the timeline", default=NOW, options={"SKIP_SAVE"})

    def act(self, context: bpy.types.Context) -> None:
        """Click."""
        say(self.source(context), self.frame, (self.x, self.y), self.positive)


class SAM2ROTO_OT_add_box(Reporting, bpy.types.Operator):
    """Mark the object by a box in pixels of the plate"""

    bl_idname = "sam2_roto.add_box"
    bl_label = "Add Box"
    bl_options = UNDOABLE

    x0: FloatProperty(name="Left")
    y0: FloatProperty(name="Top")
    x1: FloatProperty(name="Right")
    y1: FloatProperty(name="Bottom")
    frame: IntProperty(name="Frame", description="On the timeline", default=NOW, options={"SKIP_SAVE"})

    def act(self, context: bpy.types.Context) -> None:
        """Mark."""
        left, right = sorted((self.x0, self.x1))
        top, bottom = sorted((self.y0, self.y1))
        say(self.source(context), self.frame, (left, top, right, bottom), True)


class SAM2ROTO_OT_undo_prompt(Reporting, bpy.types.Operator):
    """Take back what was said last about the plate"""

    bl_idname = "sam2_roto.undo_prompt"
    bl_label = "Undo Last"
    bl_options = UNDOABLE

    def act(self, context: bpy.types.Context) -> None:
        """Take back."""
        source = self.source(context)
        folder = str(source.work().shot)
        entry = next((entry for entry in source.scene.sam2_roto.shots if entry.folder == folder), None)
        if entry is None or not len(entry.marks):
            raise SceneError("Nothing was said about this plate that could be taken back.")
        entry.marks.remove(len(entry.marks) - 1)
        entry.edits -= 1
        follow()


class SAM2ROTO_OT_preview(Reporting, bpy.types.Operator):
    """Show what the network would see with one more click; nothing is said"""

    bl_idname = "sam2_roto.preview"
    bl_label = "Preview"

    x: FloatProperty(name="X")
    y: FloatProperty(name="Y")
    positive: BoolProperty(name="Inside", default=True)
    frame: IntProperty(name="Frame", default=NOW, options={"SKIP_SAVE"})

    def act(self, context: bpy.types.Context) -> None:
        """Look."""
        look(self.source(context), self.frame, (self.x, self.y), self.positive)


def look(source: Source, timeline: int, place: tuple[float, float], positive: bool) -> None:
    """Ask what the network would see with one more click, and show it. Raises SceneError."""
    name = object_of(source.scene)
    frame = source.times.plate(source.scene.frame_current if timeline == NOW else timeline)
    _check(source, place)
    way, work, said = link(), source.work(), {"points": [[*place, positive]]}

    submit(
        LOOKS,
        Order(
            "Looking",
            lambda _task: way.preview(work, name, frame, said),
            lambda answer: _show(source, frame, answer),
        ),
    )


CLASSES = (
    SAM2ROTO_OT_add_click,
    SAM2ROTO_OT_add_box,
    SAM2ROTO_OT_undo_prompt,
    SAM2ROTO_OT_preview,
)
