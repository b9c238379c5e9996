"""Splines of a real matte, which cross themselves on most of their frames, are filled by Blender."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .conftest import Blender, pixels

SPLINES = Path(__file__).with_name("carp_splines.json")
"""The demo's carp by ``nano``, at the size of the clip; its two keys are drawn out over 41 frames."""

SIZE, LENGTH = (960, 540), 41
FRAMES = [1, 8, 18, 32, 36, 40, 41]


def test_outlines_that_cross_themselves_are_filled(blender: Blender, tmp_path: Path) -> None:
    words = {"splines": str(SPLINES), "output": str(tmp_path), "length": LENGTH, "frames": FRAMES}
    told = blender.run("filling.py", width=SIZE[0], height=SIZE[1], **words)
    areas = np.array([(pixels(file)[..., 0] > 0.5).sum() for file in told["masks"]])
    assert areas.max() > 0.03 * SIZE[0] * SIZE[1]
    assert areas.min() > 0.9 * areas.max()
