"""Prompts as maps, and the convolutions that read them."""

from __future__ import annotations

import pytest
import torch

from sam2_roto.model import CONFIGS, SAM2, PointLabel, build_model
from sam2_roto.model.detail import HINTS, mask_hint, point_hints

SIZE = 64
CELLS = SIZE // 4


def points(*said: tuple[float, float, PointLabel]) -> tuple[torch.Tensor, torch.Tensor]:
    coords = torch.tensor([[[x, y] for x, y, _ in said]])
    return coords, torch.tensor([[int(label) for *_, label in said]])


def test_clicks_peak_on_their_cells() -> None:
    maps = point_hints(*points((9.5, 41.5, PointLabel.POSITIVE), (33.5, 5.5, PointLabel.NEGATIVE)), CELLS)[0]
    assert maps.shape == (HINTS - 1, CELLS, CELLS)
    assert divmod(int(maps[0].argmax()), CELLS) == (10, 2)
    assert divmod(int(maps[1].argmax()), CELLS) == (1, 8)
    assert maps[2].abs().sum() == 0


def test_boxes_are_filled_to_their_corners() -> None:
    maps = point_hints(*points((8, 16, PointLabel.BOX_START), (31, 47, PointLabel.BOX_END)), CELLS)[0]
    inside = maps[2]
    assert maps[:2].abs().sum() == 0
    assert torch.equal(inside[5:11, 3:7], torch.ones(6, 4))
    assert inside[:3].sum() + inside[13:].sum() + inside[:, :1].sum() + inside[:, 9:].sum() == 0


def test_padding_and_absent_prompts_say_nothing() -> None:
    assert point_hints(*points((0, 0, PointLabel.NONE)), CELLS).abs().sum() == 0
    encoder = build_model("nano", SIZE).sam_prompt_encoder
    nothing = encoder.hints(2, None, None)
    assert nothing is not None
    assert nothing.shape == (2, HINTS, CELLS, CELLS)
    assert nothing.abs().sum() == 0


def test_a_mask_is_drawn_with_its_sign_and_below_one() -> None:
    drawn = mask_hint(torch.tensor([[[[-32.0, -1.0, 0.0, 1.0, 32.0]]]]))[0, 0, 0]
    assert drawn.abs().max() <= 1
    assert torch.equal(drawn.sign(), torch.tensor([-1.0, -1.0, 0.0, 1.0, 1.0]))


@pytest.mark.parametrize("name", sorted(set(CONFIGS) - {"nano"}))
def test_published_models_have_none(name: str) -> None:
    with torch.device("meta"):
        model = SAM2(CONFIGS[name])
    assert model.sam_mask_decoder.detail is None
    assert model.sam_prompt_encoder.hints(1, None, None) is None


def test_training_starts_from_the_decoder_without_it() -> None:
    torch.manual_seed(0)
    model = build_model("nano", SIZE).eval()
    said = points((20, 30, PointLabel.POSITIVE))
    with torch.inference_mode():
        features = model.encode_image(torch.randn(1, 3, SIZE, SIZE))
        embedding = model.condition(features.top, None)
        fresh = model.decode(embedding, features, said).logits
        torch.nn.init.normal_(model.sam_mask_decoder.detail.leave.weight)
        taught = model.decode(embedding, features, said).logits
        model.sam_mask_decoder.detail = None
        without = model.decode(embedding, features, said).logits
    assert torch.equal(fresh, without)
    assert (taught - without).abs().max() > 1e-3
