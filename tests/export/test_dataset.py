"""Masklets as training data: objects seen in windows beside those seen on the whole plate."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from sam2_roto import build_model
from sam2_roto.export.dataset import masklet_annotations
from sam2_roto.masklets import MaskletStore
from sam2_roto.mattes.masks import object_masks
from sam2_roto.tracking import ObjectFrame
from sam2_roto.tracking.window import Window

WIDTH, HEIGHT, SIZE = 320, 200, 64
CELLS = SIZE // 4
JOB = {"plate": {"width": WIDTH, "height": HEIGHT}, "objects": ["bird", "barn"]}


def found(rows: slice, columns: slice, width: int) -> ObjectFrame:
    logits = torch.full((CELLS, CELLS), -8.0)
    logits[rows, columns] = 8.0
    return ObjectFrame(logits, 5.0, 0.9, torch.zeros(width), True)


@pytest.mark.parametrize("exclusive", [False, True])
def test_grids_of_several_sizes_on_one_frame(tmp_path: Path, exclusive: bool) -> None:
    config = build_model("nano", image_size=SIZE).config
    with MaskletStore(tmp_path, [7], config, JOB, size=(WIDTH, HEIGHT)) as store:
        window = Window(160, 80, 64, 64)
        store.write_cropped("bird", 7, window, found(slice(4, 8), slice(4, 8), config.width))
        store.write("barn", 7, found(slice(0, CELLS), slice(0, CELLS // 2), config.width))
        made = masklet_annotations(store, {0: 7}, exclusive=exclusive, progress=lambda *_: None).read(0)
    bird = made["bird"].nonzero()
    assert (bird[0].min(), bird[0].max()) == (80 + 16, 80 + 31)  # four cells of four pixels
    assert (bird[1].min(), bird[1].max()) == (160 + 16, 160 + 31)
    assert made["barn"][:, : WIDTH // 2].all()
    assert not made["barn"][:, WIDTH // 2 :].any()


def test_no_objects_are_no_masks() -> None:
    assert object_masks([], (5, 7)).shape == (0, 5, 7)
    assert object_masks(torch.zeros(0, 4, 4), (5, 7), exclusive=True).shape == (0, 5, 7)
