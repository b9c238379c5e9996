"""Values derived from weights, computed once per state of the weights."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


class Derived:
    """A cached function of a few weights; computed anew where one changed, and always while gradients are taken."""

    def __init__(self) -> None:
        self._key: tuple[object, ...] = ()
        self._value: Tensor | None = None

    def get(self, weights: tuple[Tensor, ...], size: int, compute: Callable[[], Tensor]) -> Tensor:
        """The value of ``compute()``, which depends on nothing but ``weights`` and ``size``."""
        if torch.is_grad_enabled():
            return compute()
        key = (size, torch.is_autocast_enabled(weights[0].device.type), *(_state(weight) for weight in weights))
        if self._value is None or key != self._key:
            self._key, self._value = key, compute()
        return self._value


def _state(weight: Tensor) -> tuple[object, ...]:
    version = 0 if weight.is_inference() else weight._version
    return weight.data_ptr(), version, weight.device, weight.dtype
