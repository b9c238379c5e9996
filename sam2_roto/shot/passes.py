"""Passes: streams tracked frame by frame, on the whole plate side by side, in windows one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from itertools import pairwise

import numpy as np

from sam2_roto.model import SAM2
from sam2_roto.tracking import FramePrompt, FrameSource, Tracker
from sam2_roto.tracking.crop_tracker import CropTracker
from sam2_roto.tracking.policies import find_policy
from sam2_roto.tracking.sight import Sight
from sam2_roto.tracking.twins import twin

from .results import Results
from .streams import Stream

Tracked = tuple[int, list[Stream]]
"""A frame that was looked at, and the streams that got a result there."""

Lacking = Mapping[Stream, range]
"""Streams, each with frames to be tracked, in its direction and without a gap."""

# Which kind of thing was said; the answer stands for what it was.
_POINTED, _DRAWN = FramePrompt(points=((0.0, 0.0, True),)), FramePrompt(mask=np.ones((1, 1), bool))


class Passes:
    """Tracks what streams lack, into the store of the results.

    Args:
        answers: what an object's keyframe was answered, and through which window.
    """

    def __init__(
        self, model: SAM2, footage: FrameSource, results: Results, answers: Callable[[str, int], Sight]
    ) -> None:
        self._model, self._footage, self._results = model, footage, results
        self._answers = cache(answers)  # one that was locked under another network is encoded
        self._policy = find_policy(results.network.settings.policy)

    def run(self, todo: Lacking, cancelled: Callable[[], bool] = lambda: False) -> Iterator[Tracked]:
        """Track the frames of streams; gives each frame as it is done. It may be left at any of them."""
        origins = {stream: self._answers(stream.object_id, stream.start.frame) for stream in todo}
        for stream, origin in origins.items():
            self._results.store.keep(stream.key, stream.start.frame, origin)  # where a pass that is taken up finds it
        for step in (1, -1):
            shared = {s: frames for s, frames in todo.items() if s.step == step and origins[s].window is None}
            yield from self._together(shared, step, cancelled)
            for stream, frames in todo.items():
                if stream.step == step and stream not in shared:
                    yield from self._in_windows(stream, frames, cancelled)

    def _together(self, todo: Lacking, step: int, cancelled: Callable[[], bool]) -> Iterator[Tracked]:
        """Streams of one direction on the whole plate, which share its encoding.

        Rows are decoded one by one: the bits of one object then never depend on which others are tracked beside it.
        """
        tracker = Tracker(self._model, self._footage, archive=self._results.store, max_rows=1, policy=self._policy)
        for first, last, active in spans(todo, step):
            if cancelled():
                return
            for stream in active:
                if stream.key not in tracker.objects:
                    self._recall(stream, tracker)
            joins = {stream.key: first for stream in active}
            for result in tracker.propagate(first, last, reverse=step < 0, joins=joins, cancelled=cancelled):
                yield self._settled(result.frame, active)
            for stream in active:
                if last == todo[stream][-1]:
                    tracker.remove(stream.key)

    def _in_windows(self, stream: Stream, frames: range, cancelled: Callable[[], bool]) -> Iterator[Tracked]:
        """One stream in windows that follow its object.

        Where they lie is decided by what is stored of the stream alone, so that a pass that is taken up goes on as one
        that was never left.
        """
        if cancelled():
            return
        model = twin(self._model, self._answers(stream.object_id, stream.start.frame).side)
        tracker = CropTracker(model, self._footage, stream.key, self._results.store, policy=self._policy)
        self._recall(stream, tracker)
        for result in tracker.propagate(frames[0], frames[-1], reverse=stream.step < 0, cancelled=cancelled):
            yield self._settled(result.frame, [stream])

    def _recall(self, stream: Stream, tracker: Tracker) -> None:
        """Have a tracker remember the keyframes of a stream."""
        for mark in stream.marks:
            sight, window = self._answers(stream.object_id, mark.frame), None
            if isinstance(tracker, CropTracker):
                window = sight.window
                tracker.look(mark.frame, window)
            result = sight.through(window, tracker.model.config.logit_size, self._results.plate)
            tracker.restore(stream.key, mark.frame, _DRAWN if mark.drawn else _POINTED, result)

    def _settled(self, frame: int, streams: list[Stream]) -> Tracked:
        for stream in streams:
            self._results.advance(stream, frame)
        return frame, streams


def spans(todo: Lacking, step: int) -> list[tuple[int, int, list[Stream]]]:
    """First frame, last frame and streams of every stretch of a pass in which the same streams are tracked."""
    marks = sorted({mark for frames in todo.values() for mark in (frames.start * step, frames.stop * step)})
    found = []
    for begin, end in pairwise(marks):
        active = [s for s, frames in todo.items() if frames.start * step <= begin < frames.stop * step]
        if active:
            found.append((begin * step, (end - 1) * step, active))
    return found
