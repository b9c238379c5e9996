"""Trimaps and confidence."""

from __future__ import annotations

from pathlib import Path

import cv2
import pytest
import torch

from compositing.image import Window
from sam2_roto.errors import ExportError
from sam2_roto.export import PlateMetadata, write_gray
from sam2_roto.export.maps import confidence, trimap


def half_plane(edge: float = 20.0) -> torch.Tensor:
    columns = torch.arange(48) + 0.5
    return (edge - columns + 0.5).clamp(0, 1).expand(32, -1)


def test_band_has_the_widths_asked_for() -> None:
    row = trimap(half_plane(), inner=4, outer=7)[16]
    assert (row == 1).sum() == 16
    assert (row == 0.5).sum() == 11
    assert (row == 0).sum() == 48 - 27


def test_soft_pixels_are_never_sure() -> None:
    alpha = half_plane().clone()
    alpha[4, 40] = 0.2
    found = trimap(alpha[None], 1, 1)
    assert found.shape == (1, 32, 48)
    assert found[0, 4, 40] == 0.5


def test_whole_and_empty_mattes_have_no_band() -> None:
    assert trimap(torch.ones(8, 8), 2, 2).min() == 1
    assert trimap(torch.zeros(8, 8), 2, 2).max() == 0
    with pytest.raises(ExportError, match="0 and 0 px"):
        trimap(torch.zeros(8, 8), 0, 0)


def test_confidence_is_least_on_the_edge() -> None:
    logits = torch.linspace(-8, 8, 16).expand(2, 12, -1).half()
    found = confidence(logits, (24, 64))
    assert found.shape == (2, 24, 64)
    assert found.argmin(dim=-1).float().mean().item() == pytest.approx(31.5, abs=1)
    assert found[0, 0, 0] == pytest.approx(0.99933, abs=1e-4)
    assert confidence(torch.full((4, 4), -1024.0), (8, 8)).min() == 1


def test_trimap_as_a_picture(tmp_path: Path) -> None:
    metadata = PlateMetadata(Window.sized(48, 32))
    write_gray(tmp_path / "t.png", trimap(half_plane(), 4, 4).numpy(), metadata=metadata, bits=8)
    pixels = cv2.imread(str(tmp_path / "t.png"), cv2.IMREAD_UNCHANGED)
    assert pixels is not None
    assert sorted(set(pixels.ravel().tolist())) == [0, 128, 255]
