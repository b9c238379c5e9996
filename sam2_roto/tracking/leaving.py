"""Results on their way from the device to the host, without holding up the device."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

from sam2_roto.model import Prediction

from .batches import Group
from .objects import ObjectFrame, TrackedObject
from .steering import Belief


class Leaving:
    """A prediction being copied to the host: on CUDA through pinned memory and a stream of its own.

    Nothing waits when one is made; ``land`` waits for the copies alone, not for what the device was given since.
    """

    def __init__(self, prediction: Prediction) -> None:
        self._host: Sequence[Tensor] = prediction
        self._done: torch.cuda.Event | None = None
        if prediction.logits.is_cuda:
            self._host, self._done = _copy(prediction)

    def land(self) -> Prediction:
        """The prediction on the host, once it is whole."""
        if self._done is not None:
            self._done.synchronize()
        return Prediction(*self._host)


class Flight(NamedTuple):
    """A frame that the device is at work on."""

    position: int
    active: list[TrackedObject]
    step: int
    parts: list[tuple[Group, Leaving | Prediction, Belief]]


def _copy(tensors: Sequence[Tensor]) -> tuple[list[Tensor], torch.cuda.Event]:
    side = _side_stream(tensors[0].device)
    side.wait_stream(torch.cuda.current_stream(tensors[0].device))
    with torch.cuda.stream(side):
        host = [torch.empty(x.shape, dtype=x.dtype, pin_memory=True).copy_(x, non_blocking=True) for x in tensors]
        for tensor in tensors:
            tensor.record_stream(side)
        done = torch.cuda.Event()  # type: ignore[no-untyped-call]
        done.record(side)
    return host, done


@lru_cache
def _side_stream(device: torch.device) -> torch.cuda.Stream:
    return torch.cuda.Stream(device)  # type: ignore[no-untyped-call]


def rows(prediction: Prediction, prompted: bool) -> list[ObjectFrame]:
    """The result of each object of a batch; waits for the device once."""
    numbers: list[list[float]] = torch.stack((prediction.score, prediction.iou), dim=1).tolist()
    pairs = zip(numbers, prediction.logits[:, 0], prediction.pointer, strict=True)
    return [ObjectFrame(logits, score, iou, pointer, prompted) for (score, iou), logits, pointer in pairs]
