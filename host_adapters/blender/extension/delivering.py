"""Operators that track, and that bring mattes, masks and strips into the scene."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import bpy

from .background import TASKS, submit
from .errors import SceneError
from .frames import number_of
from .link import object_files
from .masks import place_mask
from .nodes import place_composite
from .overlay import redraw
from .preferences import link
from .prompting import UNDOABLE, Reporting
from .scene import object_of
from .source import SEQUENCER, Source
from .splines import read_shapes
from .strips import place_strip
from .tasks import JOBS, Order


class SAM2ROTO_OT_track(Reporting, bpy.types.Operator):
    """Follow the objects through the frames of the strip or clip, in the background"""

    bl_idname = "sam2_roto.track"
    bl_label = "Track"

    def act(self, context: bpy.types.Context) -> None:
        """Track."""
        way, work = link(), self.source(context).work()

        def tracked(_shot: object) -> None:
            TASKS.message = f"Tracked {work.frames[0]} to {work.frames[1]}"

        submit(JOBS, Order("Tracking", lambda task: way.track(work, task), tracked))


class SAM2ROTO_OT_cancel(bpy.types.Operator):
    """End what runs in the background; what was tracked so far is kept"""

    bl_idname = "sam2_roto.cancel"
    bl_label = "Cancel"

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        """Only where something runs."""
        return TASKS.busy(JOBS)

    def execute(self, _context: bpy.types.Context) -> set[str]:
        """Cancel."""
        TASKS.cancel()
        return {"FINISHED"}


class Delivering(Reporting):
    """What the three ways of import share: track and export in the background, then place what came."""

    def bring(
        self, source: Source, kind: str, title: str, ending: str, place: Callable[[list[Path], str], None]
    ) -> None:
        """Have files of a kind made, and call ``place`` with those of the object, and its name."""
        name = object_of(source.scene)
        way, work = link(), source.work()

        def brought(files: list[Path]) -> None:
            found = object_files(files, name, ending)
            if not found:
                raise SceneError(f"The service wrote nothing of '{name}'; mark it first.")
            place(found, name)
            bpy.ops.ed.undo_push(message=title)
            TASKS.message = f"{title}: done"
            redraw()

        submit(JOBS, Order(title, lambda task: way.export(work, kind, task), brought))


class SAM2ROTO_OT_import_composite(Delivering, bpy.types.Operator):
    """Bring the matte into the compositor: Set Alpha on the plate, and Alpha Over what was there"""

    bl_idname = "sam2_roto.import_composite"
    bl_label = "Matte into Compositor"
    bl_options = UNDOABLE

    def act(self, context: bpy.types.Context) -> None:
        """Import."""
        source = self.source(context)

        def place(files: list[Path], name: str) -> None:
            seen = {number_of(path.name): path for path in files}
            first = seen[source.times.plates[0]]
            place_composite(source, [first], name, tuple(source.scene.sam2_roto.background))

        self.bring(source, "exr", self.bl_label, ".exr", place)


class SAM2ROTO_OT_import_mask(Delivering, bpy.types.Operator):
    """Make a mask of animated splines from the matte"""

    bl_idname = "sam2_roto.import_mask"
    bl_label = "Splines as Mask"
    bl_options = UNDOABLE

    def act(self, context: bpy.types.Context) -> None:
        """Import."""
        source = self.source(context)

        def place(files: list[Path], name: str) -> None:
            place_mask(bpy.context, source.scene, name, read_shapes(files[0], source.times))

        self.bring(source, "splines", self.bl_label, ".json", place)


class SAM2ROTO_OT_import_strip(Delivering, bpy.types.Operator):
    """Put the matte beside the strip, and let the strip be masked by it"""

    bl_idname = "sam2_roto.import_strip"
    bl_label = "Matte as Strip"
    bl_options = UNDOABLE

    def act(self, context: bpy.types.Context) -> None:
        """Import."""
        source = self.source(context)
        if source.kind != SEQUENCER:
            raise SceneError("A matte becomes a strip beside a strip; select one in the sequencer.")

        def place(files: list[Path], name: str) -> None:
            place_strip(source, {number_of(path.name): path for path in files}, name)

        self.bring(source, "png", self.bl_label, ".png", place)


CLASSES = (
    SAM2ROTO_OT_track,
    SAM2ROTO_OT_cancel,
    SAM2ROTO_OT_import_composite,
    SAM2ROTO_OT_import_mask,
    SAM2ROTO_OT_import_strip,
)
