"""One panel, in the sidebars of three editors."""

from __future__ import annotations

from typing import Any

import bpy

from .background import TASKS
from .errors import SceneError
from .source import CLIP, COMPOSITOR, SEQUENCER, find_source, sequencer_scene
from .tasks import JOBS, said_of, share_of

_MARKS = (("CLICK", "Mark", "RESTRICT_SELECT_OFF"), ("LOOK", "Hover", "HIDE_OFF"))
_IMPORTS = (
    ("import_composite", "NODE_COMPOSITING"),
    ("import_mask", "MOD_MASK"),
    ("import_strip", "SEQ_SEQUENCER"),
)


class RotoPanel:
    """What is worked on, prompts, tracking and what is made of it."""

    bl_label = "Rotoscope"
    bl_region_type = "UI"
    bl_category = "Roto"

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the panel."""
        layout, area = self.layout, context.area.type  # type: ignore[attr-defined]
        scene = sequencer_scene(context) if area == SEQUENCER else context.scene
        fields = scene.sam2_roto
        _draw_source(layout, context)
        layout.prop(fields, "object_name")
        row = layout.row(align=True)
        for mode, label, icon in _MARKS:
            button = row.operator("sam2_roto.mark", text=label, icon=icon)
            button.mode, button.space = mode, area
        row.operator("sam2_roto.undo_prompt", text="", icon="LOOP_BACK").space = area
        row.prop(fields, "show_overlay", text="", icon="OVERLAY")
        _draw_tracking(layout, area)
        column = layout.column(align=True)
        for name, icon in _IMPORTS:
            if name != "import_strip" or area == SEQUENCER:
                column.operator(f"sam2_roto.{name}", icon=icon).space = area
        layout.prop(fields, "background")


def _draw_source(layout: Any, context: bpy.types.Context) -> None:
    box = layout.box()
    try:
        source = find_source(context, load=False)
    except SceneError as error:
        _draw_words(box, str(error), "INFO")
        return
    first, last = source.times.plate_range
    box.label(text=source.plate.name, icon="SEQUENCE")
    box.label(text=f"plate {first} to {last}, timeline {source.times.first} to {source.times.last}")


def _draw_tracking(layout: Any, area: str) -> None:
    row = layout.row(align=True)
    row.operator("sam2_roto.track", icon="TRACKING_FORWARDS").space = area
    row.operator("sam2_roto.cancel", text="", icon="X")
    if TASKS.busy(JOBS):
        job = TASKS.job()
        layout.progress(text=said_of(job), factor=share_of(job))
    if TASKS.error:
        _draw_words(layout.box(), TASKS.error, "ERROR")
    elif TASKS.message:
        layout.label(text=TASKS.message)


def _draw_words(layout: Any, text: str, icon: str, width: int = 42) -> None:
    """A sentence on as many lines as it needs: labels do not wrap."""
    import textwrap

    column = layout.column(align=True)
    for index, line in enumerate(textwrap.wrap(text, width)):
        column.label(text=line, icon=icon if index == 0 else "BLANK1")


class SAM2ROTO_PT_sequencer(RotoPanel, bpy.types.Panel):
    """The panel of the sequencer."""

    bl_idname = "SAM2ROTO_PT_sequencer"
    bl_space_type = SEQUENCER


class SAM2ROTO_PT_clip(RotoPanel, bpy.types.Panel):
    """The panel of the movie clip editor."""

    bl_idname = "SAM2ROTO_PT_clip"
    bl_space_type = CLIP


class SAM2ROTO_PT_compositor(RotoPanel, bpy.types.Panel):
    """The panel of the compositor."""

    bl_idname = "SAM2ROTO_PT_compositor"
    bl_space_type = COMPOSITOR

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Not among materials or geometry."""
        return bool(context.space_data.tree_type == "CompositorNodeTree")


CLASSES = (SAM2ROTO_PT_sequencer, SAM2ROTO_PT_clip, SAM2ROTO_PT_compositor)
