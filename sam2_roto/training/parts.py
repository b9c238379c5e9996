"""The parts of a SAM 2 network that training can freeze, by the names of their parameters."""

from __future__ import annotations

import re
from collections.abc import Collection

from torch import nn

PARTS: dict[str, tuple[str, ...]] = {
    "trunk": ("image_encoder.trunk.",),
    "neck": ("image_encoder.neck.",),
    "memory": (
        "memory_attention.",
        "memory_encoder.",
        "maskmem_tpos_enc",
        "no_mem_",
        "no_obj_",
        "obj_ptr_",
    ),
    "decoder": ("sam_mask_decoder.", "sam_prompt_encoder.", "mask_downsample."),
}
"""Part → how the names of its parameters begin; together the parts are the whole network."""


def part_of(name: str) -> str:
    """The part that a parameter belongs to."""
    return next(part for part, beginnings in PARTS.items() if name.startswith(beginnings))


_TRUNK_BLOCK = re.compile(r"image_encoder\.trunk\.blocks\.(\d+)\.")


def _of_first_blocks(name: str, blocks: int) -> bool:
    """Whether a parameter lies in the first ``blocks`` blocks of the trunk, or in what comes before its blocks."""
    block = _TRUNK_BLOCK.match(name)
    return part_of(name) == "trunk" and (int(block.group(1)) < blocks if block else blocks > 0)


def freeze(model: nn.Module, frozen: Collection[str], frozen_blocks: int = 0) -> None:
    """Let the optimiser change every parameter but those of the ``frozen`` parts and of the trunk's first blocks.

    The late blocks work on few pixels, so that a trunk of which only they learn costs little more than a frozen one.
    """
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(part_of(name) not in frozen and not _of_first_blocks(name, frozen_blocks))
