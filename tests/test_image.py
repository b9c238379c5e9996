"""Image mode, on a small network of random weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from sam2_roto import FramePrompt, ImagePredictor, Tracker, load_model
from sam2_roto.errors import PromptError
from sam2_roto.image import Candidates
from sam2_roto.model import SAM2
from sam2_roto.tracking import ArraySource

CLICK = (24.0, 32.0, True)


@pytest.fixture(scope="module")
def model(random_weights: Path) -> SAM2:
    return load_model(str(random_weights), "cpu", 64)


@pytest.fixture(scope="module")
def predictor(model: SAM2, shot_views: NDArray[np.uint8]) -> ImagePredictor:
    made = ImagePredictor(model)
    made.set_image(shot_views[0])
    return made


def test_one_click_gives_three_candidates(predictor: ImagePredictor) -> None:
    found = predictor.predict([CLICK])
    assert found.logits.shape == (3, 16, 16)
    assert found.iou.shape == (3,)
    assert found.masks().shape == (3, 64, 96)
    assert found.masks().dtype == np.bool_
    assert found.best == int(np.argmax(found.iou.numpy()))
    assert found.score > 0


def test_a_box_or_two_clicks_give_one(predictor: ImagePredictor) -> None:
    assert len(predictor.predict(box=(10, 20, 40, 50)).logits) == 1
    assert len(predictor.predict([CLICK, (70.0, 10.0, False)]).logits) == 1
    assert len(predictor.predict([CLICK], multimask=False).logits) == 1


def test_alpha_lies_on_the_mask(predictor: ImagePredictor) -> None:
    found = predictor.predict([CLICK])
    for index in (None, 0, 1, 2):
        alpha = found.alpha(index)
        assert alpha.shape == (64, 96)
        assert 0 <= alpha.min() <= alpha.max() <= 1
        mask = found.masks()[found.best if index is None else index]
        assert np.mean((alpha > 0.5) == mask) > 0.8


def test_previous_logits_are_refined(predictor: ImagePredictor) -> None:
    first = predictor.predict([CLICK])
    again = predictor.predict([CLICK], logits=-first.logits[first.best], multimask=False)
    plain = predictor.predict([CLICK], multimask=False)
    assert again.logits.shape == plain.logits.shape
    assert not torch.equal(again.logits, plain.logits)


def test_asking_twice_gives_the_same(predictor: ImagePredictor) -> None:
    first, second = (predictor.predict([CLICK]) for _ in range(2))
    assert torch.equal(first.logits, second.logits)


@pytest.mark.parametrize("prompt", [{"points": [CLICK]}, {"box": (10.0, 20.0, 40.0, 50.0)}])
def test_a_clips_first_frame_is_answered_alike(
    predictor: ImagePredictor, model: SAM2, shot_views: NDArray[np.uint8], prompt: dict[str, object]
) -> None:
    found: Candidates = predictor.predict(**prompt)  # type: ignore[arg-type]
    said = FramePrompt(**{key: tuple(value) for key, value in prompt.items()})  # type: ignore[arg-type, call-overload]
    answer = Tracker(model, ArraySource(shot_views)).prompt("ball", 0, said)
    assert torch.allclose(answer.logits, found.logits[found.best], atol=1e-5)
    assert answer.iou == pytest.approx(float(found.iou[found.best]), abs=1e-5)


def test_views_that_may_not_be_written_to_are_taken(model: SAM2, shot_views: NDArray[np.uint8]) -> None:
    frozen = shot_views[0].copy()
    frozen.setflags(write=False)
    predictor = ImagePredictor(model)
    predictor.set_image(frozen)
    assert predictor.predict([CLICK]).score > 0


def test_what_is_wrong_is_told(model: SAM2, predictor: ImagePredictor, shot_views: NDArray[np.uint8]) -> None:
    with pytest.raises(PromptError, match="call set_image first"):
        ImagePredictor(model).predict([CLICK])
    with pytest.raises(PromptError, match="outside the plate of 96×64"):
        predictor.predict([(96.0, 3.0, True)])
    with pytest.raises(PromptError, match="needs a click, a box or a mask"):
        predictor.predict()
    with pytest.raises(PromptError, match=r"uint8 RGB \[H, W, 3\], not float32"):
        predictor.set_image(shot_views[0].astype(np.float32))  # type: ignore[arg-type]
