"""The report of an evaluation: J, F and J&F per clip and object, as a table and as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from sam2_roto.evaluation.davis import Score


@dataclass(frozen=True)
class ObjectScore:
    """Scores of one object of one clip, by frame number."""

    clip: str
    name: str
    frames: Mapping[int, Score]

    @property
    def mean(self) -> Score:
        """The means over its frames."""
        return mean_score(self.frames.values())

    @property
    def worst(self) -> int:
        """The frame of the lowest J."""
        return min(self.frames, key=lambda frame: self.frames[frame].j)

    def to_json(self) -> dict[str, Any]:
        """Means, and J and F by frame."""
        return {
            "clip": self.clip,
            "object": self.name,
            **_figures(self.mean),
            "frames": {str(frame): {"J": found.j, "F": found.f} for frame, found in self.frames.items()},
        }


@dataclass(frozen=True)
class Report:
    """An evaluation: the prompt that was given, then per round (the first, and each interactive one) every object."""

    prompt: str
    rounds: tuple[tuple[ObjectScore, ...], ...]

    def mean(self, round_index: int = -1) -> Score:
        """The mean over objects of the means over frames, by the DAVIS convention; of the last round unless named."""
        return mean_score(entry.mean for entry in self.rounds[round_index])

    def to_json(self) -> dict[str, Any]:
        """All figures as numbers, words, lists and dictionaries."""
        return {
            "prompt": self.prompt,
            **_figures(self.mean()),
            "rounds": [
                {**_figures(self.mean(index)), "objects": [entry.to_json() for entry in entries]}
                for index, entries in enumerate(self.rounds)
            ],
        }

    def table(self) -> str:
        """The last round as a table for people, and the means of the rounds before it."""
        rows = [
            (entry.clip, entry.name, str(len(entry.frames)), *_cells(entry.mean), str(entry.worst))
            for entry in self.rounds[-1]
        ]
        lines = _columns([("clip", "object", "frames", "J", "F", "J&F", "worst frame"), *rows])
        means = [f"mean over {len(self.rounds[-1])} object(s)  {_words(self.mean())}"]
        if len(self.rounds) > 1:
            means = [f"round {index}  {_words(self.mean(index))}" for index in range(len(self.rounds))] + means
        return "\n".join([f"prompt: {self.prompt}", *lines, *means])


def mean_score(scores: Iterable[Score]) -> Score:
    """The mean J and the mean F. Raises ValueError where there are no scores."""
    listed = list(scores)
    if not listed:
        raise ValueError("there are no scores to average")
    return Score(fmean(entry.j for entry in listed), fmean(entry.f for entry in listed))


def _figures(found: Score) -> dict[str, float]:
    return {"J": found.j, "F": found.f, "J&F": found.jf}


def _cells(found: Score) -> tuple[str, str, str]:
    return f"{found.j:.4f}", f"{found.f:.4f}", f"{found.jf:.4f}"


def _words(found: Score) -> str:
    return f"J {found.j:.4f}  F {found.f:.4f}  J&F {found.jf:.4f}"


def _columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows as lines: words to the left, figures to the right, a rule under the heading."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "  ".join(
            cell.ljust(width) if column < 2 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    return [lines[0], "-" * len(lines[0]), *lines[1:]]
