"""Overlay movie and contact sheet: colours where the objects are, the plate untouched elsewhere."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from compositing.errors import OutputError
from compositing.footage import open_footage
from sam2_roto.export.contact import ContactSheet, spread
from sam2_roto.export.preview import OverlayMovie, View, object_color, overlay

HEIGHT, WIDTH = 90, 121


def plate() -> View:
    return np.full((HEIGHT, WIDTH, 3), 80, np.uint8)


def disc(x: float, y: float, radius: float = 15) -> np.ndarray[Any, np.dtype[np.float32]]:
    yy, xx = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    return np.asarray(np.clip(radius + 0.5 - np.hypot(xx - x, yy - y), 0, 1), np.float32)


def test_objects_are_tinted_and_outlined_in_their_colours() -> None:
    picture = overlay(plate(), [disc(30, 45), disc(90, 45)], tint=0.5)
    assert (picture[5, 5] == 80).all()
    for index, x in enumerate((30, 90)):
        middle = (80 + np.array(object_color(index))) / 2
        np.testing.assert_allclose(picture[45, x], middle, atol=1)
        np.testing.assert_allclose(picture[45, x + 15], object_color(index), atol=40)


def test_plate_is_not_changed_and_absent_objects_leave_no_mark() -> None:
    view = plate()
    assert np.array_equal(overlay(view, [np.zeros((HEIGHT, WIDTH), np.float32)]), view)
    overlay(view, [disc(30, 45)])
    assert (view == 80).all()


def test_colours_differ() -> None:
    assert len({object_color(index) for index in range(24)}) == 24


def test_movie_has_the_frames_and_the_rate(tmp_path: Path) -> None:
    path = tmp_path / "overlay.mp4"
    with OverlayMovie(path, ["dog", "cat"], Fraction(30000, 1001)) as movie:
        for frame in range(5):
            movie.write(plate(), {"cat": disc(40 + frame, 45)})
    with open_footage(path) as footage:
        assert len(footage) == 5
        assert footage.rate == Fraction(30000, 1001)
        assert (footage.width, footage.height) == (WIDTH + 1, HEIGHT)
        assert footage.color.matrix == "bt709"
        view = footage.view(2).astype(int)
    assert abs(view[45, 42] - (80 + 0.45 * (np.array(object_color(1)) - 80))).max() < 25
    assert abs(view[8, 8] - 80).max() < 6


def test_movie_of_a_failed_run_does_not_appear(tmp_path: Path) -> None:
    def failing_run() -> None:
        with OverlayMovie(tmp_path / "overlay.mp4", ["dog"]) as movie:
            movie.write(plate(), {})
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        failing_run()
    assert list(tmp_path.iterdir()) == []


def test_spread_keeps_both_ends() -> None:
    assert spread(range(1001, 1101), 5) == [1001, 1026, 1051, 1075, 1100]
    assert spread([3, 4], 5) == [3, 4]
    assert spread(range(9), 1) == [0]


def test_contact_sheet_holds_every_picture(tmp_path: Path) -> None:
    sheet = ContactSheet("shot", ["dog"], cell_width=60, pixel_aspect=2.0)
    for frame in range(7):
        sheet.add(str(frame), np.full((40, 80, 3), 30 * frame + 20, np.uint8))
    sheet.write(tmp_path / "sheet.png")
    page = np.asarray(Image.open(tmp_path / "sheet.png"))
    assert sheet.cells[0][1].shape == (15, 60, 3)
    for frame in range(7):
        shade = 30 * frame + 20
        assert (page == shade).all(axis=2).sum() > 100
    assert (page == object_color(0)).all(axis=2).any()


def test_contact_sheet_without_folder(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"sheet\.png cannot be written"):
        ContactSheet("shot").write(tmp_path / "absent" / "sheet.png")
