"""Timing stages that take turns, so that what else the machine does falls on all of them."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import median

import torch

from sam2_roto.job import Progress


@dataclass
class Stage:
    """A piece of work and the seconds that it was seen to take, ``units`` (frames, clicks) in each call."""

    name: str
    work: Callable[[], object]
    units: int = 1
    seconds: list[float] = field(default_factory=list)

    def to_json(self) -> dict[str, object]:
        """Median and spread, in milliseconds for a unit."""
        each = [1e3 * seconds / self.units for seconds in self.seconds]
        return {"stage": self.name, "ms": median(each), "least_ms": min(each), "most_ms": max(each)}


def take_turns(stages: Sequence[Stage], rounds: int, device: torch.device, progress: Progress) -> None:
    """Run all stages once to warm up, then ``rounds`` times one after the other, and note how long each takes."""
    for number in range(rounds + 1):
        for stage in stages:
            began = time.perf_counter()
            with torch.inference_mode():
                stage.work()
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            if number:
                stage.seconds.append(time.perf_counter() - began)
        progress("benchmark", number + 1, rounds + 1)


def peak_memory(device: torch.device) -> dict[str, float]:
    """Most memory that this process has used so far, in MB: of the host, and on the device where that is CUDA."""
    unit = 1 if sys.platform == "darwin" else 1024  # ru_maxrss is in bytes there, in kilobytes elsewhere
    peak = {"host_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6}
    if device.type == "cuda":
        peak["device_mb"] = torch.cuda.max_memory_allocated(device) / 1e6
    return peak
