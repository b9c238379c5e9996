"""Generators: what is drawn where, and the vignette."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

from compositing.errors import ImageError
from compositing.image import Image, Window
from compositing.operations.generators import checker, constant, ramp, shape, text, vignette
from compositing.operations.merge import over


def test_constant_ramp_and_checker() -> None:
    assert constant(3, 2, (0.1, 0.2, 4.0)).pixels[:, 1, 2].tolist() == pytest.approx([0.1, 0.2, 4.0])
    across = ramp(10, 4, (0, 0, 0), (1, 2, 3))
    assert across.pixels[:, 0, 0].tolist() == pytest.approx([0.05, 0.1, 0.15])
    assert across.pixels[:, 3, 9].tolist() == pytest.approx([0.95, 1.9, 2.85])
    down = ramp(10, 4, (0, 0, 0), (1, 1, 1), angle=90)
    assert down.pixels[0, :, 5].tolist() == pytest.approx([0.125, 0.375, 0.625, 0.875])
    board = checker(8, 8, (0, 0, 0), (1, 1, 1), size=2)
    assert board.pixels[0, 0].tolist() == [0, 0, 1, 1, 0, 0, 1, 1]
    assert board.pixels[0, 2].tolist() == [1, 1, 0, 0, 1, 1, 0, 0]


def test_shapes_have_their_area_and_are_premultiplied() -> None:
    box = shape(40, 30, (4.25, 5.5, 24.75, 20.0), (2.0, 1.0, 0.5))
    assert box.channel("A").sum() == pytest.approx(20.5 * 14.5, rel=1e-4)
    torch.testing.assert_close(box.channel("R"), box.channel("A") * 2)
    for feather in (0.0, 4.0):
        disc = shape(60, 50, (10, 5, 50, 45), kind="ellipse", feather=feather)
        assert disc.channel("A").sum() == pytest.approx(math.pi * 400, rel=0.01)
    with pytest.raises(ImageError, match="holds nothing"):
        shape(10, 10, (5, 5, 5, 9))


def test_text_is_drawn_in_its_own_window() -> None:
    slate = constant(200, 80, (0.1, 0.1, 0.1))
    words = text(200, 80, "Take 3\n1001", (20, 10), size=24, color=(1.0, 0.5, 0.0))
    assert words.display == slate.display
    assert words.data.width < 120
    assert words.data.x0 >= 19
    assert words.channel("A").max() == 1.0
    assert over(words, slate).pixels[0].max() == 1.0
    assert not text(20, 20, " ", (0, 0)).pixels.any()


def test_a_missing_font_is_told(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"gone\.ttf cannot be read"):
        text(20, 20, "a", (0, 0), font=str(tmp_path / "gone.ttf"))


def test_a_vignette_is_the_fourth_power_of_the_cosine() -> None:
    white = Image.from_pixels(torch.ones(4, 51, 101))
    dark = vignette(white, focal=0.5)
    assert dark.pixels[0, 25, 50] == pytest.approx(1.0)
    corner = math.hypot(50 / 101, 25 / 101) / 0.5
    assert dark.pixels[0, 0, 0] == pytest.approx(math.cos(math.atan(corner)) ** 4, rel=1e-4)
    assert torch.equal(dark.channel("A"), white.channel("A"))
    part = Window(10, 10, 40, 30)
    torch.testing.assert_close(vignette(white.cropped(part), focal=0.5).pixels, dark.cropped(part).pixels)
