"""Times as MLT writes them, and the frames that it shows at other rates and speeds."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from mlt_helpers.clock import clock_of
from mlt_helpers.melt import Picture, render, write_plate
from mlt_helpers.scenes import plain, profile

from host_adapters.mlt.document import row
from host_adapters.mlt.errors import ProjectError
from host_adapters.mlt.project import Project
from host_adapters.mlt.timeline import source_frames
from host_adapters.mlt.times import frames_of
from host_adapters.mlt.timing import TimeMap

NTSC = Fraction(30000, 1001)


@pytest.mark.parametrize(
    ("text", "rate", "frame"),
    [
        ("104", Fraction(25), 104),
        ("00:00:04.160", Fraction(25), 104),
        ("00:00:04,160", Fraction(25), 104),
        ("00:00:04:04", Fraction(25), 104),
        ("01:00:00:00", NTSC, 108000),
        ("01:00:00;00", NTSC, 107892),
        ("00:01:00;02", NTSC, 1800),
    ],
)
def test_times(text: str, rate: Fraction, frame: int) -> None:
    assert frames_of(text, rate) == frame


@pytest.mark.parametrize("rate", [Fraction(24), Fraction(25), NTSC, Fraction(60)])
def test_clocks_come_back(rate: Fraction) -> None:
    assert all(frames_of(clock_of(frame, rate), rate) == frame for frame in range(0, 200_000, 37))


@pytest.mark.parametrize("text", ["", "soon", "1.5", "00:xx:01.0"])
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(ProjectError, match="is not a time"):
        frames_of(text, Fraction(25))


def test_maps_are_straight_lines_and_steps() -> None:
    remap = TimeMap.parse("10=1;20|=2;30=0.5;00:00:02.400=3", Fraction(25))
    places = (0, 10, 15, 20, 29, 30, 45, 60, 99)
    assert [remap.seconds(place) for place in places] == [1, 1, 1.5, 2, 2, 0.5, 1.75, 3, 3]


def test_curved_maps_are_refused() -> None:
    with pytest.raises(ProjectError, match="make it linear"):
        TimeMap.parse("0=0;10~=2", Fraction(25))


def coded(frame: int) -> Picture:
    """A picture that tells its number in eight bars."""
    bits = np.repeat([(frame >> bit & 1) * 255 for bit in range(8)], 8)
    return np.ascontiguousarray(np.broadcast_to(bits[None, :, None], (36, 64, 3)).astype(np.uint8))


def decoded(picture: Picture) -> int:
    return sum(1 << bit for bit in range(8) if picture[18, bit * 8 + 4, 0] > 128)


MAP = row("link", {}, {"mlt_service": "timeremap", "map": "0=1;20|=2;30=0.5;60=3"})


@pytest.mark.parametrize(
    ("rate", "footage", "speed", "remap"),
    [
        (Fraction(25), Fraction(30), "", ""),
        (NTSC, Fraction(24), "", ""),
        (Fraction(24000, 1001), Fraction(50), "", ""),
        (NTSC, Fraction(25), "1.700000:", ""),
        (Fraction(25), Fraction(25), "-0.750000:", ""),
        (Fraction(25), Fraction(30), "", MAP),
    ],
)
def test_melt_shows_the_frames_that_are_expected(
    tmp_path: Path, rate: Fraction, footage: Fraction, speed: str, remap: str
) -> None:
    write_plate(tmp_path / "coded.mkv", (coded(frame) for frame in range(100)), footage)
    service, tag = "timewarp" if speed else "avformat", "chain" if remap else "producer"
    entry = '<entry producer="clip" in="3" out="42"/>'
    text = plain(f"{speed}coded.mkv", profile((64, 36), rate), entry, length=50, service=service, tag=tag, extra=remap)
    path = tmp_path / "edit.mlt"
    path.write_text(text)
    project = Project.read(path)
    clip = project.clip("V1:1")
    source = clip.source(project.root, project.profile.rate)
    with source.open() as opened:
        expected = source_frames(clip, source, opened, project.profile.rate)
    assert [decoded(shown) for shown in render(path, 40)] == expected
