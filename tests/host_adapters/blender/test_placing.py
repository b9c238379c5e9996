"""What is placed in a scene, rendered by Blender and compared with the calculation. No service takes part."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from compositing.footage import open_footage
from sam2_roto.deliverables import Deliverables
from sam2_roto.delivery import Delivery

from .conftest import Blender, linear, overlap, pixels

SIZE = (96, 64)
NUMBERS = range(1001, 1009)
BACKGROUND = (0.1, 0.2, 0.3, 1.0)


def ring(index: int) -> NDArray[np.float32]:
    """A disc with a hole, which moves four pixels to the right with each frame, float32 ``[H, W]``."""
    rows, columns = np.mgrid[: SIZE[1], : SIZE[0]] + 0.5
    disc = np.clip(14.5 - np.hypot(columns - 30 - 4 * index, rows - 32), 0, 1)
    hole = np.clip(5.5 - np.hypot(columns - 30 - 4 * index, rows - 30), 0, 1)
    return (disc * (1 - hole)).astype(np.float32)


@pytest.fixture(scope="module")
def footage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight frames of noise; gives the first file."""
    folder = tmp_path_factory.mktemp("noise")
    draw = np.random.default_rng(3)
    for number in NUMBERS:
        Image.fromarray(draw.integers(0, 256, (SIZE[1], SIZE[0], 3), np.uint8)).save(folder / f"noise.{number}.png")
    return folder / f"noise.{NUMBERS[0]}.png"


@pytest.fixture(scope="module")
def delivered(tmp_path_factory: pytest.TempPathFactory, footage: Path) -> Path:
    """Mattes as EXR and PNG, and splines, as the service writes them."""
    folder = tmp_path_factory.mktemp("delivered")
    kinds = {
        "exr": Deliverables(layout="objects", crop=False, preview=False),
        "png": Deliverables(format="png", preview=False),
        "splines": Deliverables(format="png", preview=False, splines=folder / "splines" / "s.json"),
    }
    plates = open_footage(footage)
    for kind, what in kinds.items():
        with Delivery(folder / kind, "noise", ["ball"], plates, list(NUMBERS), what) as delivery:
            for index, number in enumerate(NUMBERS):
                delivery.write(number, {"ball": ring(index)})
            delivery.close()
    return folder


@pytest.fixture(scope="module")
def placed(
    blender: Blender, footage: Path, delivered: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    """All three placed and rendered, once for each Blender."""
    return blender.run(
        "placing.py",
        plate=str(footage),
        folder=str(delivered),
        output=str(tmp_path_factory.mktemp("rendered")),
        width=SIZE[0],
        height=SIZE[1],
        background=BACKGROUND,
    )


def plates_of(placed: dict[str, Any], footage: Path) -> list[NDArray[np.float32]]:
    return [pixels(footage.with_name(f"noise.{number}.png")) for number in placed["plates"]]


def mattes_of(placed: dict[str, Any]) -> list[NDArray[np.float32]]:
    return [ring(number - NUMBERS[0]) for number in placed["plates"]]


def test_a_trimmed_strip_that_begins_late_shows_its_frames_alone(placed: dict[str, Any]) -> None:
    assert placed["frames"] == [13, 14, 15, 16, 17]
    assert placed["plates"] == [1003, 1004, 1005, 1006, 1007]


def test_the_composite_is_the_calculation(placed: dict[str, Any], footage: Path) -> None:
    for file, plate, alpha in zip(placed["composites"], plates_of(placed, footage), mattes_of(placed), strict=True):
        expected = linear(plate) * alpha[..., None] + np.array(BACKGROUND[:3]) * (1 - alpha[..., None])
        assert np.abs(pixels(file)[..., :3] - expected).max() <= 1e-3


def test_what_is_built_again_takes_the_place_of_what_was_built(placed: dict[str, Any]) -> None:
    assert placed["same_node"]
    assert placed["nodes"] == 6  # plate, matte, Set Alpha, Alpha Over, output, viewer


def test_the_mask_covers_what_the_matte_covers(placed: dict[str, Any]) -> None:
    for file, alpha in zip(placed["masks"][1:-1], mattes_of(placed), strict=True):
        assert overlap(pixels(file)[..., 0], alpha) >= 0.95


def test_the_mask_is_there_with_the_strip_alone(placed: dict[str, Any]) -> None:
    assert pixels(placed["masks"][0])[..., 0].max() == 0
    assert pixels(placed["masks"][-1])[..., 0].max() == 0


def test_the_strip_holds_the_frames_of_the_plate(placed: dict[str, Any]) -> None:
    assert placed["files"] == placed["plates"]
    assert placed["span"] == [13, 18]
    assert placed["channel"] == 5  # the neighbour holds channel 4 on these frames


def test_the_strip_masks_the_plate(placed: dict[str, Any], footage: Path) -> None:
    for file, plate, alpha in zip(placed["sequencer"], plates_of(placed, footage), mattes_of(placed), strict=True):
        expected = plate * alpha[..., None] + np.array(BACKGROUND[:3]) * (1 - alpha[..., None])
        assert np.abs(pixels(file)[..., :3] - expected).max() <= 2 / 255  # the sequencer works in 8 bits
