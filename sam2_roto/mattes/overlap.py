"""Several objects on one plate: fractional coverage that never adds up to more than 1."""

from __future__ import annotations

from torch import Tensor

_LEAST = 1e-3


def without_overlap(alphas: Tensor) -> Tensor:
    """Coverage of N objects ``[N, H, W]``, 0 to 1, whose sum over the objects is 1 or less at every pixel.

    Where the sum is above 1 the excess is taken from each in proportion to its doubt, alpha (1 - alpha): an object that
    is sure keeps its pixel, two that are equally sure share it. Elsewhere nothing changes.
    """
    if len(alphas) < 2:
        return alphas
    excess = (alphas.sum(0) - 1).clamp_(min=0)
    if not bool(excess.any()):
        return alphas
    doubt = alphas * (1 - alphas) + _LEAST * alphas
    share = doubt / doubt.sum(0).clamp_(min=1e-9)
    shared = (alphas - excess * share).clamp_(min=0)
    return shared / shared.sum(0).clamp_(min=1)
