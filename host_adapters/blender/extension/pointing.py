"""The operator that takes up what the pointer does in a viewer."""

from __future__ import annotations

import bpy
from bpy.props import EnumProperty

from . import overlay
from .affine import Place
from .background import TASKS
from .errors import SceneError
from .prompting import NOW, Reporting, look
from .tasks import LOOKS
from .viewer import plate_to_region, viewer_region

_DRAG = 5  # pixels of the region: what is moved further is a box
_HINT = "Click: inside   Ctrl click: outside   Drag: box   Esc: end"


class SAM2ROTO_OT_mark(Reporting, bpy.types.Operator):
    """Click on the object in the viewer, with Ctrl beside it, or draw a box round it; Esc or right click ends"""

    bl_idname = "sam2_roto.mark"
    bl_label = "Mark in Viewer"

    mode: EnumProperty(items=[("CLICK", "Click", "Clicks and boxes"), ("LOOK", "Hover", "Show masks while hovering")])

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        """Begin."""
        try:
            self._source = self.source(context)
            plate_to_region(self._source, context.area, viewer_region(context.area))
        except SceneError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        self._pressed: tuple[int, int] | None = None
        context.window.cursor_modal_set("CROSSHAIR")
        context.workspace.status_text_set(_HINT)
        context.window_manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Take up what the pointer does in the viewer; all else goes to Blender."""
        if context.area is None or (event.type in {"ESC", "RIGHTMOUSE", "RET"} and event.value == "PRESS"):
            return self._end(context)
        try:
            return self._taken(context, event)
        except SceneError as error:
            self.report({"ERROR"}, str(error))
            return self._end(context)

    def _taken(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        pressed = self._pressed is not None
        if not pressed and not self._inside(context, event):
            return {"PASS_THROUGH"}
        if event.type == "LEFTMOUSE" and event.value == "PRESS":
            self._pressed = (event.mouse_x, event.mouse_y)
        elif event.type == "LEFTMOUSE" and event.value == "RELEASE" and pressed:
            self._said(context, event)
        elif event.type == "MOUSEMOVE":
            self._moved(context, event)
            return {"PASS_THROUGH"}
        else:
            return {"PASS_THROUGH"}
        return {"RUNNING_MODAL"}

    def _inside(self, context: bpy.types.Context, event: bpy.types.Event) -> bool:
        region = viewer_region(context.area)
        x, y = event.mouse_x - region.x, event.mouse_y - region.y
        return bool(0 <= x < region.width and 0 <= y < region.height)

    def _plate(self, context: bpy.types.Context, x: float, y: float) -> Place:
        """The place on the plate, at its edge where the pointer is beside it."""
        region = viewer_region(context.area)
        way = plate_to_region(self._source, context.area, region).inverse()
        place = way(x - region.x + 0.5, y - region.y + 0.5)
        width, height = self._source.size
        return Place(min(max(place.x, 0.0), float(width)), min(max(place.y, 0.0), float(height)))

    def _box(self, context: bpy.types.Context, event: bpy.types.Event) -> dict[str, float] | None:
        if self._pressed is None:
            return None
        if max(abs(event.mouse_x - self._pressed[0]), abs(event.mouse_y - self._pressed[1])) < _DRAG:
            return None
        corners = (*self._plate(context, *self._pressed), *self._plate(context, event.mouse_x, event.mouse_y))
        return dict(zip(("x0", "y0", "x1", "y1"), corners, strict=True))

    def _moved(self, context: bpy.types.Context, event: bpy.types.Event) -> None:
        box = self._box(context, event)
        overlay.show_box(tuple(box.values()) if box else None)
        context.area.tag_redraw()
        if self.mode == "LOOK" and self._pressed is None and not TASKS.busy(LOOKS):
            look(self._source, NOW, self._plate(context, event.mouse_x, event.mouse_y), not event.ctrl)

    def _said(self, context: bpy.types.Context, event: bpy.types.Event) -> None:
        box, place = self._box(context, event), self._plate(context, event.mouse_x, event.mouse_y)
        self._pressed = None
        overlay.show_box(None)
        space = context.area.type
        # Called as by the artist, so that each click is a step of Blender's undo.
        if box is None:
            inside = not event.ctrl
            bpy.ops.sam2_roto.add_click("EXEC_DEFAULT", True, x=place.x, y=place.y, positive=inside, space=space)
        else:
            bpy.ops.sam2_roto.add_box("EXEC_DEFAULT", True, space=space, **box)

    def _end(self, context: bpy.types.Context) -> set[str]:
        overlay.show_box(None)
        context.window.cursor_modal_restore()
        context.workspace.status_text_set(None)
        overlay.redraw()
        return {"FINISHED"}


CLASSES = (SAM2ROTO_OT_mark,)
