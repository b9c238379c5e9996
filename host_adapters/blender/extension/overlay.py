"""What is drawn over the picture: clicks, boxes, the box that is being drawn, and what the network sees."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import bpy
import gpu
from gpu_extras.batch import batch_for_shader

from .affine import Affine, Place
from .errors import SceneError
from .scene import shot_of
from .source import Source, find_source
from .viewer import REGIONS, plate_to_region, viewer_region

IMAGE = "sam2-roto preview"
"""The image datablock that holds what the network sees."""

_SPACES = {"SEQUENCE_EDITOR": "SpaceSequenceEditor", "CLIP_EDITOR": "SpaceClipEditor", "NODE_EDITOR": "SpaceNodeEditor"}
_POSITIVE, _NEGATIVE, _TINT = (0.2, 0.9, 0.3, 1.0), (0.95, 0.25, 0.2, 1.0), (0.1, 0.8, 1.0, 0.45)
_RADIUS = 6.0

_handlers: list[tuple[Any, Any, str]] = []
_shown: dict[str, Any] = {}  # what the preview is of: plate, frame; the box that is being drawn


def show_preview(plate: Path, frame: int, picture: bytes) -> None:
    """Keep what the network answered on a frame of the plate, as an image that editors and the overlay show."""
    path = Path(bpy.app.tempdir) / f"sam2_roto_preview_{len(picture)}_{frame}.png"
    path.write_bytes(picture)
    image, before = bpy.data.images.load(str(path)), bpy.data.images.get(IMAGE)
    image.colorspace_settings.name = "Non-Color"
    image.pack()
    path.unlink()
    if before is not None:
        before.user_remap(image)  # editors that show it go on doing so
        bpy.data.images.remove(before)
    image.name = IMAGE
    _shown.update(plate=str(plate), frame=frame)
    redraw()


def show_box(corners: Sequence[float] | None) -> None:
    """Show a box that is being drawn, in pixels of the plate; None takes it away."""
    _shown["box"] = corners


def hide() -> None:
    """Show no preview and no box any more."""
    _shown.clear()
    redraw()


def redraw() -> None:
    """Draw the editors anew."""
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type in REGIONS:
                area.tag_redraw()


def attach() -> None:
    """Draw in all three editors from now on."""
    for kind, name in _SPACES.items():
        space = getattr(bpy.types, name)
        _handlers.append((space, space.draw_handler_add(_draw, (), REGIONS[kind], "POST_PIXEL"), REGIONS[kind]))


def detach() -> None:
    """Draw nothing any more."""
    while _handlers:
        space, handler, region = _handlers.pop()
        space.draw_handler_remove(handler, region)
    _shown.clear()


def _draw() -> None:
    context = bpy.context
    if not context.scene.sam2_roto.show_overlay:
        return
    try:
        source = find_source(context, load=False)
        frame = source.times.plate(source.scene.frame_current)
        place = plate_to_region(source, context.area, viewer_region(context.area))
    except SceneError:  # nothing to draw over: the panel says why
        return
    gpu.state.blend_set("ALPHA")
    if _shown.get("frame") == frame and _shown.get("plate") == str(source.plate) and IMAGE in bpy.data.images:
        _draw_picture(bpy.data.images[IMAGE], place, source.size)
    for mark in shot_marks(source, frame):
        color = _POSITIVE if mark.positive else _NEGATIVE
        _draw_box(mark.corners, place, color) if mark.box else _draw_disc(place(*mark.corners[:2]), color)
    if _shown.get("box") is not None:
        _draw_box(_shown["box"], place, _POSITIVE)
    gpu.state.blend_set("NONE")


def shot_marks(source: Source, frame: int) -> list[Any]:
    """What was said on a frame of the plate. The scene is only read: drawing may not change it."""
    folder = str(source.work().shot)
    entry = next((entry for entry in source.scene.sam2_roto.shots if entry.folder == folder), None)
    return [mark for mark in entry.marks if mark.frame == frame] if entry else []


def add_mark(source: Source, frame: int, name: str, corners: Sequence[float], positive: bool) -> Any:
    """Remember a click (two numbers) or a box (four) with the scene; gives the shot's entry."""
    entry = shot_of(source.scene, source.work())
    mark = entry.marks.add()
    mark.key = uuid4().hex
    mark.object_name, mark.frame, mark.positive, mark.box = name, frame, positive, len(corners) == 4
    mark.corners = (*corners, 0.0, 0.0)[:4]
    return entry


def _draw_picture(image: Any, place: Affine, size: tuple[int, int]) -> None:
    width, height = size
    corners = [place(x, y) for x, y in ((0, height), (width, height), (width, 0), (0, 0))]
    shader = gpu.shader.from_builtin("IMAGE_COLOR")
    inside = {"pos": corners, "texCoord": ((0, 0), (1, 0), (1, 1), (0, 1))}
    batch = batch_for_shader(shader, "TRI_FAN", inside)
    shader.bind()
    shader.uniform_sampler("image", gpu.texture.from_image(image))
    shader.uniform_float("color", _TINT)
    gpu.state.blend_set("ADDITIVE")
    batch.draw(shader)
    gpu.state.blend_set("ALPHA")


def _draw_box(corners: Sequence[float], place: Affine, color: tuple[float, ...]) -> None:
    x0, y0, x1, y1 = corners
    _lines([place(x, y) for x, y in ((x0, y0), (x1, y0), (x1, y1), (x0, y1), (x0, y0))], color)


def _draw_disc(centre: Place, color: tuple[float, ...]) -> None:
    ring = [(1, 0), (0.7, 0.7), (0, 1), (-0.7, 0.7), (-1, 0), (-0.7, -0.7), (0, -1), (0.7, -0.7)]
    places = [Place(centre.x + _RADIUS * x, centre.y + _RADIUS * y) for x, y in ring]
    shader = gpu.shader.from_builtin("UNIFORM_COLOR")
    shader.uniform_float("color", color)
    batch_for_shader(shader, "TRI_FAN", {"pos": places}).draw(shader)
    _lines([*places, places[0]], (0.0, 0.0, 0.0, 1.0))


def _lines(places: Sequence[Place], color: tuple[float, ...]) -> None:
    shader = gpu.shader.from_builtin("UNIFORM_COLOR")
    shader.uniform_float("color", color)
    batch_for_shader(shader, "LINE_STRIP", {"pos": places}).draw(shader)
