"""The matte in the compositor: plate and matte into Set Alpha, and that over what was there, with Alpha Over."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import bpy

from .animation import step_keys
from .frames import FrameMap
from .source import CLIP, COMPOSITOR, Source, tree_of

_STEP = 260.0  # from node to node, in the editor's units


def place_composite(source: Source, mattes: Sequence[Path], name: str, background: Sequence[float]) -> Any:
    """Build the nodes of an object, or renew those that were built before; gives the Alpha Over node.

    Args:
        source: the plate.
        mattes: the files of the object's matte, EXR with the channel A, numbered as the plate.
        name: of the object.
        background: RGBA, linear, behind the matte where nothing led to the output before.
    """
    tree, fresh = _tree(source.scene)
    plate = _plate_output(tree, source, name)
    matte = _node(tree, "CompositorNodeImage", f"{name} matte")
    show_images(matte, load_images(mattes[0], matte.image), source.times, sequence=True)
    matte.image.colorspace_settings.name = "Non-Color"
    alpha = _node(tree, "CompositorNodeSetAlpha", f"{name} alpha")
    over = _node(tree, "CompositorNodeAlphaOver", f"{name} over")
    _choose(alpha, "mode", "REPLACE_ALPHA", "Type", "Replace Alpha")
    _choose(over, "use_premultiply", True, "Straight Alpha", True)
    behind, front = _pictures(over)
    below = None if fresh else _fed(_output(tree), over)
    if below is not None:
        tree.links.new(below, behind)
    elif not behind.is_linked:
        behind.default_value = background
    tree.links.new(plate, alpha.inputs["Image"])
    tree.links.new(matte.outputs["Alpha"], alpha.inputs["Alpha"])
    tree.links.new(alpha.outputs[0], front)
    tree.links.new(over.outputs[0], _output(tree))
    tree.links.new(over.outputs[0], _node(tree, "CompositorNodeViewer", "sam2-roto viewer").inputs[0])
    _lay_out([matte, alpha, over], plate.node)
    return over


def load_images(path: Path, known: Any = None) -> Any:
    """The sequence that a file belongs to, as an image datablock; ``known`` is used again where it is given."""
    if known is None:
        known = bpy.data.images.load(str(path))
    known.filepath = str(path)
    known.source = "SEQUENCE"
    known.reload()
    return known


def show_images(node: Any, image: Any, times: FrameMap, *, sequence: bool) -> None:
    """Let an image node show what ``times`` says: a ``sequence`` by its numbers, or a movie counted from 0."""
    node.image = image
    node.frame_start, node.frame_duration = times.first, len(times.plates)
    before = 1 if sequence else 0  # the node counts a sequence from 1
    offsets = {times.first + index: float(plate - before - index) for index, plate in enumerate(times.plates)}
    if times.steady:
        node.frame_offset = int(offsets[times.first])
    else:
        changed = {frame: offset for frame, offset in offsets.items() if offset != offsets.get(frame - 1)}
        step_keys(node.id_data, node, "frame_offset", changed)


def _plate_output(tree: Any, source: Source, name: str) -> Any:
    if source.kind == COMPOSITOR:
        return source.holder.outputs["Image"]
    if source.kind == CLIP:
        node = _node(tree, "CompositorNodeMovieClip", f"{name} plate")
        node.clip = source.holder
        return node.outputs["Image"]
    node = _node(tree, "CompositorNodeImage", f"{name} plate")
    if source.movie:
        image = bpy.data.images.load(str(source.plate), check_existing=True)
    else:
        first = source.plate.with_name(source.plate.name % source.times.plates[0])
        image = load_images(first, node.image)
    show_images(node, image, source.times, sequence=not source.movie)
    return node.outputs["Image"]


def _tree(scene: Any) -> tuple[Any, bool]:
    """The scene's compositing tree, and whether it was made just now."""
    if hasattr(scene, "compositing_node_group"):  # since 5.0
        if tree_of(scene) is not None:
            return tree_of(scene), False
        tree = bpy.data.node_groups.new(f"{scene.name} compositing", "CompositorNodeTree")
        scene.compositing_node_group = tree
        return tree, True
    fresh = not scene.use_nodes
    scene.use_nodes = True
    if fresh:
        tree_of(scene).nodes.clear()  # a Render Layers node would have the empty 3D scene rendered
    return tree_of(scene), fresh


def _output(tree: Any) -> Any:
    """The socket of the picture that is rendered, made where there is none."""
    kind = (
        "NodeGroupOutput" if hasattr(tree, "interface") and bpy.app.version >= (5, 0, 0) else "CompositorNodeComposite"
    )
    node = next((node for node in tree.nodes if node.bl_idname == kind), None) or tree.nodes.new(kind)
    if kind == "NodeGroupOutput" and not any(item.item_type == "SOCKET" for item in tree.interface.items_tree):
        tree.interface.new_socket(name="Image", in_out="OUTPUT", socket_type="NodeSocketColor")
    return node.inputs[0]


def _fed(socket: Any, own: Any) -> Any:
    """What leads to a socket, if it is not a node of our own."""
    return next((link.from_socket for link in socket.links if link.from_node != own), None)


def _node(tree: Any, kind: str, label: str) -> Any:
    """The node of that name and kind, made where there is none."""
    found = tree.nodes.get(label)
    if found is None or found.bl_idname != kind:
        found = tree.nodes.new(kind)
        found.name = found.label = label
    return found


def _choose(node: Any, field: str, value: Any, socket: str, word: Any) -> None:
    """Set an option that is a field before 5.0 and a socket since."""
    if socket in node.inputs:
        node.inputs[socket].default_value = word
    else:
        setattr(node, field, value)


def _pictures(over: Any) -> tuple[Any, Any]:
    """Alpha Over's background and foreground."""
    colors = [socket for socket in over.inputs if socket.type == "RGBA"]
    return colors[0], colors[1]


def _lay_out(nodes: Sequence[Any], plate: Any) -> None:
    """Put nodes in a row beside the plate, the matte below it."""
    x, y = plate.location
    for index, node in enumerate(nodes):
        node.location = (x, y - 420) if index == 0 else (x + index * _STEP, y)
