"""Where pictures are worked out: the CPU, or an accelerator that torch can use."""

from __future__ import annotations

import torch

from compositing.errors import CompositingError


def usable(device: str) -> torch.device:
    """The device of that name. Raises CompositingError where torch does not know it or cannot use it here."""
    try:
        found = torch.device(device)
        torch.empty(1, device=found)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise CompositingError(f"The device {device!r} cannot be used here; give cpu, cuda or mps.") from error
    return found
