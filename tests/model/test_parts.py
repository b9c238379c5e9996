"""Parts of the network against plain calculations."""

from __future__ import annotations

import pytest
import torch

from sam2_roto.model import Memory, build_model
from sam2_roto.model.config import ModelConfig
from sam2_roto.model.derived import Derived
from sam2_roto.model.mask_decoder import Decoded, single_mask
from sam2_roto.model.position import axial_rotary, rotate, sine_grid
from sam2_roto.model.trunk import Trunk, _from_windows, _to_windows


@pytest.mark.parametrize(("height", "width"), [(8, 8), (10, 7), (3, 13)])
def test_windows_come_back(height: int, width: int) -> None:
    x = torch.randn(2, height, width, 5)
    windows = _to_windows(x, 4)
    assert windows.shape[1:] == (4, 4, 5)
    assert torch.equal(_from_windows(windows, 4, height, width), x)


def test_rotary_equals_the_product_of_complex_numbers() -> None:
    table = axial_rotary(16, 3)
    x = torch.randn(2, 1, 9, 16)
    pairs = torch.view_as_complex(x.reshape(2, 1, 9, 8, 2).contiguous())
    angles = torch.complex(table[..., 0], table[..., 1])
    expected = torch.view_as_real(pairs * angles).flatten(-2)
    torch.testing.assert_close(rotate(x, table), expected)


def test_rotary_depends_on_distance_alone() -> None:
    table = axial_rotary(16, 4)
    query, key = torch.randn(16), torch.randn(16)
    turned_q, turned_k = rotate(query.expand(16, 16), table), rotate(key.expand(16, 16), table)
    products = turned_q @ turned_k.T
    torch.testing.assert_close(products[0, 5], products[5, 10], rtol=1e-4, atol=1e-5)


def test_sine_grid_is_symmetric_in_its_axes() -> None:
    grid = sine_grid(32, 6, 6)
    torch.testing.assert_close(grid[:, :16], grid[:, 16:].transpose(2, 3))


def test_unstable_single_mask_gives_way_to_the_best_of_three() -> None:
    logits = torch.full((1, 4, 8, 8), -1.0)
    logits[:, 0] = 0.01  # within the delta everywhere: nothing above it, all above its negative
    logits[:, 2, :4] = 5.0
    iou = torch.tensor([[0.2, 0.3, 0.9, 0.4]])
    tokens = torch.arange(4.0).view(1, 4, 1)
    chosen = single_mask(Decoded(logits, iou, torch.zeros(1, 1), tokens))
    assert torch.equal(chosen.logits[0, 0], logits[0, 2])
    assert chosen.iou.tolist() == [[pytest.approx(0.9)]]
    assert chosen.tokens.tolist() == [[[0.0]]]


def test_order_of_memories_does_not_matter() -> None:
    torch.manual_seed(0)
    model = build_model("nano", image_size=64).eval()
    config = model.config
    top = torch.randn(1, config.width, config.grid, config.grid)
    spatial = torch.randn(1, 3, config.memory_width, config.grid, config.grid)
    pointers = torch.randn(1, 2, config.width)
    slots, distances = torch.tensor([[6, 0, 1]]), torch.tensor([[1.0, 2.0]])
    turned = [2, 0, 1]
    with torch.inference_mode():
        one = model.condition(top, Memory(spatial, slots, pointers, distances, 7))
        other = model.condition(top, Memory(spatial[:, turned], slots[:, turned], pointers, distances, 7))
    torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


def test_derived_values_follow_the_weights() -> None:
    trunk = Trunk(ModelConfig("small", 32, 1, (1, 1, 1, 1), (), windows=(8, 4, 4, 2))).eval()
    image = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        before = trunk(image)[-1]
        trunk.pos_embed += 1.0
        after = trunk(image)[-1]
    assert not torch.allclose(before, after)


def test_what_is_derived_under_autocast_is_derived_anew_without() -> None:
    weight, derived = torch.ones(2, 2), Derived()
    with torch.no_grad():
        with torch.autocast("cpu", torch.bfloat16):
            narrow = derived.get((weight,), 1, lambda: weight @ weight)
        wide = derived.get((weight,), 1, lambda: weight @ weight)
    assert (narrow.dtype, wide.dtype) == (torch.bfloat16, torch.float32)
