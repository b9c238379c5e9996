"""The trunk of a start gives what the published EfficientNet-Lite0 gives, its norms computed apart."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from sam2_roto.errors import CheckpointError
from sam2_roto.model.efficientnet import LITE0, STEM, EfficientNet
from sam2_roto.training.data import IMAGENET_MEAN, IMAGENET_STD
from sam2_roto.training.pretrained import NORM_EPS, trunk_weights

SIZE = 64


def _published(generator: torch.Generator) -> dict[str, Tensor]:
    state: dict[str, Tensor] = {}

    def layer(convolution: str, norm: str, out: int, into: int, kernel: int) -> None:
        scale = (into * kernel * kernel) ** -0.5
        state[f"{convolution}.weight"] = torch.randn(out, into, kernel, kernel, generator=generator) * scale
        for part in ("weight", "running_var"):
            state[f"{norm}.{part}"] = torch.rand(out, generator=generator) + 0.5
        for part in ("bias", "running_mean"):
            state[f"{norm}.{part}"] = torch.randn(out, generator=generator) * 0.2

    layer("_conv_stem", "_bn0", STEM, 3, 3)
    index, channels = 0, STEM
    for stage in LITE0:
        for _ in range(stage.blocks):
            name, inner = f"_blocks.{index}.", channels * stage.expansion
            if stage.expansion != 1:
                layer(name + "_expand_conv", name + "_bn0", inner, channels, 1)
            layer(name + "_depthwise_conv", name + "_bn1", inner, 1, stage.kernel)
            layer(name + "_project_conv", name + "_bn2", stage.channels, inner, 1)
            index, channels = index + 1, stage.channels
    return state


def _apply(state: dict[str, Tensor], x: Tensor, convolution: str, norm: str, stride: int = 1) -> Tensor:
    """Convolution with the padding of TensorFlow's SAME, then batch normalisation."""
    weight = state[f"{convolution}.weight"]
    total = max((-(-x.shape[-1] // stride) - 1) * stride + weight.shape[-1] - x.shape[-1], 0)
    x = F.pad(x, (total // 2, total - total // 2) * 2)
    x = F.conv2d(x, weight, stride=stride, groups=x.shape[1] if weight.shape[1] == 1 and x.shape[1] > 1 else 1)
    mean, variance, gain, shift = (
        state[f"{norm}.{part}"] for part in ("running_mean", "running_var", "weight", "bias")
    )
    return F.batch_norm(x, mean, variance, gain, shift, eps=NORM_EPS)


def _oracle(state: dict[str, Tensor], picture: Tensor) -> list[Tensor]:
    """Every block's output, for a picture of 0..255."""
    # A border of ImageNet's mean, where ours pads with zeros after normalising by it; the stem's padding comes on top.
    mean = torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1) * 255
    bordered = mean.expand(1, 3, SIZE + 2, SIZE + 2).clone()
    bordered[..., :SIZE, :SIZE] = picture
    x = F.relu6(_apply(state, (bordered - 127) / 128, "_conv_stem", "_bn0", 2))[..., : SIZE // 2, : SIZE // 2]
    outputs, index = [], 0
    for stage in LITE0:
        for position in range(stage.blocks):
            name, before = f"_blocks.{index}.", x
            stride = stage.stride if position == 0 else 1
            if stage.expansion != 1:
                x = F.relu6(_apply(state, x, name + "_expand_conv", name + "_bn0"))
            x = F.relu6(_apply(state, x, name + "_depthwise_conv", name + "_bn1", stride))
            x = _apply(state, x, name + "_project_conv", name + "_bn2")
            x = x + before if x.shape == before.shape and stride == 1 else x
            outputs.append(x)
            index += 1
    return outputs


def test_folded_trunk_equals_the_published_network() -> None:
    generator = torch.Generator().manual_seed(0)
    state = _published(generator)
    trunk = EfficientNet()
    trunk.load_state_dict(trunk_weights(state))
    picture = torch.rand(1, 3, SIZE, SIZE, generator=generator) * 255
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_STD))
    with torch.no_grad():
        found = trunk((picture / 255 - mean) / std)
        expected = _oracle(state, picture)
    assert [tuple(level.shape[1:]) for level in found] == [(24, 16, 16), (40, 8, 8), (112, 4, 4), (320, 2, 2)]
    for level, block in zip(found, trunk.stage_ends, strict=True):
        assert torch.allclose(level, expected[block], atol=1e-3 * float(level.abs().max()))


def test_other_weights_are_refused() -> None:
    with pytest.raises(CheckpointError, match=r"not the weights of EfficientNet-Lite0.*_conv_stem"):
        trunk_weights({"conv1.weight": torch.zeros(1)})
