"""The number type that a network multiplies in: float32, or bfloat16 where it is safe."""

from __future__ import annotations

import re

import torch
from torch import nn

from sam2_roto.errors import ModelError
from sam2_roto.model import SAM2
from sam2_roto.model.kernels import wide_vectors

PRECISIONS = ("auto", "float32", "bfloat16")

HEAVY = ("image_encoder.trunk.blocks", "memory_attention.layers", "memory_encoder.fuser")
"""Parts whose linear layers multiply in bfloat16: nearly all of the arithmetic.

All of them add to a sum that is kept in float32. What starts such a sum (patches, shortcuts, the neck), and the decoder
with its scores, stay float32 throughout: rounding there was seen to move masks.
"""

SHORTCUT = re.compile(r"\d+\.proj")
"""Name, within the trunk's blocks, of the layers through which a stage's sum begins."""


def multiplies_bfloat16(device: torch.device) -> bool:
    """Whether ``device`` has instructions for bfloat16; training in it is many times slower on a CPU without them."""
    if device.type == "cpu":
        return wide_vectors()
    return device.type != "cuda" or torch.cuda.get_device_capability(device) >= (8, 0)


def choose_precision(word: str, device: torch.device) -> torch.dtype:
    """The type that ``word`` (auto, float32 or bfloat16) means on ``device``. Raises ModelError.

    ``auto`` takes bfloat16 on CUDA devices that compute in it, and float32 elsewhere.
    """
    if word not in PRECISIONS:
        raise ModelError(f"the precision '{word}' is not one of {', '.join(PRECISIONS)}")
    if word == "auto":
        able = device.type == "cuda" and multiplies_bfloat16(device)
        return torch.bfloat16 if able else torch.float32
    return torch.bfloat16 if word == "bfloat16" else torch.float32


def set_precision(model: SAM2, dtype: torch.dtype) -> SAM2:
    """Cast the weights of the heavy products of ``model`` to ``dtype``, in place."""
    for part in HEAVY[1:] if model.config.convolutional else HEAVY:  # a convolutional trunk has no blocks
        for name, layer in model.get_submodule(part).named_modules():
            if isinstance(layer, nn.Linear) and not SHORTCUT.fullmatch(name):
                layer.to(dtype)
    return model
