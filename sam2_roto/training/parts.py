"""The parts of a SAM 2 network that training can freeze, by the names of their parameters."""

from __future__ import annotations

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


def freeze(model: nn.Module, frozen: Collection[str]) -> None:
    """Let the optimiser change every parameter but those of the ``frozen`` parts."""
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(part_of(name) not in frozen)
