"""Objects that recall equally many memories, side by side in one batch."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

import torch
from torch import Tensor

from sam2_roto.model import Memory, ModelConfig

from .memory import Recall
from .objects import TrackedObject

Group = list[tuple[TrackedObject, Recall]]


def equal_shapes(rest: Group, guided: Collection[str], max_rows: int) -> Iterator[Group]:
    """Batches of objects that recall equally many memories, and that are all among the ``guided`` ones or none."""
    groups: dict[tuple[tuple[int, int], bool], Group] = {}
    for entry, recall in rest:
        groups.setdefault((recall.shape, entry.name in guided), []).append((entry, recall))
    for group in groups.values():
        for begin in range(0, len(group), max_rows):
            yield group[begin : begin + max_rows]


def stack(recalls: Sequence[Recall], config: ModelConfig, device: torch.device, frames: int) -> Memory:
    """What the objects of a batch recall, in a clip of ``frames`` frames."""
    spatial = torch.stack([torch.stack(recall.spatial) for recall in recalls]).to(device)
    empty = spatial.new_empty(0, config.width, dtype=torch.float32)
    return Memory(
        spatial=spatial,
        slots=send([recall.slots for recall in recalls], torch.int64, device),
        pointers=torch.stack([torch.stack(recall.pointers) if recall.pointers else empty for recall in recalls]),
        distances=send([recall.distances for recall in recalls], torch.float32, device),
        span=min(frames, config.pointers) - 1,
    )


def send(values: Sequence[Sequence[float]], dtype: torch.dtype, device: torch.device) -> Tensor:
    """A small table of numbers on ``device``, without waiting for what the device is doing."""
    table = torch.tensor(values, dtype=dtype)
    return table.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else table.to(device)
