"""Evaluation: prompts from the truth, masks from a segmenter, scores by the DAVIS convention."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from sam2_roto.errors import DatasetError
from sam2_roto.evaluation.datasets import AnnotatedClip
from sam2_roto.evaluation.davis import Mask, Score, score
from sam2_roto.evaluation.prompts import PromptKind, corrective_click, first_prompt
from sam2_roto.evaluation.report import ObjectScore, Report
from sam2_roto.export.contact import spread
from sam2_roto.tracking import FramePrompt, FrameSource

Prompts = Mapping[str, Mapping[int, FramePrompt]]
"""Object name, then frame number, to what was said about the object there."""

Masks = Mapping[str, Mask]
"""Object name to bool mask ``[H, W]`` at the plate's size; objects left out are absent."""


class Segmenter(Protocol):
    """What is evaluated: it sees the clip and the prompts, and gives the masks of every frame from the first prompt on.

    It is called afresh for each interactive round, with all prompts so far.
    """

    def __call__(self, source: FrameSource, prompts: Prompts) -> Iterable[tuple[int, Masks]]:
        """Frame number and masks, each frame once, in any order."""


@dataclass
class ClipResult:
    """One round on one clip: scores of its objects, the prompts that were given, and masks kept for pictures."""

    clip: AnnotatedClip
    scores: list[ObjectScore]
    prompts: dict[str, dict[int, FramePrompt]]
    samples: dict[int, dict[str, Mask]] = field(default_factory=dict)


def evaluate(
    clips: Sequence[AnnotatedClip],
    segmenter: Segmenter,
    prompt: PromptKind = "mask",
    rounds: int = 0,
    *,
    skip_ends: bool = True,
    samples: int = 6,
    finished: Callable[[list[ClipResult]], None] | None = None,
) -> Report:
    """Evaluate a segmenter on clips.

    Args:
        clips: with their true masks.
        segmenter: what is evaluated.
        prompt: what it is given on the first frame of each object: ``mask``, ``click`` or ``box``.
        rounds: interactive rounds after that; each adds, per object, one corrective click on its worst frame.
        skip_ends: leave out the first and last annotated frame, as DAVIS does.
        samples: frames per clip whose masks are kept for pictures.
        finished: called with the rounds of each clip when it is done.

    Raises:
        DatasetError: a clip with too few annotated frames, or frames and masks that do not fit.
    """
    per_round: list[list[ObjectScore]] = [[] for _ in range(rounds + 1)]
    for clip in clips:
        results = list(evaluate_clip(clip, segmenter, prompt, rounds, skip_ends=skip_ends, samples=samples))
        for scores, result in zip(per_round, results, strict=True):
            scores += result.scores
        if finished is not None:
            finished(results)
    return Report(prompt, tuple(tuple(scores) for scores in per_round))


def evaluate_clip(
    clip: AnnotatedClip,
    segmenter: Segmenter,
    prompt: PromptKind = "mask",
    rounds: int = 0,
    *,
    skip_ends: bool = True,
    samples: int = 6,
) -> Iterator[ClipResult]:
    """The first round and the interactive ones, each as it is done; arguments as in :func:`evaluate`."""
    firsts = first_masks(clip)
    scored = scored_frames(clip, firsts, skip_ends)
    prompts = {name: {frame: first_prompt(mask, prompt)} for name, (frame, mask) in firsts.items()}
    kept = spread(sorted({frame for frames in scored.values() for frame in frames}), samples) if samples else []
    with clip.open() as source:
        for index in range(rounds + 1):
            tally = _Tally(clip, scored, kept)
            for frame, masks in segmenter(source, {name: dict(said) for name, said in prompts.items()}):
                tally.add(frame, masks, prompts)
            yield ClipResult(clip, tally.scores(), {name: dict(said) for name, said in prompts.items()}, tally.samples)
            if index < rounds:
                tally.correct(prompts)


def first_masks(clip: AnnotatedClip) -> dict[str, tuple[int, Mask]]:
    """Each object's first frame and its mask there. Raises DatasetError where the clip has no object at all."""
    firsts: dict[str, tuple[int, Mask]] = {}
    for frame in clip.masks.frames:
        for name, mask in clip.masks.read(frame).items():
            firsts.setdefault(name, (frame, mask))
        if len(firsts) == len(clip.masks.objects):
            break
    if not firsts:
        raise DatasetError(f"The masks of {clip.name} are all empty; give masks with an object in them.")
    return dict(sorted(firsts.items()))


def scored_frames(
    clip: AnnotatedClip, firsts: Mapping[str, tuple[int, Mask]], skip_ends: bool
) -> dict[str, tuple[int, ...]]:
    """The frames on which each object counts: after its first one and, by the DAVIS convention, before the clip's last.

    Raises DatasetError where nothing is left of any object.
    """
    frames = list(clip.masks.frames)
    last = frames[-1] if skip_ends else frames[-1] + 1
    scored = {
        name: tuple(frame for frame in frames if (first < frame if skip_ends else first <= frame) and frame < last)
        for name, (first, _) in firsts.items()
    }
    scored = {name: chosen for name, chosen in scored.items() if chosen}
    if not scored:
        raise DatasetError(
            f"{clip.name} has masks on {len(frames)} frames; three are needed, as both ends are left out."
        )
    return scored


class _Tally:
    """Scores of one round, and per object the frame on which it is worst."""

    def __init__(self, clip: AnnotatedClip, scored: Mapping[str, tuple[int, ...]], kept: Sequence[int]) -> None:
        self._clip, self._scored, self._kept = clip, scored, kept
        self._scores: dict[str, dict[int, Score]] = {name: {} for name in scored}
        self._worst: dict[str, tuple[float, int, FramePrompt]] = {}
        self.samples: dict[int, dict[str, Mask]] = {}

    def add(self, frame: int, masks: Masks, prompts: Prompts) -> None:
        """Score one frame."""
        names = [name for name, frames in self._scored.items() if frame in frames]
        if not names:
            return
        truth = self._clip.masks.read(frame)
        if frame in self._kept:
            self.samples[frame] = dict(masks)
        for name in names:
            self._score(name, frame, masks.get(name), truth.get(name), prompts[name])

    def _score(
        self, name: str, frame: int, found: Mask | None, true: Mask | None, said: Mapping[int, FramePrompt]
    ) -> None:
        if found is None and true is None:
            self._scores[name][frame] = Score(1.0, 1.0)
            return
        prediction = found if found is not None else np.zeros_like(true, np.bool_)
        truth = true if true is not None else np.zeros_like(prediction)
        self._check(frame, prediction, truth)
        result = self._scores[name][frame] = score(prediction, truth)
        masked = frame in said and said[frame].mask is not None
        if not masked and result.j < self._worst.get(name, (1.0,))[0]:
            click = corrective_click(prediction, truth)
            if click is not None:
                self._worst[name] = (result.j, frame, click)

    def _check(self, frame: int, prediction: Mask, truth: Mask) -> None:
        if prediction.shape != truth.shape:
            raise DatasetError(
                f"The mask of frame {frame} of {self._clip.name} is {truth.shape[1]}×{truth.shape[0]} and the picture "
                f"{prediction.shape[1]}×{prediction.shape[0]}; make them equal."
            )

    def correct(self, prompts: dict[str, dict[int, FramePrompt]]) -> None:
        """Add the corrective click of each object to its prompts."""
        for name, (_, frame, click) in self._worst.items():
            said = prompts[name]
            said[frame] = said[frame].plus(click) if frame in said else click

    def scores(self) -> list[ObjectScore]:
        """Per object, its scores by frame. Raises ValueError where the segmenter left frames out."""
        for name, frames in self._scored.items():
            missing = [frame for frame in frames if frame not in self._scores[name]]
            if missing:
                raise ValueError(f"the segmenter gave no masks for frame {missing[0]} of {self._clip.name}")
        return [
            ObjectScore(self._clip.name, name, {frame: self._scores[name][frame] for frame in frames})
            for name, frames in self._scored.items()
        ]
