"""Answering a list of prompts that was made beforehand, each in its turn."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from .objects import ObjectFrame
from .prompts import FramePrompt
from .tracker import Tracker

Prompts = Mapping[str, Mapping[int, FramePrompt]]
"""Object name, then frame, to what was said there; the first entry of an object is the one that marks it."""

Answers = dict[str, dict[int, ObjectFrame]]
"""Object name, then frame, to the answer."""


def answer_prompts(
    tracker: Tracker, prompts: Prompts, progress: Callable[[int, int], None] = lambda _done, _total: None
) -> Answers:
    """Give every prompt to a fresh tracker; when that is done, passes may begin.

    Boxes, masks and an object's first clicks mean the same whatever the network thinks. Clicks on other frames correct
    what a person saw there, so the object is tracked up to each of them first: forwards, or backwards where they lie
    before everything that marks the object. ``progress`` is told the frames of that, done and in all.

    Raises PromptError where a frame is not in the clip or a prompt not on the plate.
    """
    answers: Answers = {}
    for name, said in prompts.items():
        marks = sorted(set(said) - _corrections(said))
        answers[name] = {frame: tracker.prompt(name, frame, said[frame]) for frame in marks}
    starts = {name: min(found) for name, found in answers.items()}
    for reverse in (False, True):
        due = {
            name: {frame for frame in _corrections(said) if (frame < starts[name]) == reverse}
            for name, said in prompts.items()
        }
        if any(due.values()):
            _correct(tracker, prompts, answers, due, starts, reverse, progress)
    return answers


def _corrections(said: Mapping[int, FramePrompt]) -> set[int]:
    """Frames of an object on which there are clicks alone, less the one that marks it."""
    return {frame for frame, prompt in list(said.items())[1:] if prompt.box is None and prompt.mask is None}


def _correct(
    tracker: Tracker,
    prompts: Prompts,
    answers: Answers,
    due: Mapping[str, set[int]],
    starts: Mapping[str, int],
    reverse: bool,
    progress: Callable[[int, int], None],
) -> None:
    """Track to the last correction in one direction, and correct each object when its frame has come."""
    joins = {name: starts[name] for name, frames in due.items() if frames}
    aims = [frame for frames in due.values() for frame in frames]
    start, stop = (max(joins.values()), min(aims)) if reverse else (min(joins.values()), max(aims))
    total = sum(min(start, stop) <= frame <= max(start, stop) for frame in tracker.frames)
    track = tracker.propagate(start, stop, reverse=reverse, joins=joins)
    for done, (frame, _) in enumerate(track, start=1):
        for name in joins:
            if frame in due[name]:
                answers[name][frame] = tracker.prompt(name, frame, prompts[name][frame])
        progress(done, total)
