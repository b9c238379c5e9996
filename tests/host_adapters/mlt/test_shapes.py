"""Clips whose shape is not the project's: bars beside them, or none where a transform asks for the clip as it is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from mlt_helpers.melt import over, render, worst
from mlt_helpers.scenes import BACK, RATE, matte, picture, plain, plate, profile, put_matte
from numpy.typing import NDArray

from host_adapters.mlt.document import row
from host_adapters.mlt.project import Project

LIMIT = 4.0
TRANSFORM = row("filter", {}, {"mlt_service": "qtblend", "rect": "0=0 0 320 180 1", "compositing": "0", "distort": "0"})


def framed(inner: NDArray[np.float64], size: tuple[int, int]) -> NDArray[np.float64]:
    """A picture of the clip in the middle of the project's, over the track below."""
    full = np.empty((size[1], size[0], 3))
    full[:] = BACK
    top, left = (size[1] - inner.shape[0]) // 2, (size[0] - inner.shape[1]) // 2
    full[top : top + inner.shape[0], left : left + inner.shape[1]] = inner
    return full


@pytest.mark.parametrize("filters", ["", TRANSFORM])
@pytest.mark.parametrize("transition", ["qtblend", "frei0r.cairoblend"])
@pytest.mark.parametrize("size", [(240, 180), (320, 120)])
def test_alpha_with_bars(tmp_path: Path, size: tuple[int, int], transition: str, filters: str) -> None:
    plate(tmp_path / "plate.mkv", size, RATE)
    entry = f'<entry producer="clip" in="5" out="10">{filters}</entry>'
    path = tmp_path / "edit.mlt"
    path.write_text(plain("plate.mkv", profile((320, 180), RATE), entry, length=24, transition=transition))
    edited, frames = put_matte(Project.read(path), "V1:1", tmp_path / "mattes")
    shown = render(edited.write(tmp_path / "edit_disc.mlt"), 6)
    for index, frame in enumerate(frames):
        wanted = framed(over(picture(frame, size), matte(frame, size), BACK), (320, 180))
        assert worst(shown[index], wanted) <= LIMIT


def test_pixels_that_are_not_square(tmp_path: Path) -> None:
    plate(tmp_path / "plate.mkv", (240, 180), RATE)
    path = tmp_path / "edit.mlt"
    entry = '<entry producer="clip" in="5" out="7"/>'
    forced = '<property name="force_aspect_ratio">1.333333</property>'
    path.write_text(plain("plate.mkv", profile((320, 180), RATE), entry, length=24, extra=forced))
    edited, frames = put_matte(Project.read(path), "V1:1", tmp_path / "mattes")
    shown = render(edited.write(tmp_path / "edit_disc.mlt"), 3)
    for index, frame in enumerate(frames):
        assert worst(shown[index], over(picture(frame, (320, 180)), matte(frame, (320, 180)), BACK)) <= LIMIT
