"""Twins: one network's weights, for pictures of another size."""

from __future__ import annotations

import weakref

from sam2_roto.model import SAM2

_twins: weakref.WeakKeyDictionary[SAM2, dict[int, SAM2]] = weakref.WeakKeyDictionary()


def twin(model: SAM2, side: int) -> SAM2:
    """The same network, with the same weights, for square pictures of ``side`` pixels; itself where it is for those."""
    if side == model.config.image_size:
        return model
    made = _twins.setdefault(model, {})
    if side not in made:
        made[side] = _made(model, side)
    return made[side]


def _made(model: SAM2, side: int) -> SAM2:
    other = SAM2(model.config.with_image_size(side)).eval().requires_grad_(False)
    other.to(model.no_obj_ptr.device).load_state_dict(model.state_dict(), assign=True)
    return other
