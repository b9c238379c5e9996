"""The network's part of tracking one frame, as a function of tensors alone, and its replay as a CUDA graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import torch
from torch import Tensor

from sam2_roto.model import SAM2, ImageFeatures, Memory, Prediction

WARM = 3
"""Calls of one shape before it is recorded: by then every library has chosen its kernels."""

Function = Callable[..., tuple[Tensor, ...]]


class Recorded(Protocol):
    """A run of kernels on fixed addresses."""

    outputs: tuple[Tensor, ...]

    def replay(self) -> None:
        """Run them again, on what the inputs hold now."""


class CudaRecord:
    """A function's kernels as a CUDA graph over fixed ``inputs``."""

    def __init__(self, function: Function, inputs: Sequence[Tensor]) -> None:
        self._graph = torch.cuda.CUDAGraph()
        torch.cuda.synchronize()
        with torch.cuda.graph(self._graph):
            self.outputs = function(*inputs)

    def replay(self) -> None:
        """Run the kernels again."""
        self._graph.replay()


class Replay:
    """A function of tensors that is recorded once its shapes repeat, and replayed from then on.

    The first calls run as they are, so that the first frames do not wait. One recording is kept: another shape, or a
    shape that comes back, starts anew. Results are copies, and stay as they are when the next frame comes.
    """

    def __init__(self, function: Function, record: Callable[[Function, Sequence[Tensor]], Recorded] = CudaRecord):
        self._function, self._record = function, record
        self._shape: tuple[object, ...] = ()
        self._calls = 0
        self._inputs: list[Tensor] = []
        self._recorded: Recorded | None = None

    def __call__(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """The function's results."""
        shape = tuple((x.shape, x.dtype) for x in inputs)
        if shape != self._shape:
            self._shape, self._calls, self._recorded = shape, 0, None
        self._calls += 1
        if self._calls <= WARM:
            return self._function(*inputs)
        if self._recorded is None:
            self._inputs = [x.clone(memory_format=torch.contiguous_format) for x in inputs]
            self._recorded = self._record(self._function, self._inputs)
        for fixed, fresh in zip(self._inputs, inputs, strict=True):
            fixed.copy_(fresh)
        self._recorded.replay()
        return tuple(x.clone() for x in self._recorded.outputs)


class Step:
    """Condition, decode, choose and remember one frame for a batch of objects.

    Nothing in here asks the device for a value, and shapes are constant once the bank of memories is full.
    ``rounded``: logits are rounded to half precision before they are remembered. ``replayed``: on CUDA, the steady
    state is replayed as a graph.
    """

    def __init__(self, model: SAM2, rounded: bool, replayed: bool = False) -> None:
        self._model, self._rounded = model, rounded
        self._run: Function = Replay(self._compute) if replayed else self._compute
        self._span = 0

    def __call__(self, features: ImageFeatures, memory: Memory) -> tuple[Prediction, Tensor]:
        """What is seen of each object, and what is remembered of it ``[B, memory_width, h, w]``."""
        self._span = memory.span  # constant for a clip, and so for a recording
        *seen, spatial = self._run(*features, *memory[:4])
        return Prediction(*seen), spatial

    def _compute(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        spatial, slots, pointers, distances = tensors[3:]
        features, memory = ImageFeatures(*tensors[:3]), Memory(spatial, slots, pointers, distances, self._span)
        model = self._model
        prediction = model.choose(model.decode(model.condition(features.top, memory), features))
        if self._rounded:
            prediction = prediction._replace(logits=prediction.logits.half().float())
        return *prediction, remember(model, features, prediction, prompted=False, singly=self._rounded)


def remember(model: SAM2, features: ImageFeatures, prediction: Prediction, prompted: bool, singly: bool) -> Tensor:
    """Encode what is remembered of one frame ``[B, memory_width, h, w]``.

    Convolutions of another batch differ in the last bits. ``singly``, the rows go one by one, as they do when they are
    recalled from an archive, so that a run that was interrupted ends in the same bits as one that was not.
    """
    count = len(prediction.logits)
    parts = [slice(row, row + 1) for row in range(count)] if singly else [slice(count)]
    return torch.cat(
        [model.encode_memory(features.top, prediction.logits[p], prediction.score[p], prompted) for p in parts]
    )
