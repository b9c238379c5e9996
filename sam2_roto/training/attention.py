"""Attention as plain matrix products, for training on a CPU.

torch's fused attention for CPUs computes its products without the processor's bfloat16 instructions and is slow on
small windows, above all backwards: measured on the trunk's windows, plain products take a tenth of the time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode


def plain_attention(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """softmax(query key^T / sqrt(d)) value in the inputs' own precision; [..., n, d], [..., m, d], [..., m, e]."""
    with torch.autocast(query.device.type, enabled=False):
        dtype = torch.promote_types(torch.promote_types(query.dtype, key.dtype), value.dtype)
        query, key, value = query.to(dtype), key.to(dtype), value.to(dtype)
        weights = ((query * query.shape[-1] ** -0.5) @ key.transpose(-1, -2)).softmax(dim=-1)
        return torch.matmul(weights, value)


class PlainAttention(TorchFunctionMode):
    """Within this context ``scaled_dot_product_attention`` without further options is ``plain_attention``."""

    def __torch_function__(
        self,
        function: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Divert the one function; run all others as they are."""
        if function is F.scaled_dot_product_attention and len(args) == 3 and not kwargs:
            return plain_attention(*args)
        return function(*args, **(kwargs or {}))
