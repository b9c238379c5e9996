"""What the scripts that run inside Blender share."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import bpy


def given() -> dict[str, Any]:
    """What the test asks for."""
    return json.loads(sys.argv[-1])


def answer(**told: Any) -> None:
    """Tell the test what came of it: its last line is read."""
    print("\n" + json.dumps(told))


def scene_of(width: int, height: int, last: int) -> Any:
    """The scene, rendering EXR in 32 bits of that size, and able to without a camera of the user's."""
    scene = bpy.context.scene
    for thing in list(scene.objects):
        bpy.data.objects.remove(thing)
    scene.camera = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
    scene.collection.objects.link(scene.camera)
    scene.render.resolution_x, scene.render.resolution_y, scene.render.resolution_percentage = width, height, 100
    scene.render.use_sequencer = False
    scene.frame_start, scene.frame_end = 1, last
    scene.view_settings.view_transform = "Standard"
    window = bpy.context.window_manager.windows[0]
    if hasattr(window.workspace, "sequencer_scene"):
        window.workspace.sequencer_scene = scene
    return scene


def render(scene: Any, folder: Path, frames: list[int], kind: str = "OPEN_EXR") -> list[str]:
    """Render frames of a scene; gives the files."""
    settings = scene.render.image_settings
    settings.file_format = kind
    settings.color_mode = "RGBA"
    settings.color_depth = "32" if kind == "OPEN_EXR" else "16"
    if kind == "OPEN_EXR":
        settings.exr_codec = "ZIP"
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for frame in frames:
        scene.frame_set(frame)
        scene.render.filepath = str(folder / f"{frame:04d}{'.exr' if kind == 'OPEN_EXR' else '.png'}")
        bpy.ops.render.render(write_still=True)
        files.append(scene.render.filepath)
    return files


def show_mask(scene: Any, mask: Any) -> None:
    """Let the compositor render a mask alone, as grey."""
    if hasattr(scene, "compositing_node_group"):
        tree = bpy.data.node_groups.new("mask", "CompositorNodeTree")
        scene.compositing_node_group = tree
        tree.interface.new_socket(name="Image", in_out="OUTPUT", socket_type="NodeSocketColor")
        output = tree.nodes.new("NodeGroupOutput")
    else:
        scene.use_nodes = True
        tree = scene.node_tree
        tree.nodes.clear()
        output = tree.nodes.new("CompositorNodeComposite")
    node = tree.nodes.new("CompositorNodeMask")
    node.mask = mask
    tree.links.new(node.outputs[0], output.inputs[0])


def strips_of(scene: Any) -> Any:
    """The scene's strips, made where there are none."""
    editor = scene.sequence_editor or scene.sequence_editor_create()
    return editor.strips if hasattr(editor, "strips") else editor.sequences
