"""How long the stages of a job took, as plain data. Light to import."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class StageReport:
    """How long one stage worked: ``seconds`` of all of its ``workers`` together, for ``frames``."""

    name: str
    frames: int
    workers: int
    seconds: float

    @property
    def pace(self) -> float:
        """Seconds that the stage needs by itself, its workers sharing the work evenly."""
        return self.seconds / self.workers


@dataclass(frozen=True)
class PipelineReport:
    """What each stage took, and ``seconds`` of the clock for all of them side by side."""

    stages: tuple[StageReport, ...] = ()
    seconds: float = 0.0

    @property
    def slowest(self) -> StageReport | None:
        """The stage that set the pace."""
        return max(self.stages, key=lambda stage: stage.pace, default=None)

    def to_json(self) -> Mapping[str, object]:
        """The report as plain data."""
        slowest = self.slowest
        stages = {
            stage.name: {"frames": stage.frames, "workers": stage.workers, "seconds": round(stage.seconds, 4)}
            for stage in self.stages
        }
        return {"seconds": round(self.seconds, 4), "slowest": slowest.name if slowest else None, "stages": stages}

    def __str__(self) -> str:
        """One line: the time in all, the slowest stage, and what each takes for a frame."""
        slowest = self.slowest
        if slowest is None:
            return ""
        each = ", ".join(f"{stage.name} {1e3 * stage.pace / max(stage.frames, 1):.0f}" for stage in self.stages)
        return f"{self.seconds:.1f} s; '{slowest.name}' was the slowest stage (ms a frame: {each})"
