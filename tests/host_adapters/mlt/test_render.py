"""Projects with mattes, rendered by MLT and compared with the calculation."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from mlt_helpers.drawing import draw
from mlt_helpers.melt import Picture, over, render, worst
from mlt_helpers.scenes import BACK, RATE, SIZE, matte, picture, plain, plate, profile, put_matte
from numpy.typing import NDArray

from host_adapters.mlt.canvas import canvas_of
from host_adapters.mlt.document import row
from host_adapters.mlt.forms import Filter
from host_adapters.mlt.project import Project
from host_adapters.mlt.timeline import source_frames
from sam2_roto.mattes.shapes_fit import fit_spline

LIMIT = 4.0
"""Worst error of a channel, of 255."""

INVERT = (Filter("invert"),)

CASES = {
    "trim": ((320, 180), Fraction(25), Fraction(1), 5, 14, {}),
    "another size": ((480, 270), Fraction(25), Fraction(1), 5, 14, {}),
    "half the size, another rate": ((160, 90), Fraction(30), Fraction(1), 4, 20, {}),
    "NTSC rate": ((320, 180), Fraction(24000, 1001), Fraction(1), 3, 14, {}),
    "wide pixels": ((240, 180), Fraction(25), Fraction(4, 3), 5, 12, {}),
    "twice as fast": ((320, 180), Fraction(25), Fraction(1), 2, 9, {"speed": "2.000000"}),
    "slow, another size and rate": ((480, 270), Fraction(24), Fraction(1), 6, 20, {"speed": "0.600000"}),
    "backwards": ((320, 180), Fraction(25), Fraction(1), 4, 15, {"speed": "-1.000000"}),
    "remapped": ((320, 180), Fraction(25), Fraction(1), 2, 15, {"map": "0=0;10=0.8;20=0.2"}),
}


def lay_out(folder: Path, name: str) -> tuple[Path, int, int]:
    """The project of a case, with its plate; and the first and last position of its clip."""
    size, rate, aspect, first, last, time = CASES[name]
    plate(folder / "plate.mkv", SIZE, RATE)
    entry = f'<blank length="3"/>\n    <entry producer="clip" in="{first}" out="{last}"/>'
    text = plain("plate.mkv", profile(size, rate, aspect), entry, length=24)
    if "speed" in time:
        text = plain(f"{time['speed']}:plate.mkv", profile(size, rate, aspect), entry, length=24, service="timewarp")
    if "map" in time:
        properties = {"mlt_service": "timeremap", "map": time["map"]}
        link = row("link", {}, properties)
        text = plain("plate.mkv", profile(size, rate, aspect), entry, length=24, tag="chain", extra=link)
    path = folder / "edit.mlt"
    path.write_text(text)
    return path, first, last


def plates_and_mattes(name: str, frames: list[int]) -> list[tuple[Picture, NDArray[np.float32]]]:
    size = CASES[name][0]
    return [(picture(frame, size), matte(frame, size)) for frame in frames]


@pytest.mark.parametrize("name", CASES)
def test_alpha(tmp_path: Path, name: str) -> None:
    path, first, last = lay_out(tmp_path, name)
    edited, frames = put_matte(Project.read(path), "V1:1", tmp_path / "mattes")
    shown = render(edited.write(tmp_path / "edit_disc.mlt"), 3 + last - first + 1)
    assert worst(shown[2], np.broadcast_to(np.array(BACK), shown[2].shape)) <= LIMIT
    wanted = [over(front, alpha, BACK) for front, alpha in plates_and_mattes(name, frames)]
    print([worst(frame, want) for frame, want in zip(shown[3:], wanted, strict=True)])
    assert max(worst(frame, want) for frame, want in zip(shown[3:], wanted, strict=True)) <= LIMIT


@pytest.mark.parametrize("name", CASES)
def test_effect(tmp_path: Path, name: str) -> None:
    path, first, last = lay_out(tmp_path, name)
    edited, frames = put_matte(Project.read(path), "V1:1", tmp_path / "mattes", INVERT)
    shown = render(edited.write(tmp_path / "edit_disc.mlt"), 3 + last - first + 1)
    wanted = [over((255 - front).astype(np.uint8), alpha, front) for front, alpha in plates_and_mattes(name, frames)]
    print([worst(frame, want) for frame, want in zip(shown[3:], wanted, strict=True)])
    assert max(worst(frame, want) for frame, want in zip(shown[3:], wanted, strict=True)) <= LIMIT


@pytest.mark.parametrize(("name", "feather"), [(name, index % 3) for index, name in enumerate(CASES)])
def test_splines(tmp_path: Path, name: str, feather: int) -> None:
    path, first, last = lay_out(tmp_path, name)
    project = Project.read(path)
    clip = project.clip("V1:1")
    source = clip.source(project.root, project.profile.rate)
    with source.open() as footage:
        frames = source_frames(clip, source, footage, project.profile.rate)
        canvas = canvas_of(clip, project.profile, SIZE, source.aspect_of(footage))
    spline = fit_spline("disc", [canvas.place(matte(frame, SIZE)) for frame in frames], first=clip.first)
    edited = project.with_splines("V1:1", canvas.seen_spline(spline), feather)
    shown = render(edited.write(tmp_path / "edit_disc.mlt"), 3 + last - first + 1)
    filters = [
        {one.get("name") or "": one.text for one in entry.all("property")}
        for entry in edited.clip("V1:1").holder.all("filter")
    ]
    for index, (front, alpha) in enumerate(plates_and_mattes(name, frames)):
        drawn = draw(filters, clip.first + index, CASES[name][0]) / 255
        assert worst(shown[3 + index], over(front, drawn, BACK)) <= LIMIT
        assert iou(drawn, alpha) >= 0.95


def iou(first: NDArray[np.floating], second: NDArray[np.floating]) -> float:
    """Intersection over union at one half."""
    one, other = first > 0.5, second > 0.5
    return float((one & other).sum() / max((one | other).sum(), 1))
