"""The synthetic matting set: the same from the same seed, light that adds up, and logits that say the coverage."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sam2_roto.evaluation.matting_clips import KINDS, ideal_logits, matting_clip

SMALL = (90, 160)


@pytest.mark.parametrize("kind", list(KINDS))
def test_a_clip_is_its_seeds(kind: str) -> None:
    clip, again = (matting_clip(kind, 3, size=SMALL, frames=2) for _ in range(2))
    np.testing.assert_array_equal(clip.views, again.views)
    np.testing.assert_array_equal(clip.alpha, again.alpha)
    assert not np.array_equal(clip.views, matting_clip(kind, 4, size=SMALL, frames=2).views)
    assert clip.views.shape == (2, *SMALL, 3)
    assert clip.alpha.shape == (2, *SMALL)
    assert clip.alpha.max() == pytest.approx(1, abs=1e-3)
    assert ((clip.alpha > 0.02) & (clip.alpha < 0.98)).mean() > 0.01
    assert np.abs(clip.alpha[1] - clip.alpha[0]).max() > 0.05


def test_the_ground_shows_through_where_alpha_is_zero() -> None:
    ground = np.full((50, 80, 3), 90, np.uint8)
    clip = matting_clip("hair", 1, size=SMALL, frames=1, backgrounds=[ground])
    clear = clip.alpha[0] == 0
    assert np.abs(clip.views[0][clear].mean() - 90) < 1
    assert np.abs(clip.views[0][clip.alpha[0] > 0.99].astype(float) - 90).mean() > 5


def test_ideal_logits_say_the_mean_of_each_cell() -> None:
    alpha = np.zeros((2, 40, 80), np.float32)
    alpha[:, 10:20, 20:40] = 0.25
    logits = ideal_logits(alpha, 4)
    assert logits.shape == (2, 4, 4)
    assert torch.sigmoid(logits[0, 1, 1]).item() == pytest.approx(0.25)
    assert logits[0, 0, 0] == -10


def test_unknown_kinds_are_refused() -> None:
    with pytest.raises(ValueError, match="glass"):
        matting_clip("glass", 1)
