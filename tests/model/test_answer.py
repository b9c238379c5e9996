"""What a network says to a prompt: once as published, or with a second look."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from sam2_roto.model import REFINE_CLAMP, SAM2, ImageFeatures, build_model

BOX = (torch.tensor([[[8.0, 8.0], [40.0, 44.0]]]), torch.tensor([[2, 3]]))


def seen(name: str) -> tuple[SAM2, ImageFeatures, Tensor]:
    torch.manual_seed(0)
    model = build_model(name, 64).eval()
    with torch.inference_mode():
        features = model.encode_image(torch.rand(1, 3, 64, 64))
        return model, features, model.condition(features.top, None)


@torch.inference_mode()
@pytest.mark.parametrize(("name", "looks"), [("nano", 2), ("sam2.1_hiera_tiny", 1)])
def test_an_answer_that_leaves_nothing_open_is_looked_at_again(name: str, looks: int) -> None:
    model, features, top = seen(name)
    once = model.decode(top, features, BOX, None, multimask=False)
    twice = model.decode(top, features, BOX, once.logits.clamp(-REFINE_CLAMP, REFINE_CLAMP), multimask=False)
    assert not torch.equal(once.logits, twice.logits)
    said = model.answer(top, features, BOX, multimask=False)
    assert torch.equal(said.logits, twice.logits if looks == 2 else once.logits)


@torch.inference_mode()
def test_three_candidates_and_corrections_are_answered_once() -> None:
    model, features, top = seen("nano")
    open_to_all = model.answer(top, features, BOX, multimask=True)
    assert torch.equal(open_to_all.logits, model.decode(top, features, BOX, None, multimask=True).logits)
    before = 40 * torch.randn(1, 1, 16, 16)
    corrected = model.answer(top, features, BOX, before, multimask=False)
    clamped = before.clamp(-REFINE_CLAMP, REFINE_CLAMP)
    assert torch.equal(corrected.logits, model.decode(top, features, BOX, clamped, multimask=False).logits)
