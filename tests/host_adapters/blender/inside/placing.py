"""Places mattes, a mask and a strip that lie ready, without a service, and renders all three."""

from __future__ import annotations

import sys
from pathlib import Path

import bpy
from blender_side import answer, given, render, scene_of, show_mask, strips_of

asked = given()
sys.path.insert(0, asked["repository"])

from host_adapters.blender.extension import masks, nodes, source, splines, strips  # noqa: E402
from host_adapters.blender.extension.frames import number_of  # noqa: E402

first, folder, output = Path(asked["plate"]), Path(asked["folder"]), Path(asked["output"])
files = sorted(first.parent.glob(f"*{first.suffix}"))
scene = scene_of(asked["width"], asked["height"], 60)
every = strips_of(scene)
strip = every.new_image("plate", str(files[0]), 3, 11)
for file in files[1:]:
    strip.elements.append(file.name)
strip.frame_offset_start, strip.frame_offset_end = 2, 1
every.new_image("neighbour", str(files[0]), 4, 14).mute = True
scene.sequence_editor.active_strip = strip

# The extension is used as a package here: folders of shots play no part.
found = source.find_source(bpy.context, source.SEQUENCER)
frames = list(range(found.times.first, found.times.last + 1))
mattes = {number_of(path.name): path for path in folder.glob("exr/*.exr")}
over = nodes.place_composite(found, [mattes[found.times.plates[0]]], "ball", asked["background"])
again = nodes.place_composite(found, [mattes[found.times.plates[0]]], "ball", asked["background"])
nodes_built = len(source.tree_of(scene).nodes)
composites = render(scene, output / "composite", frames)

mask = masks.place_mask(bpy.context, scene, "ball", splines.read_shapes(folder / "splines" / "s.json", found.times))
show_mask(scene, mask)
masked = render(scene, output / "mask", [frames[0] - 1, *frames, frames[-1] + 1])

pngs = {number_of(path.name): path for path in folder.glob("png/*.png")}
matte = strips.place_strip(found, pngs, "ball")
words = {"length": 60} if bpy.app.version >= (5, 0, 0) else {"frame_end": 60}
below = every.new_effect("below", "COLOR", 1, frame_start=1, **words)
below.color = asked["background"][:3]
scene.render.use_sequencer = True
shown = render(scene, output / "sequencer", frames, "PNG")

answer(
    frames=frames,
    plates=list(found.times.plates),
    same_node=over == again,
    nodes=nodes_built,
    composites=composites,
    masks=masked,
    sequencer=shown,
    channel=matte.channel,
    span=[int(matte.frame_final_start), int(matte.frame_final_end)],
    files=[number_of(matte.strip_elem_from_frame(frame).filename) for frame in frames],
)
