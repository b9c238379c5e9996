"""Splines as a mask with animated shapes.

A layer for each shape: its shape keys move the points in straight lines, its opacity shows it where it lives. Points
take their keys through the operator that artists use too, because Blender sets them in no other way.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import bpy

from .animation import step_keys
from .errors import SceneError
from .splines import MaskShape
from .untangling import Points


def place_mask(context: bpy.types.Context, scene: Any, name: str, shapes: Sequence[MaskShape]) -> Any:
    """Make the mask of that name from the shapes, in place of an earlier one; gives the datablock.

    Raises SceneError where no shape is there, or Blender has no window to set keys in.
    """
    if not shapes:
        raise SceneError(f"'{name}' is nowhere to be seen, so there is no mask to make; mark it on another frame.")
    mask = _empty(name)
    frames = sorted({frame for shape in shapes for frame in shape.keys})
    mask.frame_start = min(life[0] for shape in shapes for life in shape.lives)
    mask.frame_end = max(life[1] for shape in shapes for life in shape.lives)
    for shape in shapes:
        _layer(mask, shape)
    with _mask_editor(context, scene, mask) as editor:
        for frame in frames:
            scene.frame_set(frame)
            for layer, shape in zip(mask.layers, shapes, strict=True):
                _move(layer, shape.at(frame))
            with context.temp_override(**editor):
                bpy.ops.mask.shape_key_insert()
    for layer, shape in zip(mask.layers, shapes, strict=True):
        _show(mask, layer, shape)
    return mask


def _empty(name: str) -> Any:
    mask = bpy.data.masks.get(name) or bpy.data.masks.new(name)
    for layer in list(mask.layers):
        mask.layers.remove(layer)
    mask.animation_data_clear()
    return mask


def _layer(mask: Any, shape: MaskShape) -> None:
    layer = mask.layers.new(name=shape.name)
    layer.blend = "SUBTRACT" if shape.hole else "MERGE_ADD"
    spline = layer.splines.new()
    spline.use_cyclic = True
    count = len(next(iter(shape.keys.values())))
    spline.points.add(count - len(spline.points))
    for point in spline.points:
        point.handle_type = "FREE"
        point.select = True  # the operator sets keys of what is selected alone


def _move(layer: Any, points: Points) -> None:
    for point, (before, place, after) in zip(layer.splines[0].points, points, strict=True):
        point.co = place
        point.handle_left = before
        point.handle_right = after


def _show(mask: Any, layer: Any, shape: MaskShape) -> None:
    """Let the layer be seen in its lives alone."""
    values: dict[int, float] = {}
    for first, last in shape.lives:
        values[first], values[last + 1] = 1.0, 0.0
    start = shape.lives[0][0]
    step_keys(mask, layer, "alpha", {start - 1: 0.0, **values})


@contextmanager
def _mask_editor(context: bpy.types.Context, scene: Any, mask: Any) -> Iterator[dict[str, Any]]:
    """A context in which the mask is edited: an area that is an image editor for a moment; the frame is kept."""
    window = context.window or next(iter(context.window_manager.windows), None)
    if window is None:
        raise SceneError("Blender has no window, which setting keys of masks needs; open one.")
    area = context.area if context.area in list(window.screen.areas) else max(window.screen.areas, key=_surface)
    frame, kind, shown = scene.frame_current, area.ui_type, window.scene
    window.scene = scene
    area.ui_type = "IMAGE_EDITOR"  # unlike a clip editor, it needs no clip
    space = area.spaces.active
    mode, before = space.mode, space.mask
    space.mode, space.mask = "MASK", mask
    region = next(region for region in area.regions if region.type == "WINDOW")
    try:
        yield {
            "window": window,
            "screen": window.screen,
            "area": area,
            "region": region,
            "space_data": space,
            "edit_mask": mask,
            "scene": scene,
        }
    finally:
        space.mask = before
        space.mode = mode
        area.ui_type = kind
        window.scene = shown
        scene.frame_set(frame)


def _surface(area: Any) -> int:
    return int(area.width * area.height)
