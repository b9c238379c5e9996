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
from sam2_roto.tracking.looks import Look, first_look, plain_look
from sam2_roto.tracking.objects import RECENT
from sam2_roto.tracking.policy import PolicyFactory
from sam2_roto.tracking.twins import twin

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
        lanes, shared = [], {}
        known = all(self._answered(name, said) for name, said in prompts.items())
        for name, said in prompts.items():
            frame, first = next(iter(said.items()))
            look = self._look(name, frame, first, known) if crop else plain_look(self.model, first)
            looked = {**said, frame: look.prompt}
            if look.window is None:
                shared[name] = looked
            else:
                lanes.append(self._crop_lane(name, looked, look))
        return [*lanes, self._plate_lane(shared)] if shared else lanes

    def _look(self, name: str, frame: int, prompt: FramePrompt, known: bool) -> Look:
        """How an object's first prompt is put; where an earlier run answered all, as it was then."""
        if known:
            kept = self.store.sight(name, frame)
            return Look(kept.window, prompt, kept.side) if kept else plain_look(self.model, prompt)
        return first_look(self.model, self.clip, frame, prompt)

    def _answered(self, name: str, said: Mapping[int, FramePrompt]) -> bool:
        """Whether the store has an earlier run's answers to all prompts of an object."""
        kept = [self.store.read(name, frame) for frame in said]
        return all(answer is not None and answer.prompted for answer in kept)

    def _plate_lane(self, prompts: Prompts) -> Lane:
        store = self.store
        answering = Tracker(self.model, self.clip, frames=store.frames, policy=self.policy)
        for name, frame, answer in self._answers(answering, prompts):
            store.write(name, frame, answer)
        tracker = Tracker(self.model, self.source(), frames=store.frames, archive=store, policy=self.policy)
        return self._restored(tracker, prompts, store.read)

    def _crop_lane(self, name: str, said: dict[int, FramePrompt], look: Look) -> Lane:
        store, memory, prompts = self.store, CropMemory(latest=RECENT), {name: said}
        model = twin(self.model, look.side)
        answering = CropTracker(model, self.clip, name, memory, frames=store.frames, policy=self.policy)
        answering.look(next(iter(said)), look.window)
        for _, frame, answer in self._answers(answering, prompts):
            store.write_cropped(name, frame, memory.kept[name, frame][0], answer)
        tracker = CropTracker(model, self.source(), name, store, frames=store.frames, policy=self.policy)
        return self._restored(tracker, prompts, self._as_seen)

    def _as_seen(self, name: str, frame: int) -> ObjectFrame | None:
        found = self.store.read_cropped(name, frame)
        return found[1] if found else None

    def _answers(self, tracker: Tracker, prompts: Prompts) -> Iterator[tuple[str, int, ObjectFrame]]:
        """Answer all prompts, unless the store has the answers of an earlier run.

        The pass takes them from the store in any case, so that it is the same whether it was interrupted or not.
        """
        if all(self._answered(name, said) for name, said in prompts.items()):
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
