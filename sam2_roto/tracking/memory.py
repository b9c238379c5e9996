"""What one object remembers: a preallocated ring of recent frames, and its prompted frames."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

import torch
from torch import Tensor

from sam2_roto.model import ModelConfig

from .policy import Reading, latest
from .recognition import Marks


class FrameMemory(NamedTuple):
    """One frame of one object, as remembered."""

    spatial: Tensor
    """``[memory_width, h, w]``."""
    pointer: Tensor
    """``[width]``."""
    marks: Marks | None = None
    """What a prompted frame shows of the object, where the network is to recognise it."""


class Recall(NamedTuple):
    """What an object looks back at from one frame; rows with equal counts can share a batch."""

    spatial: list[Tensor]
    slots: list[int]
    pointers: list[Tensor]
    distances: list[int]

    @property
    def shape(self) -> tuple[int, int]:
        """Counts of spatial memories and of pointers."""
        return len(self.spatial), len(self.pointers)


class ObjectMemory:
    """Bounded memory of one object; frames are positions in the clip, counted from 0.

    A pass looks at the ``memories - 1`` spatial memories and ``pointers - 1`` pointers just behind it, so a ring of
    that many frames is exact for it. Prompted frames are kept for good: they are as many as the artist gave.
    """

    def __init__(self, config: ModelConfig, device: torch.device, dtype: torch.dtype = torch.float32) -> None:
        self._config = config
        self._slots = max(config.memories, config.pointers)
        grid = config.grid
        self._spatial = torch.empty(self._slots, config.memory_width, grid, grid, device=device, dtype=dtype)
        self._pointer = torch.empty(self._slots, config.width, device=device)
        self._ring: dict[int, int] = {}
        self._held: dict[int, FrameMemory] = {}
        self._empty: set[int] = set()
        self.prompted: dict[int, FrameMemory] = {}
        self.spilled = False
        """Whether spatial memories are kept by the host, away from the pointers."""

    @property
    def tracked(self) -> Collection[int]:
        """Frames remembered that were not prompted."""
        return self._ring.keys() | self._held.keys()

    @property
    def showing(self) -> Collection[int]:
        """Those of the tracked frames on which the object was seen."""
        return [frame for frame in self.tracked if frame not in self._empty]

    @property
    def marked(self) -> list[Marks]:
        """What the prompted frames show of the object."""
        return [memory.marks for memory in self.prompted.values() if memory.marks is not None]

    def __contains__(self, frame: int) -> bool:
        return frame in self._ring or frame in self._held or frame in self.prompted

    def __getitem__(self, frame: int) -> FrameMemory:
        """What is remembered of ``frame``; KeyError where nothing is."""
        if frame in self.prompted:
            return self.prompted[frame]
        if frame not in self._ring:
            return self._held[frame]
        slot = self._ring[frame]
        return FrameMemory(self._spatial[slot], self._pointer[slot])

    def keep(self, frame: int, memory: FrameMemory) -> None:
        """Remember a prompted frame for good."""
        self._ring.pop(frame, None)
        self._held.pop(frame, None)
        self.prompted[frame] = _at(memory, self._spatial.device)

    def push(self, frame: int, memory: FrameMemory) -> None:
        """Remember a tracked frame until as many newer ones have come as the ring holds."""
        self._held.pop(frame, None)
        self._empty.discard(frame)
        slot = self._ring.pop(frame, None)
        if slot is None:
            full = len(self._ring) == self._slots
            slot = self._ring.pop(next(iter(self._ring))) if full else self._free_slot()
        self._spatial[slot].copy_(memory.spatial)
        self._pointer[slot].copy_(memory.pointer)
        self._ring[frame] = slot

    def empty(self, frame: int) -> None:
        """Say of a tracked frame that the object was not seen there."""
        self._empty = {frame, *self._empty} & {*self.tracked}

    def hold(self, frames: Collection[int]) -> None:
        """Keep the tracked ones of ``frames`` until they are no longer named; bounded by what is named."""
        kept = {frame: self[frame] for frame in frames if frame in self.tracked}
        self._held = {
            frame: self._held.get(frame) or FrameMemory(memory.spatial.clone(), memory.pointer.clone())
            for frame, memory in kept.items()
        }

    def hold_as(self, frame: int, memory: FrameMemory) -> None:
        """Keep what was remembered of a frame earlier, until ``hold`` no longer names it."""
        self._held[frame] = _at(memory, self._spatial.device)

    def spill(self) -> None:
        """Move spatial memories to the host for good."""
        self.spilled = True
        self._spatial = self._spatial.cpu()
        for kept in (self._held, self.prompted):
            kept.update({frame: _at(memory, self._spatial.device) for frame, memory in kept.items()})

    def touch(self, frame: int) -> bool:
        """Whether ``frame`` is remembered; if it was tracked, it counts as the newest from now on."""
        if frame in self._ring:
            self._ring[frame] = self._ring.pop(frame)
        return frame in self

    def _free_slot(self) -> int:
        return min(set(range(self._slots)) - set(self._ring.values()))

    def forget(self, frame: int | None = None) -> None:
        """Drop a prompted frame, or, without one, everything that was tracked."""
        if frame is None:
            self._ring.clear()
            self._held.clear()
        else:
            self.prompted.pop(frame, None)

    def wanted(self, frame: int, step: int) -> list[int]:
        """Frames behind ``frame`` that a pass in direction ``step`` (1 or -1) would look at, nearest first."""
        return [frame - step * back for back in range(1, self._config.pointers)]

    def reading(self, frame: int, step: int, known: Collection[int] | None = None) -> Reading:
        """The published choice: the frames just behind, nearest first, of all that it remembers or those ``known``."""
        pointers = latest(frame, step, self._config.pointers, self._ring if known is None else known)
        backs = [(other, abs(frame - other) - 1) for other in pointers]
        return Reading([(other, slot) for other, slot in backs if slot < self._config.memories - 1], pointers)

    def recall(self, frame: int, step: int, reading: Reading | None = None) -> Recall:
        """Gather what ``frame`` looks at in a pass of direction ``step`` (1 forward, -1 backward).

        All prompted frames are attended to, also those ahead; pointers only of those not ahead. ``reading`` says which
        tracked frames, by default the published choice.
        """
        reading = self.reading(frame, step) if reading is None else reading
        found = Recall([], [], [], [])
        for other, memory in self.prompted.items():
            if other == frame:
                continue
            found.spatial.append(memory.spatial)
            found.slots.append(self._config.memories - 1)
            distance = (frame - other) * step
            if distance >= 0:
                found.pointers.append(memory.pointer)
                found.distances.append(distance)
        for other, slot in reading.spatial:
            found.spatial.append(self[other].spatial)
            found.slots.append(slot)
        for other in reading.pointers:
            found.pointers.append(self[other].pointer)
            found.distances.append(abs(frame - other))
        return found


def _at(memory: FrameMemory, device: torch.device) -> FrameMemory:
    return memory._replace(spatial=memory.spatial.to(device))
