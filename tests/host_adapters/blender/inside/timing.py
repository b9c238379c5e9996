"""Shows strips, clips and image nodes in many timings; tells what the extension says of each, and renders them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bpy
from blender_side import answer, given, render, scene_of, strips_of

asked = given()
sys.path.insert(0, asked["repository"])

from host_adapters.blender.extension import source  # noqa: E402
from host_adapters.blender.extension.affine import Affine  # noqa: E402

movie, pictures, output = Path(asked["movie"]), Path(asked["pictures"]), Path(asked["output"])
unpadded = Path(asked["unpadded"])
scene = scene_of(64, 48, 200)
scene.render.fps = 24
every = strips_of(scene)
told: dict[str, Any] = {}


def tell(name: str, kind: str, sequencer: bool) -> None:
    """Keep what the extension says, and render a few frames of it."""
    found = source.find_source(bpy.context, kind)
    times = found.times
    frames = sorted({times.first, times.first + 1, (times.first + times.last) // 2, times.last - 1, times.last})
    scene.render.use_sequencer = sequencer
    files = render(scene, output / name, frames, "PNG" if sequencer else "OPEN_EXR")
    told[name] = {"frames": frames, "plates": [times.plate(frame) for frame in frames], "files": files}


def clear() -> None:
    """Remove all strips; an effect goes with what it is of."""
    while len(every):
        every.remove(every[0])


def of_strip(name: str, change: Callable[[Any], None], path: Path = movie) -> None:
    """A strip of its own, at 101, after a change."""
    clear()
    if path == movie:
        strip = every.new_movie("movie", str(path), 1, 101)
    else:
        files = sorted(path.parent.glob(f"*{path.suffix}"), key=lambda file: (len(file.name), file.name))
        strip = every.new_image("pictures", str(files[0]), 1, 101)
        for file in files[1:]:
            strip.elements.append(file.name)
    scene.sequence_editor.active_strip = strip
    change(strip)
    tell(name, source.SEQUENCER, True)


def trim(strip: Any) -> None:
    strip.frame_offset_start, strip.frame_offset_end = 3, 4


def trim_hard(strip: Any) -> None:
    trim(strip)
    strip.animation_offset_start, strip.animation_offset_end = 2, 1


def reverse(strip: Any) -> None:
    trim_hard(strip)
    strip.use_reverse_frames = True


def strobe(strip: Any) -> None:
    trim(strip)
    strip.strobe = 3


def move(strip: Any) -> None:
    trim(strip)
    strip.frame_start -= 90


def retime(strip: Any) -> None:
    window = bpy.context.window_manager.windows[0]
    area = max(window.screen.areas, key=lambda area: area.width * area.height)
    area.type = "SEQUENCE_EDITOR"
    region = next(region for region in area.regions if region.type == "WINDOW")
    strip.select = True
    with bpy.context.temp_override(window=window, area=area, region=region, scene=scene):
        bpy.ops.sequencer.retiming_segment_speed_set(speed=50.0)
    strip.frame_offset_start = 5


def retime_hard(strip: Any) -> None:
    retime(strip)
    strip.animation_offset_start = 3


def speed(kind: str, field: str, value: float) -> Callable[[Any], None]:
    def change(strip: Any) -> None:
        trim(strip)
        words = {"length": 10} if bpy.app.version >= (5, 0, 0) else {"frame_end": 110}
        effect = every.new_effect("speed", "SPEED", 2, frame_start=101, input1=strip, **words)
        effect.speed_control = kind
        if field:
            setattr(effect, field, value)
        scene.sequence_editor.active_strip = effect

    return change


of_strip("plain", lambda _strip: None)
of_strip("trimmed", trim)
of_strip("trimmed_hard", trim_hard)
of_strip("reversed", reverse)
of_strip("strobe", strobe)
of_strip("moved", move)
of_strip("retimed", retime)
of_strip("retimed_hard", retime_hard)
of_strip("speed_stretch", speed("STRETCH", "", 0))
of_strip("speed_multiply", speed("MULTIPLY", "speed_factor", 1.5))
of_strip("speed_length", speed("LENGTH", "speed_length", 40.0))
of_strip("speed_number", speed("FRAME_NUMBER", "speed_frame_number", 6))
of_strip("pictures", trim, pictures)
of_strip("pictures_hard", trim_hard, pictures)
of_strip("unpadded", trim, unpadded)


def show(node: Any, tree: Any) -> None:
    """Let the compositor render a node alone."""
    kind = "NodeGroupOutput" if hasattr(scene, "compositing_node_group") else "CompositorNodeComposite"
    end = next((held for held in tree.nodes if held.bl_idname == kind), None) or tree.nodes.new(kind)
    tree.links.new(node.outputs["Image"], end.inputs[0])
    tree.nodes.active = node


if hasattr(scene, "compositing_node_group"):
    tree = bpy.data.node_groups.new("shown", "CompositorNodeTree")
    tree.interface.new_socket(name="Image", in_out="OUTPUT", socket_type="NodeSocketColor")
    scene.compositing_node_group = tree
else:
    scene.use_nodes = True
    tree = scene.node_tree
    tree.nodes.clear()

for name, path in (("node_movie", movie), ("node_pictures", pictures)):
    node = tree.nodes.new("CompositorNodeImage")
    node.image = bpy.data.images.load(str(path))
    node.image.source = "MOVIE" if path == movie else "SEQUENCE"
    node.frame_start, node.frame_duration, node.frame_offset = 31, 8, 5 if path == movie else 1004
    show(node, tree)
    tell(name, source.COMPOSITOR, False)

for name, path in (("clip_movie", movie), ("clip_pictures", pictures)):
    clip = bpy.data.movieclips.load(str(path))
    clip.frame_start, clip.frame_offset = 51, 4
    node = tree.nodes.new("CompositorNodeMovieClip")
    node.clip = clip
    show(node, tree)
    tell(name, source.COMPOSITOR, False)

# How a picture lies in the sequencer: a strip that is moved, turned and grown, rendered.
clear()
dot = every.new_image("dot", asked["dot"], 1, 1)
transform = dot.transform
transform.offset_x, transform.offset_y, transform.rotation = -6.0, 3.0, 0.3
transform.scale_x, transform.scale_y = 1.25, 0.8
transform.origin = (0.25, 0.6)
dot.use_flip_x = True
scene.render.use_sequencer = True
place: Affine = source.picture_of(dot, (64, 48)).plate_to_view()
seen = place(*asked["place"])

answer(told=told, dot=render(scene, output / "dot", [1], "PNG")[0], seen=[seen.x + 32, 24 - seen.y])
