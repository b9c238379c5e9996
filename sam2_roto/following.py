"""From prompts to trackers that are ready for their passes: answers are made, kept in the store, and taken up again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

from sam2_roto.errors import StoreError
from sam2_roto.job import Progress
from sam2_roto.masklets import MaskletStore
from sam2_roto.model import SAM2
from sam2_roto.tracking import FramePrompt, FrameSource, ObjectFrame, Tracker
from sam2_roto.tracking.abreast import Lane
from sam2_roto.tracking.answers import answer_prompts
from sam2_roto.tracking.crop_tracker import CropMemory, CropTracker
from sam2_roto.tracking.looks import first_window
from sam2_roto.tracking.policy import PolicyFactory
from sam2_roto.tracking.window import Window

Prompts = dict[str, dict[int, FramePrompt]]


@dataclass(frozen=True)
class Following:
    """What the trackers of one job have in common.

    ``source`` gives another source of the clip's frames for each tracker.
    """

    model: SAM2
    clip: FrameSource
    store: MaskletStore
    source: Callable[[], FrameSource]
    progress: Progress
    policy: PolicyFactory | None = None

    def lanes(self, prompts: Prompts, crop: bool) -> list[Lane]:
        """The trackers of all objects: the small ones in windows of their own where ``crop`` allows it."""
        windows = {name: self._window(name, said) for name, said in prompts.items()} if crop else {}
        small = {name: window for name, window in windows.items() if window is not None}
        lanes = [self._crop_lane(name, prompts[name], window) for name, window in small.items()]
        shared = {name: said for name, said in prompts.items() if name not in small}
        return [*lanes, self._plate_lane(shared)] if shared else lanes

    def _window(self, name: str, said: Mapping[int, FramePrompt]) -> Window | None:
        """Where to look for an object that gains by a window; one of an earlier run is looked at as it was then."""
        frame, prompt = next(iter(said.items()))
        if self.store.has(name, frame):
            known = self.store.read_cropped(name, frame)
            return known[0] if known else None
        return first_window(self.model, self.clip, frame, prompt)

    def _plate_lane(self, prompts: Prompts) -> Lane:
        store = self.store
        answering = Tracker(self.model, self.clip, frames=store.frames, policy=self.policy)
        for name, frame, answer in self._answers(answering, prompts):
            store.write(name, frame, answer)
        tracker = Tracker(self.model, self.source(), frames=store.frames, archive=store, policy=self.policy)
        return self._restored(tracker, prompts, store.read)

    def _crop_lane(self, name: str, said: dict[int, FramePrompt], window: Window) -> Lane:
        store, memory, prompts = self.store, CropMemory(), {name: said}
        answering = CropTracker(self.model, self.clip, name, memory, frames=store.frames, policy=self.policy)
        answering.look(next(iter(said)), window)
        for _, frame, answer in self._answers(answering, prompts):
            store.write_cropped(name, frame, memory.kept[name, frame][0], answer)
        tracker = CropTracker(self.model, self.source(), name, store, frames=store.frames, policy=self.policy)
        return self._restored(tracker, prompts, self._as_seen)

    def _as_seen(self, name: str, frame: int) -> ObjectFrame | None:
        found = self.store.read_cropped(name, frame)
        return found[1] if found else None

    def _answers(self, tracker: Tracker, prompts: Prompts) -> Iterator[tuple[str, int, ObjectFrame]]:
        """Answer all prompts, unless the store has the answers of an earlier run.

        The pass takes them from the store in any case, so that it is the same whether it was interrupted or not.
        """
        kept = [self.store.read(name, frame) for name, said in prompts.items() for frame in said]
        if all(answer is not None and answer.prompted for answer in kept):
            return
        for name, answers in answer_prompts(tracker, prompts, partial(self.progress, "correct")).items():
            for frame, answer in answers.items():
                yield name, frame, answer

    def _restored(self, tracker: Tracker, prompts: Prompts, read: Callable[[str, int], ObjectFrame | None]) -> Lane:
        for name, said in prompts.items():
            for frame, prompt in said.items():
                answer = read(name, frame)
                if answer is None:
                    raise StoreError(f"{self.store.folder} did not keep what was written to it; check the disk")
                tracker.restore(name, frame, prompt, answer)
        return Lane(tracker, {name: min(said) for name, said in prompts.items()})
