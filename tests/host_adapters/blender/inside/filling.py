"""Renders a mask of splines that cross themselves."""

from __future__ import annotations

import sys
from pathlib import Path

import bpy
from blender_side import answer, given, render, scene_of, show_mask

asked = given()
sys.path.insert(0, asked["repository"])

from host_adapters.blender.extension import masks, splines  # noqa: E402
from host_adapters.blender.extension.frames import clip_map  # noqa: E402

scene = scene_of(asked["width"], asked["height"], 60)
shapes = splines.read_shapes(Path(asked["splines"]), clip_map(1, 0, asked["length"]))
show_mask(scene, masks.place_mask(bpy.context, scene, "carp", shapes))
answer(masks=render(scene, Path(asked["output"]), asked["frames"]))
