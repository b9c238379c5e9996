"""What the extension says a strip, a clip or a node shows, against what Blender renders."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from compositing.footage.writer import write_movie

from .conftest import Blender, pixels

COUNT = 24
DOT = (20, 30)
FIRST = {"pictures": 1001, "unpadded": 90}
"""Sequences by folder, with the number of their first file."""

CASES = [
    "plain",
    "trimmed",
    "trimmed_hard",
    "reversed",
    "strobe",
    "moved",
    "retimed",
    "retimed_hard",
    "speed_stretch",
    "speed_multiply",
    "speed_length",
    "speed_number",
    "pictures",
    "pictures_hard",
    "unpadded",
    "node_movie",
    "node_pictures",
    "clip_movie",
    "clip_pictures",
]


@pytest.fixture(scope="module")
def shown(blender: Blender, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A movie and a sequence whose greys tell their frame, in many timings, once for each Blender."""
    folder = tmp_path_factory.mktemp("coded")
    views = np.stack([np.full((48, 64, 3), grey(index), np.uint8) for index in range(COUNT)])
    write_movie(folder / "coded.mp4", views, 24)
    for name, first in FIRST.items():
        (folder / name).mkdir()
        for index, view in enumerate(views):
            Image.fromarray(view).save(folder / name / f"coded.{first + index}.png")
    dot = np.zeros((48, 64, 3), np.uint8)
    dot[DOT[1] - 2 : DOT[1] + 2, DOT[0] - 2 : DOT[0] + 2] = 255
    Image.fromarray(dot).save(folder / "dot.png")
    return blender.run(
        "timing.py",
        movie=str(folder / "coded.mp4"),
        pictures=str(folder / "pictures" / "coded.1001.png"),
        unpadded=str(folder / "unpadded" / "coded.90.png"),
        dot=str(folder / "dot.png"),
        place=DOT,
        output=str(tmp_path_factory.mktemp("timing")),
    )


def grey(index: int) -> int:
    return 10 + 10 * index


@pytest.mark.parametrize("case", CASES)
def test_each_frame_of_the_timeline_shows_the_frame_that_is_said(shown: dict[str, Any], case: str) -> None:
    told = shown["told"][case]
    seen = [index_of(Path(file)) for file in told["files"]]
    first = next((number for name, number in FIRST.items() if name in case), 0)
    assert [plate - first for plate in told["plates"]] == seen


def index_of(file: Path) -> int:
    """The frame that a rendered picture shows, by its grey."""
    middle = float(pixels(file)[24, 32, 0])
    if file.suffix == ".exr":
        middle = 1.055 * middle ** (1 / 2.4) - 0.055
    return round((middle * 255 - 10) / 10)


def test_a_strip_that_is_moved_turned_and_mirrored_lies_where_it_is_said(shown: dict[str, Any]) -> None:
    light = pixels(shown["dot"])[..., 0]
    rows, columns = np.mgrid[:48, :64] + 0.5
    centre = [float((light * columns).sum() / light.sum()), float((light * rows).sum() / light.sum())]
    assert centre == pytest.approx(shown["seen"], abs=0.5)
