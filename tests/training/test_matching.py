"""A memory that starts as a matcher says on the next frame what a mask prompt there would have said."""

from __future__ import annotations

from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from sam2_roto.model import SAM2, Memory, build_model
from sam2_roto.model.config import NANO
from sam2_roto.training.data import normalise
from sam2_roto.training.matching import start_matching

SIZE, STEP = 128, 16
HIERA = replace(
    NANO,
    convolutional=False,
    embed_dim=32,
    heads=1,
    blocks=(1, 2, 4, 2),
    global_blocks=(4, 6, 8),
    windows=(8, 4, 8, 4),
    image_size=SIZE,
)
"""A trunk whose features tell places apart before it has learned anything."""


def pairs(count: int, seed: int) -> tuple[Tensor, Tensor]:
    """Coarse patterns in which a disc of another pattern moves by one place of the memory."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(2, count, 3, 12, 12, generator=generator) * 255
    ground, thing = (F.interpolate(part, size=(SIZE, SIZE), mode="bicubic").clamp(0, 255) for part in coarse)
    y, x = torch.meshgrid(torch.arange(SIZE), torch.arange(SIZE), indexing="ij")
    centres = torch.randint(40, SIZE - 56, (count, 2), generator=generator)
    frames, masks = [], []
    for shift in (0, STEP):
        inside = torch.stack([(x - cx - shift) ** 2 + (y - cy) ** 2 < 26**2 for cx, cy in centres.tolist()])
        frames.append(torch.where(inside[:, None], thing.roll(shift, dims=-1), ground))
        masks.append(inside.float())
    return torch.stack(frames, dim=1).to(torch.uint8), torch.stack(masks, dim=1)


@torch.no_grad()
def likeness(model: SAM2, frames: Tensor, masks: Tensor) -> float:
    """Correlation of what memory adds on the second frame with what its own mask as a prompt would add."""
    top = model.encode_image(normalise(frames.flatten(0, 1))).top
    sure = torch.full((len(frames),), 10.0)
    spatial = model.encode_memory(top[0::2], masks[:, :1] * 20 - 10, sure, prompted=False)[:, None]
    nothing = spatial.new_zeros(len(spatial), 0, model.config.width)
    memory = Memory(spatial, torch.tensor([[model.config.memories - 1]]), nothing, spatial.new_zeros(1, 0), 1)
    added = model.condition(top[1::2], memory) - top[1::2]
    encoder = model.sam_prompt_encoder
    wanted = encoder.mask(model.mask_downsample(masks[:, 1:])) - encoder.no_mask()
    centred = [part - part.mean(dim=(0, 2, 3), keepdim=True) for part in (added, wanted)]
    return float(F.cosine_similarity(centred[0].flatten(), centred[1].flatten(), dim=0))


def test_memory_speaks_as_a_mask_prompt_would() -> None:
    torch.manual_seed(0)
    model = SAM2(HIERA).eval()
    unseen = pairs(6, seed=2)
    before = likeness(model, *unseen)
    start_matching(model, *pairs(12, seed=1), steps=80)
    assert abs(before) < 0.05
    assert likeness(model, *unseen) > 0.2  # with features of a network that has learned nothing


def test_what_segments_pictures_stays() -> None:
    torch.manual_seed(0)
    model = build_model("nano", SIZE).eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    start_matching(model, *pairs(4, seed=1), steps=2)
    touched = {name.split(".")[0] for name, value in model.state_dict().items() if not torch.equal(value, before[name])}
    assert touched == {"memory_attention", "memory_encoder", "obj_ptr_proj"}
