"""Real plates from the field's own test suites: each opens, or is refused in one clear sentence."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from compositing import FootageError, Window, open_footage

_SHARED = Path(os.environ.get("SAM2_ROTO_SHARED") or Path(__file__).resolve().parents[3] / "shared")
PLATES = sorted(
    str(path.relative_to(_SHARED / "plates"))
    for path in (_SHARED / "plates").rglob("*")
    if path.suffix in (".exr", ".dpx")
)
REFUSED = {"cryptomatte/sidecar_manifest.exr": "choose one of its layers"}

pytestmark = pytest.mark.skipif(not PLATES, reason="no shared plates: put them beside the repository as 'shared'")


@pytest.fixture
def plates(shared_dir: Path) -> Path:
    return shared_dir / "plates"


@pytest.mark.parametrize("name", PLATES)
def test_every_plate_opens_or_is_refused_in_a_sentence(name: str, plates: Path) -> None:
    path = plates / name
    if name in REFUSED:
        with pytest.raises(FootageError, match=REFUSED[name]) as caught:
            open_footage(path)
        assert path.name in str(caught.value)
        assert "\n" not in str(caught.value)
        return
    with open_footage(path) as footage:
        for frame in {footage.first, footage.last}:
            plate, view = footage.read(frame), footage.view(frame)
            assert plate.channels[:3] == ("R", "G", "B")
            assert view.shape == (footage.height, footage.width, 3)
            assert view.dtype == np.uint8
            assert (plate.display.width, plate.display.height) == (footage.width, footage.height)
            meeting = plate.data.intersection(plate.display)
            lit = plate.cropped(meeting).rgb().max() > 0.01 if meeting is not None else False
            assert (view.max() > 0) == bool(lit)


@pytest.mark.parametrize(
    ("name", "data", "display"),
    [
        ("display_window/t03.exr", Window(0, 0, 400, 300), Window(30, 20, 400, 300)),
        ("display_window/t08.exr", Window(30, 40, 430, 340), Window(0, 0, 501, 401)),
        ("display_window/t14.exr", Window(0, 0, 400, 300), Window(-100, -100, 1, 1)),
        ("overscan/grid-overscan.exr", Window(-250, -250, 1250, 1250), Window(0, 0, 1000, 1000)),
        ("beachball/singlepart.0001.exr", Window(654, 245, 1565, 1121), Window(0, 0, 2048, 1556)),
    ],
)
def test_windows_are_the_headers(name: str, data: Window, display: Window, plates: Path) -> None:
    with open_footage(plates / name) as footage:
        plate = footage.read(footage.first)
        assert (plate.data, plate.display) == (data, display)


def test_the_beachball_is_a_sequence_of_eight(plates: Path) -> None:
    with open_footage(plates / "beachball" / "singlepart.%04d.exr") as footage:
        assert list(footage.frames) == list(range(1, 9))
        centres = [np.argwhere(view[..., 0] > 60).mean(axis=0)[1] for _, view in footage.views(footage.frames)]
        assert centres == sorted(centres)


def test_layers_and_parts_of_the_beachball(plates: Path) -> None:
    with (
        open_footage(plates / "beachball" / "singlepart.0001.exr", layer="left") as one,
        open_footage(plates / "beachball" / "multipart.0001.exr", layer="rgba_left") as other,
    ):
        left, also_left = one.read(1).on_display(), other.read(1).on_display()
        np.testing.assert_array_equal(left.rgb(), also_left.rgb())


def test_a_folder_of_two_sequences_asks_which(plates: Path) -> None:
    with pytest.raises(FootageError, match=r"multipart\.%04d\.exr, singlepart\.%04d\.exr"):
        open_footage(plates / "beachball")


def test_cryptomatte_layers_can_be_named(plates: Path) -> None:
    with open_footage(plates / "cryptomatte" / "sidecar_manifest.exr", layer="crypto_asset00") as footage:
        assert footage.read(0).channels == ("R", "G", "B", "A")
        assert footage.read(0).channel("G").max() == 1.0


@pytest.mark.parametrize(("name", "tolerance"), [("XYZ.exr", 1.0), ("Rec709_YC.exr", 3.0), ("XYZ_YC.exr", 3.0)])
def test_the_same_picture_in_other_primaries_looks_the_same(name: str, tolerance: float, plates: Path) -> None:
    with (
        open_footage(plates / "chromaticities" / "Rec709.exr") as told,
        open_footage(plates / "chromaticities" / name) as other,
    ):
        difference = np.abs(told.view(told.first).astype(int) - other.view(other.first))
        assert difference.mean() < tolerance
