"""Masks from picture files of every usual kind."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from compositing.image import Window
from sam2_roto.errors import PromptError
from sam2_roto.export.exr import write_matte
from sam2_roto.export.indexed import palette
from sam2_roto.export.metadata import PlateMetadata
from sam2_roto.maskfile import read_mask

Mask = NDArray[np.bool_]


@pytest.fixture
def mask() -> Mask:
    found = np.zeros((30, 40), np.bool_)
    found[6:20, 11:31] = True
    return found


@pytest.mark.parametrize("suffix", ["png", "tif", "bmp"])
@pytest.mark.parametrize("mode", ["1", "L", "RGB"])
def test_white_on_black(mask: Mask, tmp_path: Path, suffix: str, mode: str) -> None:
    path = tmp_path / f"mask.{suffix}"
    Image.fromarray(np.uint8(255) * mask).convert(mode).save(path)
    assert np.array_equal(read_mask(path), mask)


def test_sixteen_bits_are_cut_at_one_half(mask: Mask, tmp_path: Path) -> None:
    values = np.where(mask, 40000, 20000).astype(np.uint16)
    Image.fromarray(values).save(tmp_path / "mask.png")
    assert np.array_equal(read_mask(tmp_path / "mask.png"), mask)


def test_alpha_counts_and_not_colour(mask: Mask, tmp_path: Path) -> None:
    pixels = np.full((*mask.shape, 4), 255, np.uint8)
    pixels[..., 3] = 255 * mask
    Image.fromarray(pixels).save(tmp_path / "mask.png")
    assert np.array_equal(read_mask(tmp_path / "mask.png"), mask)


def test_an_opaque_picture_counts_by_its_colour(mask: Mask, tmp_path: Path) -> None:
    pixels = np.zeros((*mask.shape, 4), np.uint8)
    pixels[..., 3] = 255
    pixels[mask, 1] = 255
    Image.fromarray(pixels).save(tmp_path / "mask.png")
    assert np.array_equal(read_mask(tmp_path / "mask.png"), mask)


@pytest.mark.parametrize("number", [1, 2, 8])
def test_an_identity_map(mask: Mask, tmp_path: Path, number: int) -> None:
    picture = Image.fromarray(np.uint8(number) * mask).convert("P")
    picture.putpalette(palette().tobytes())
    picture.save(tmp_path / "colors.png")
    Image.fromarray(np.uint8(number) * mask).save(tmp_path / "gray.png")
    assert np.array_equal(read_mask(tmp_path / "colors.png"), mask)
    assert np.array_equal(read_mask(tmp_path / "gray.png"), mask)


def test_a_matte_of_ours_though_its_data_window_is_cropped(mask: Mask, tmp_path: Path) -> None:
    metadata = PlateMetadata(Window(5, -3, 45, 27))
    write_matte(tmp_path / "matte.exr", {"dog": mask.astype(np.float32)}, metadata=metadata)
    assert np.array_equal(read_mask(tmp_path / "matte.exr"), mask)


def test_mattes_of_several_objects_are_refused(mask: Mask, tmp_path: Path) -> None:
    mattes = {"dog": mask.astype(np.float32), "cat": mask.astype(np.float32)}
    write_matte(tmp_path / "both.exr", mattes, metadata=PlateMetadata(Window(0, 0, 40, 30)))
    with pytest.raises(PromptError, match=r"several objects \(cat\.A, dog\.A\)"):
        read_mask(tmp_path / "both.exr")


def test_no_picture(tmp_path: Path) -> None:
    (tmp_path / "mask.png").write_text("no picture")
    with pytest.raises(PromptError, match=r"mask\.png is not a picture"):
        read_mask(tmp_path / "mask.png")
    with pytest.raises(PromptError, match="no mask file"):
        read_mask(tmp_path / "absent.png")


def test_a_picture_that_is_cut_off(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (300, 400), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "whole.png")
    (tmp_path / "mask.png").write_bytes((tmp_path / "whole.png").read_bytes()[:5000])
    with pytest.raises(PromptError, match="not a picture that can be read"):
        read_mask(tmp_path / "mask.png")


def test_black_everywhere(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((30, 40), np.uint8)).save(tmp_path / "mask.png")
    with pytest.raises(PromptError, match="black everywhere"):
        read_mask(tmp_path / "mask.png")
