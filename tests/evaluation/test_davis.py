"""J and F against the official implementation's values, and on masks whose scores are known by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sam2_roto.evaluation.davis import Mask, Score, boundary, boundary_accuracy, region_similarity, score


def box(x0: int, y0: int, x1: int, y1: int, size: tuple[int, int] = (100, 150)) -> Mask:
    mask = np.zeros(size, np.bool_)
    mask[y0:y1, x0:x1] = True
    return mask


EMPTY = box(0, 0, 0, 0)


def test_equal_to_the_official_implementation(shared_dir: Path) -> None:
    with np.load(shared_dir / "reference" / "jf_pairs.npz") as pairs:
        width = int(pairs["shape"][1])
        predictions, truths = (
            np.unpackbits(pairs[key], axis=-1)[..., :width].astype(np.bool_) for key in ("prediction", "truth")
        )
        found = [score(prediction, truth) for prediction, truth in zip(predictions, truths, strict=True)]
        assert np.abs([entry.j for entry in found] - pairs["J"]).max() <= 1e-9
        assert np.abs([entry.f for entry in found] - pairs["F"]).max() <= 1e-9


def test_scores_known_by_hand() -> None:
    assert score(EMPTY, EMPTY) == Score(1.0, 1.0)
    assert score(EMPTY, box(10, 10, 20, 20)) == Score(0.0, 0.0)
    assert score(box(10, 10, 20, 20), EMPTY) == Score(0.0, 0.0)
    assert region_similarity(box(10, 10, 30, 20), box(20, 10, 40, 20)) == pytest.approx(1 / 3)
    assert boundary_accuracy(box(10, 10, 20, 20), box(90, 60, 99, 70)) == 0.0
    assert Score(0.5, 0.7).jf == pytest.approx(0.6)


def test_tolerance_is_a_part_of_the_diagonal() -> None:
    """A diagonal of 180 pixels gives two pixels of tolerance."""
    truth = box(20, 20, 80, 60)
    assert boundary_accuracy(box(22, 20, 82, 60), truth) == 1.0
    assert boundary_accuracy(box(23, 20, 83, 60), truth) < 1.0
    assert boundary_accuracy(box(23, 20, 83, 60), truth, bound=3) == 1.0


def test_frame_border_is_no_boundary() -> None:
    assert not boundary(np.ones((6, 6), np.bool_)).any()
    assert boundary(box(0, 0, 3, 100)).sum() == 100


def test_wrong_masks_are_refused() -> None:
    with pytest.raises(ValueError, match="one size"):
        score(EMPTY, EMPTY[:50])
    with pytest.raises(ValueError, match="bool"):
        score(EMPTY.astype(np.uint8), EMPTY)
