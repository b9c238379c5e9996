"""An artist's work from the first click to mattes in the scene, through the operators, against a live service."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import bpy
from blender_side import answer, given, render, scene_of, show_mask, strips_of

asked = given()
told: dict[str, Any] = {}
output = Path(asked["output"])

# Installed as artists install it.
checker = next(Path(bpy.utils.system_resource("SCRIPTS")).glob("addons_core/bl_pkg/cli/blender_ext.py"))
words = [sys.executable, str(checker), "validate", asked["extension"]]
told["valid"] = subprocess.run(words, capture_output=True, text=True, check=False).returncode
bpy.ops.extensions.package_install_files(filepath=asked["extension"], repo="user_default", enable_on_install=True)
name = next(key for key in bpy.context.preferences.addons.keys() if key.endswith(".sam2_roto"))  # noqa: SIM118
told["enabled"] = hasattr(bpy.types, "SAM2ROTO_PT_sequencer")
told["panels"] = [hasattr(bpy.types, f"SAM2ROTO_PT_{kind}") for kind in ("sequencer", "clip", "compositor")]
preferences = bpy.context.preferences.addons[name].preferences
preferences.model, preferences.image_size, preferences.folder = "nano", 256, str(output / "roto")

first = Path(asked["plate"])
files = sorted(first.parent.glob("*.png"))
scene = scene_of(asked["width"], asked["height"], 200)
fields = scene.sam2_roto
fields.object_name = "carp"
fields.background = asked["background"]
faults: dict[str, str] = {}


def fault(label: str, call: Any, **given_words: Any) -> None:
    """Keep the sentence with which an operator refuses."""
    try:
        call(**given_words)
        faults[label] = ""
    except RuntimeError as error:
        faults[label] = str(error)


fault("nothing", bpy.ops.sam2_roto.track)
every = strips_of(scene)
strip = every.new_image("plate", str(files[0]), 1, 101)
for file in files[1:]:
    strip.elements.append(file.name)
strip.frame_offset_start, strip.frame_offset_end = 2, 3
strip.select, scene.sequence_editor.active_strip = True, strip
scene.frame_set(103)

x, y = asked["carp"]
runtime = os.environ["SAM2_ROTO_RUNTIME"]
os.environ["SAM2_ROTO_RUNTIME"] = str(output / "elsewhere")  # another test's service may run
preferences.command = "/nowhere/sam2-roto"
fault("no_service", bpy.ops.sam2_roto.add_click, x=x, y=y)
os.environ["SAM2_ROTO_RUNTIME"] = runtime
told["after_fault"] = [len(fields.shots[0].marks), fields.shots[0].edits]
preferences.command = asked["command"]
fault("beside", bpy.ops.sam2_roto.add_click, x=-5, y=y)
fault("too_early", bpy.ops.sam2_roto.add_click, x=x, y=y, frame=102)

bpy.ops.ed.undo_push(message="before")
bpy.ops.sam2_roto.add_click(x=x, y=y)
shot = fields.shots[0]
told["image"] = list(bpy.data.images["sam2-roto preview"].size)
told["marks"] = [[mark.frame, mark.positive, *mark.corners] for mark in shot.marks]

module = sys.modules[name]
link = sys.modules[f"{name}.preferences"].link()
work = sys.modules[f"{name}.scene"].work_of(shot)


def points() -> int:
    """How many keyframes the service holds of the carp."""
    found = link.client.shot(link.found(work)["id"])["objects"]
    return sum(len(entry["keyframes"]) for entry in found)


said = [points()]
bpy.ops.sam2_roto.add_click(x=x + 10, y=y, positive=True, frame=105)
said.append(points())
bpy.ops.sam2_roto.undo_prompt()
said.append(points())
told["keyframes"] = said
bpy.ops.ed.undo_push(message="kept")
bpy.ops.sam2_roto.add_box(x0=x - 60, y0=y - 40, x1=x + 60, y1=y + 40, frame=107)
bpy.ops.ed.undo_push(message="box")
turns = [points()]
for turn in (bpy.ops.ed.undo, bpy.ops.ed.redo, bpy.ops.ed.undo):
    with contextlib.suppress(RuntimeError):
        turn()
    turns.append(points())
told["undo"] = turns
scene = bpy.context.scene
fields = scene.sam2_roto
every = strips_of(scene)
told["marks_kept"] = len(fields.shots[0].marks)

bpy.ops.sam2_roto.preview(x=x, y=y, frame=104)
bpy.ops.sam2_roto.track()
found = link.client.shot(link.found(work)["id"])
told["range"], told["missing"] = found["range"], found["tracked"]

bpy.ops.sam2_roto.import_composite()
frames = list(range(103, 108))
told["frames"] = frames
told["composites"] = render(scene, output / "composite", frames)
bpy.ops.sam2_roto.import_mask()
show_mask(scene, bpy.data.masks["carp"])
told["masks"] = render(scene, output / "mask", frames)
bpy.ops.sam2_roto.import_strip(space="SEQUENCE_EDITOR")
matte = every["carp matte"]
told["strip"] = [matte.strip_elem_from_frame(frame).filename for frame in frames]
told["span"] = [int(matte.frame_final_start), int(matte.frame_final_end)]
told["mattes"] = sorted(str(path) for path in (output / "roto").glob("carp_exr/*.exr"))

# The same plate as a clip: the shot is known, and the sequencer plays no part.
clip = bpy.data.movieclips.load(str(first))
clip.frame_start = 21
scene.active_clip = clip
scene.frame_set(23)
bpy.ops.sam2_roto.preview(x=x, y=y, space="CLIP_EDITOR")
fault("clip_strip", bpy.ops.sam2_roto.import_strip, space="CLIP_EDITOR")

told["faults"] = faults
bpy.ops.preferences.addon_disable(module=name)
told["disabled"] = not hasattr(bpy.types, "SAM2ROTO_PT_sequencer") and not hasattr(bpy.types.Scene, "sam2_roto")
answer(**json.loads(json.dumps(told)))
