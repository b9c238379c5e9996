"""The extension as artists have it: installed, and its operators against a live service with ``nano``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from .conftest import CARP, HEIGHT, WIDTH, Blender, linear, overlap, pixels

BACKGROUND = (0.2, 0.1, 0.4, 1.0)
PLATES = [1003, 1004, 1005, 1006, 1007]
"""What a strip shows that begins at 101 and is trimmed by two frames and by three."""


@pytest.fixture(scope="module")
def done(
    blender: Blender, service: str, extension: Path, plate: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    """The whole work, once for each Blender."""
    return blender.run(
        "working.py",
        extension=str(extension),
        command=service,
        plate=str(plate),
        output=str(tmp_path_factory.mktemp("work")),
        width=WIDTH,
        height=HEIGHT,
        carp=CARP,
        background=BACKGROUND,
    )


def test_it_is_valid_and_can_be_installed_enabled_and_disabled(done: dict[str, Any]) -> None:
    assert done["valid"] == 0
    assert done["enabled"]
    assert all(done["panels"])
    assert done["disabled"]


def test_what_cannot_be_done_is_said(done: dict[str, Any]) -> None:
    faults = done["faults"]
    assert "Select a movie or image strip" in faults["nothing"]
    assert "cannot be run" in faults["no_service"]
    assert "outside the plate" in faults["beside"]
    assert "lasts from 103 to 107" in faults["too_early"]
    assert "select one in the sequencer" in faults["clip_strip"]


def test_a_click_that_the_service_did_not_hear_leaves_nothing(done: dict[str, Any]) -> None:
    assert done["after_fault"] == [0, 0]


def test_a_click_is_remembered_and_its_mask_is_shown(done: dict[str, Any]) -> None:
    assert done["marks"] == [[1003, True, pytest.approx(CARP[0]), pytest.approx(CARP[1]), 0, 0]]
    assert done["image"] == [WIDTH, HEIGHT]


def test_the_button_takes_back_the_last_click(done: dict[str, Any]) -> None:
    assert done["keyframes"] == [1, 2, 1]


def test_undo_and_redo_of_blender_reach_the_service(done: dict[str, Any]) -> None:
    assert done["undo"] == [2, 1, 2, 1]
    assert done["marks_kept"] == 1


def test_a_trimmed_strip_that_begins_late_gets_exactly_its_frames(done: dict[str, Any]) -> None:
    assert done["range"] == [PLATES[0], PLATES[-1]]
    assert not any(done["missing"].values())
    assert [int(Path(file).name.split(".")[1]) for file in done["mattes"]] == PLATES
    assert [int(name.split(".")[1]) for name in done["strip"]] == PLATES
    assert done["span"] == [103, 108]


def test_the_composite_is_the_calculation(done: dict[str, Any], plate: Path) -> None:
    for file, matte, number in zip(done["composites"], done["mattes"], PLATES, strict=True):
        alpha = pixels(matte)[..., :1]
        shown = linear(pixels(plate.with_name(f"carp.{number}.png")))
        expected = shown * alpha + np.array(BACKGROUND[:3]) * (1 - alpha)
        assert 0.01 < alpha.mean() < 0.5
        assert np.abs(pixels(file)[..., :3] - expected).max() <= 1e-3


def test_the_splines_of_the_mask_cover_what_the_matte_covers(done: dict[str, Any]) -> None:
    for file, matte in zip(done["masks"], done["mattes"], strict=True):
        assert overlap(pixels(file)[..., 0], pixels(matte)[..., 0]) >= 0.95
