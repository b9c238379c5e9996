"""The box round what a mask holds."""

from __future__ import annotations

import numpy as np

from sam2_roto.boxes import box_of, box_of_all


def test_the_box_of_a_mask_ends_beyond_its_last_pixels() -> None:
    mask = np.zeros((9, 11), np.float32)
    assert box_of(mask) is None
    mask[2:4, 3:7] = 0.1
    assert box_of(mask) == (3, 2, 7, 4)
    mask[:] = 1
    assert box_of(mask > 0) == (0, 0, 11, 9)


def test_the_box_of_several_holds_them_all() -> None:
    masks = [np.zeros((9, 11), bool) for _ in range(3)]
    assert box_of_all([]) is None
    assert box_of_all(masks) is None
    masks[0][8, 0] = masks[2][1, 5] = True
    assert box_of_all(masks) == (0, 1, 6, 9)
