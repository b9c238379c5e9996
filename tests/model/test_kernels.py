"""The kernels for inference on a CPU against torch's own functions, which training takes."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from sam2_roto.errors import ModelError
from sam2_roto.loading import build_model
from sam2_roto.model import CONFIGS, SAM2, ModelConfig, kernels
from sam2_roto.precision import choose_precision, multiplies_bfloat16, set_precision


@pytest.mark.parametrize("activation", ["none", "relu", "gelu"])
def test_linear_equals_torch(activation: kernels.Activation) -> None:
    x, layer = torch.randn(3, 5, 8), nn.Linear(8, 6)
    plain = {"none": layer(x), "relu": F.relu(layer(x)), "gelu": F.gelu(layer(x))}[activation]
    with torch.inference_mode():
        torch.testing.assert_close(kernels.apply(layer, x, activation), plain)


@pytest.mark.parametrize("activation", ["none", "relu", "relu6", "gelu"])
@pytest.mark.parametrize("groups", [1, 8])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_convolution_equals_torch(activation: kernels.Activation, groups: int, layout: torch.memory_format) -> None:
    x = 5 * torch.randn(2, 8, 12, 10).contiguous(memory_format=layout)
    layer = nn.Conv2d(8, 16, kernel_size=3, stride=2, padding=1, groups=groups)
    plain = {"none": lambda y: y, "relu": F.relu, "relu6": F.relu6, "gelu": F.gelu}[activation](layer(x))
    with torch.inference_mode():
        found = kernels.convolve(layer, x, activation)
    torch.testing.assert_close(found, plain)
    assert found.is_contiguous(memory_format=layout)


def test_pieces_are_put_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "PIECE_ROWS", 1)
    x, first, second = torch.randn(2, 37, 8), nn.Linear(8, 16), nn.Linear(16, 4)
    plain = second(F.gelu(first(x)))
    with torch.inference_mode():
        torch.testing.assert_close(kernels.feed_forward(x, first, second, "gelu"), plain)


def test_two_layers_in_one_equal_one_after_the_other() -> None:
    x, first, second = torch.randn(2, 7, 8), nn.Linear(8, 16), nn.Conv2d(16, 4, kernel_size=1)
    plain = F.linear(first(x), second.weight.flatten(1), second.bias)
    with torch.inference_mode():
        torch.testing.assert_close(kernels.apply_twice(first, second, x), plain)


@pytest.mark.parametrize("width", [8, 3])
def test_attention_in_blocks_equals_torch(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "SMALL", 10)
    monkeypatch.setattr(kernels, "BLOCK_SCORES", 40 * 33)
    query, key, value = torch.randn(1, 2, 70, 8), torch.randn(3, 2, 33, 8), torch.randn(3, 2, 33, width)
    plain = F.scaled_dot_product_attention(query.expand(3, -1, -1, -1), key, value)
    with torch.inference_mode():
        torch.testing.assert_close(kernels.attention(query, key, value), plain)


TILED = ModelConfig("tiled", 32, 1, (1, 2, 4, 2), (4, 5, 8), windows=(8, 4, 8, 4), width=64, memory_width=32)
"""Windows of all stages tile a picture of 256; blocks that see the whole picture come between them."""


@pytest.mark.parametrize(
    "config", [TILED, CONFIGS["sam2.1_hiera_tiny"], CONFIGS["nano"]], ids=lambda config: config.name
)
@pytest.mark.parametrize("size", [256, 160])
def test_a_picture_is_encoded_as_in_training(config: ModelConfig, size: int) -> None:
    """With windows that tile the grid, windows that do not, and no windows."""
    torch.manual_seed(0)
    model = SAM2(config.with_image_size(size)).eval()
    images = torch.randn(2, 3, size, size)
    trained = model.encode_image(images)
    with torch.inference_mode():
        for one, other in zip(model.encode_image(images), trained, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-4)


def _logits(model: SAM2, images: torch.Tensor) -> torch.Tensor:
    with torch.inference_mode():
        features = model.encode_image(images)
        points = (torch.tensor([[[40.0, 50.0]]]), torch.ones(1, 1))
        return model.decode(model.condition(features.top, None), features, points).logits


def test_bfloat16_changes_the_weights_of_products_alone() -> None:
    torch.manual_seed(0)
    model = SAM2(TILED.with_image_size(128)).eval()
    plain = _logits(model, torch.zeros(1, 3, 128, 128))
    set_precision(model, torch.bfloat16)
    trunk, decoder = model.image_encoder.trunk, model.sam_mask_decoder
    assert trunk.blocks[0].mlp.layers[0].weight.dtype == torch.bfloat16
    assert trunk.blocks[0].norm1.weight.dtype == trunk.blocks[1].proj.weight.dtype == torch.float32
    assert {weight.dtype for weight in decoder.parameters()} == {torch.float32}
    rounded = _logits(model, torch.zeros(1, 3, 128, 128))
    assert not torch.equal(plain, rounded)
    torch.testing.assert_close(rounded, plain, rtol=0.1, atol=0.1)


def test_precision_is_chosen_by_word_and_device() -> None:
    assert choose_precision("auto", torch.device("cpu")) == torch.float32
    assert choose_precision("bfloat16", torch.device("cpu")) == torch.bfloat16
    model = set_precision(build_model("nano", 128), torch.float32)
    assert {weight.dtype for weight in model.parameters()} == {torch.float32}


@pytest.mark.parametrize(("capability", "able"), [("AVX2", False), ("AVX512", True), ("DEFAULT", False)])
def test_a_processor_without_the_instructions_is_not_asked_for_bfloat16(
    monkeypatch: pytest.MonkeyPatch, capability: str, able: bool
) -> None:
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    assert multiplies_bfloat16(torch.device("cpu")) is able
    x, weight = torch.randn(5, 8).bfloat16(), torch.randn(3, 8).bfloat16()
    with torch.inference_mode():
        assert kernels.on_cpu(x) is able
        if not able:
            torch.testing.assert_close(kernels.linear(x, weight, None), F.linear(x, weight))


def test_an_unknown_precision_is_told() -> None:
    with pytest.raises(ModelError, match="the precision 'half' is not one of auto, float32, bfloat16"):
        choose_precision("half", torch.device("cpu"))
