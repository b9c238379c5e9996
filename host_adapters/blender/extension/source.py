"""What is worked on: the active strip, clip or image node, with its file and its frames."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy

from .affine import StripFrame
from .animation import moving
from .errors import SceneError
from .frames import (
    FrameMap,
    SpeedEffect,
    StripTiming,
    clip_map,
    files_map,
    number_of,
    pattern_of,
    patterns_of,
    strip_map,
)
from .link import Work
from .movies import movie_facts, picture_size
from .preferences import folder

SEQUENCER, CLIP, COMPOSITOR = "SEQUENCE_EDITOR", "CLIP_EDITOR", "NODE_EDITOR"
"""The editors with a panel, by Blender's names."""


@dataclass(frozen=True)
class Source:
    """A plate as a scene shows it. It names what it is of, because undo gives Blender's data other places.

    Attributes:
        scene_name: the scene whose timeline counts.
        kind: the editor it was found in.
        holder_name: the name of the strip, clip or node.
        plate: a movie, or the pattern of a sequence.
        times: its frames on the timeline.
        size: width and height of the plate in pixels.
    """

    scene_name: str
    kind: str
    holder_name: str
    plate: Path
    times: FrameMap
    size: tuple[int, int]

    @property
    def movie(self) -> bool:
        """Whether it is a movie rather than a numbered sequence."""
        return "%" not in self.plate.name

    @property
    def scene(self) -> Any:
        """The scene. Raises SceneError where it was removed."""
        return self._named(bpy.data.scenes, self.scene_name)

    @property
    def holder(self) -> Any:
        """The strip, clip or node. Raises SceneError where it was removed."""
        if self.kind == CLIP:
            return self._named(bpy.data.movieclips, self.holder_name)
        if self.kind == COMPOSITOR:
            return self._named(tree_of(self.scene).nodes, self.holder_name)
        editor = self.scene.sequence_editor
        every = editor.strips_all if hasattr(editor, "strips_all") else editor.sequences_all
        return self._named(every, self.holder_name)

    def work(self) -> Work:
        """What the service is asked to work on: exactly the frames that are seen."""
        return Work(self.plate, self.times.plate_range, folder())

    @staticmethod
    def _named(collection: Any, name: str) -> Any:
        found = collection.get(name)
        if found is None:
            raise SceneError(f"'{name}' is not there any more; choose what to work on anew.")
        return found


def find_source(context: bpy.types.Context, kind: str = "", *, load: bool = True) -> Source:
    """The source in the editor ``kind``; where none is named, in that of the context, or wherever there is one.

    ``load`` allows to look into a movie's file, which is not possible while Blender draws: there it is done a moment
    later. Raises SceneError, saying what to choose, where there is none.
    """
    finders: dict[str, Callable[[Any, bool], Source | None]] = {
        SEQUENCER: _of_sequencer,
        CLIP: _of_clip_editor,
        COMPOSITOR: _of_compositor,
    }
    area = context.area.type if context.area else ""
    chosen = kind or (area if area in finders else "")
    for name, finder in finders.items():
        if chosen in ("", name):
            found = finder(context, load)
            if found is not None:
                return found
    wanted = {
        SEQUENCER: "Select a movie or image strip",
        CLIP: "Open a clip in the movie clip editor",
        COMPOSITOR: "Select an Image or Movie Clip node with a movie or a sequence",
    }
    raise SceneError(f"{wanted.get(chosen, wanted[SEQUENCER])} to work on.")


def strips_of(scene: bpy.types.Scene) -> Any:
    """A scene's strips under the name that this Blender has for them; None without a sequencer."""
    editor = scene.sequence_editor
    if editor is None:
        return None
    return editor.strips if hasattr(editor, "strips") else editor.sequences


def tree_of(scene: Any) -> Any:
    """A scene's compositing tree; None where it has none."""
    if hasattr(scene, "compositing_node_group"):  # since 5.0
        return scene.compositing_node_group
    return scene.node_tree


def sequencer_scene(context: bpy.types.Context) -> Any:
    """The scene that the sequencer shows, which since 5.0 need not be the active one."""
    return getattr(context, "sequencer_scene", None) or context.scene


def picture_of(strip: Any, size: tuple[int, int]) -> StripFrame:
    """How a strip's picture lies in the preview."""
    transform = strip.transform
    return StripFrame(
        *size,
        offset=(transform.offset_x, transform.offset_y),
        scale=(transform.scale_x, transform.scale_y),
        rotation=transform.rotation,
        origin=(transform.origin[0], transform.origin[1]),
        flip=(strip.use_flip_x, strip.use_flip_y),
    )


def _of_sequencer(context: bpy.types.Context, load: bool) -> Source | None:
    scene = sequencer_scene(context)
    strip = scene.sequence_editor.active_strip if scene.sequence_editor else None
    effect = None
    if strip is not None and strip.type == "SPEED":
        effect, strip = _speed(scene, strip), strip.input_1
    if strip is None or strip.type not in ("MOVIE", "IMAGE"):
        return None
    if strip.type == "IMAGE":
        if effect is not None:
            raise SceneError("Speed Control over image strips is not read; retime the strip itself.")
        return _of_images(scene, strip, load)
    path = _file(strip.filepath)
    length, size = movie_facts(path, load=load)
    timing = _timing(scene, strip, length)
    return Source(scene.name, SEQUENCER, strip.name, path, strip_map(timing, effect), size)


def _timing(scene: bpy.types.Scene, strip: Any, length: int) -> StripTiming:
    rate = scene.render.fps / scene.render.fps_base
    return StripTiming(
        start=strip.frame_start,
        first=int(strip.frame_final_start),
        end=int(strip.frame_final_end),
        length=strip.frame_duration,
        content=length - strip.animation_offset_start - strip.animation_offset_end,
        skipped=strip.animation_offset_start,
        rate=strip.fps / rate if strip.fps else 1.0,
        keys=tuple(key.timeline_frame for key in getattr(strip, "retiming_keys", ())),
        reverse=strip.use_reverse_frames,
        strobe=strip.strobe,
        shares=bpy.app.version >= (5, 0, 0),
    )


def _speed(scene: bpy.types.Scene, strip: Any) -> SpeedEffect:
    fields = {"MULTIPLY": "speed_factor", "LENGTH": "speed_length", "FRAME_NUMBER": "speed_frame_number"}
    field = fields.get(strip.speed_control)
    if field and moving(scene, strip.path_from_id(field)):
        raise SceneError(f"{strip.name} changes its speed along the way; give it one speed, or use Stretch.")
    value = getattr(strip, field) if field else 1.0
    return SpeedEffect(int(strip.frame_final_start), int(strip.frame_final_end), strip.speed_control, value)


def _of_images(scene: bpy.types.Scene, strip: Any, load: bool) -> Source:
    seen = range(int(strip.frame_final_start), int(strip.frame_final_end))
    names = [strip.strip_elem_from_frame(frame).filename for frame in seen]
    if len(strip.elements) < 2:
        raise SceneError(f"{strip.name} is a still; select a sequence or a movie.")
    patterns = patterns_of(names, [element.filename for element in strip.elements])
    if len(patterns) > 1:
        raise SceneError(f"{strip.name} holds files of several sequences; cut it where they change.")
    element = strip.elements[0]
    plate = _folder(strip.directory) / patterns.pop()
    size = (element.orig_width, element.orig_height)
    if not all(size):
        size = picture_size(_folder(strip.directory) / names[0], load=load)
    return Source(scene.name, SEQUENCER, strip.name, plate, files_map(seen.start, names), size)


def _of_clip_editor(context: bpy.types.Context, _load: bool) -> Source | None:
    space = context.space_data
    clip = space.clip if space is not None and space.type == CLIP else context.scene.active_clip
    return _of_clip(context.scene, CLIP, clip, clip) if clip is not None else None


def _of_clip(scene: bpy.types.Scene, kind: str, clip: Any, holder: Any) -> Source:
    path = _file(clip.filepath)
    number = clip.frame_offset
    if clip.source == "SEQUENCE":
        number += number_of(path.name)
        path = path.with_name(pattern_of(path.name))
    length = clip.frame_duration - clip.frame_offset
    times = clip_map(clip.frame_start, number, max(length, 0))
    return Source(scene.name, kind, holder.name, path, times, (clip.size[0], clip.size[1]))


def _of_compositor(context: bpy.types.Context, _load: bool) -> Source | None:
    scene = context.scene
    tree = tree_of(scene)
    node = tree.nodes.active if tree is not None else None
    if node is None:
        return None
    if node.bl_idname == "CompositorNodeMovieClip" and node.clip is not None:
        return _of_clip(scene, COMPOSITOR, node.clip, node)
    if node.bl_idname != "CompositorNodeImage" or node.image is None or node.image.source not in ("SEQUENCE", "MOVIE"):
        return None
    path, sequence = _file(node.image.filepath), node.image.source == "SEQUENCE"
    # Image nodes count a sequence's numbers from 1, a movie's frames from 0.
    times = clip_map(node.frame_start, node.frame_offset + (1 if sequence else 0), node.frame_duration)
    plate = path.with_name(pattern_of(path.name)) if sequence else path
    return Source(scene.name, COMPOSITOR, node.name, plate, times, (node.image.size[0], node.image.size[1]))


def _file(path: str) -> Path:
    found = Path(bpy.path.abspath(path))
    if not found.is_file():
        raise SceneError(f"There is no file {found}; relink the strip or clip.")
    return found


def _folder(path: str) -> Path:
    return Path(bpy.path.abspath(path))
