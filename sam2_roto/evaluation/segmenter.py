"""The tracker as what is evaluated."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from sam2_roto.evaluation.evaluate import Masks, Prompts
from sam2_roto.mattes import MatteRecipe
from sam2_roto.mattes.alpha import Size
from sam2_roto.mattes.masks import object_masks
from sam2_roto.mattes.scene import Picture
from sam2_roto.mattes.stream import Shown, apply_along
from sam2_roto.model import SAM2
from sam2_roto.tracking import FrameResult, FrameSource, ObjectFrame, Tracker
from sam2_roto.tracking.abreast import Lane, abreast
from sam2_roto.tracking.answers import answer_prompts
from sam2_roto.tracking.crop_tracker import CropMemory, CropTracker
from sam2_roto.tracking.looks import first_look, plain_look
from sam2_roto.tracking.objects import RECENT
from sam2_roto.tracking.policy import PolicyFactory
from sam2_roto.tracking.twins import twin


class TrackerSegmenter:
    """A ``Segmenter``: one pass forward, each object from its first prompted frame on, frame by frame.

    Memory does not grow with the clip. With a recipe, masks are where its mattes are above one half: what an artist
    gets. Without one they are the published model's own: logits upsampled bilinearly to the plate, then > 0. An object
    that the network does not see has none.

    Args:
        model: in evaluation mode, on its device.
        exclusive: whether a pixel belongs to one object at most, as in DAVIS, MOSE and YouTube-VOS; SA-V's objects may
            overlap.
        progress: told the frames done and in all, for each call anew; where clicks correct later frames, they are
            tracked twice.
        policy: makes each object's memory policy; None tracks as published.
        recipe: of the mattes that are measured; None measures the network's masks.
        crop: whether objects are followed in windows of their own where they gain by it.
    """

    def __init__(
        self,
        model: SAM2,
        *,
        exclusive: bool = True,
        progress: Callable[[int, int], None] = lambda _done, _total: None,
        policy: PolicyFactory | None = None,
        recipe: MatteRecipe | None = None,
        crop: bool = False,
    ) -> None:
        self._model, self._exclusive, self._progress, self._policy = model, exclusive, progress, policy
        self._recipe, self._crop = recipe, crop

    def __call__(self, source: FrameSource, prompts: Prompts) -> Iterator[tuple[int, Masks]]:
        """Frame number and masks, from the first prompted frame to the clip's end."""
        lanes = self._lanes(source, prompts)
        firsts = {name: min(said) for name, said in prompts.items()}
        results = self._tracked(lanes, source, min(firsts.values()))
        if self._recipe is None:
            for result in results:
                yield result.frame, self._masks(result, (source.height, source.width))
        else:
            yield from self._mattes(self._recipe, results, source, min(firsts.values()))

    def _lanes(self, source: FrameSource, prompts: Prompts) -> list[Lane]:
        """The trackers with all prompts answered: one for each object in a window, one for those that have none."""
        lanes, whole = [], {}
        for name, said in prompts.items():
            frame, first = next(iter(said.items()))
            look = first_look(self._model, source, frame, first) if self._crop else plain_look(self._model, first)
            said = {**said, frame: look.prompt}
            if look.window is None:
                whole[name] = said
            else:
                memory = CropMemory(latest=RECENT)
                tracker = CropTracker(twin(self._model, look.side), source, name, memory, policy=self._policy)
                tracker.look(frame, look.window)
                lanes.append(self._lane(tracker, {name: said}))
        if whole:
            lanes.append(self._lane(Tracker(self._model, source, policy=self._policy), whole))
        return lanes

    def _lane(self, tracker: Tracker, prompts: Prompts) -> Lane:
        answer_prompts(tracker, prompts, self._progress)
        return Lane(tracker, {name: min(said) for name, said in prompts.items()})

    def _tracked(self, lanes: list[Lane], source: FrameSource, start: int) -> Iterator[FrameResult]:
        frames = [frame for frame in source.frames if frame >= start]
        with closing(abreast(lanes, frames, reverse=False)) as tracked:
            for done, (frame, passed) in enumerate(tracked, start=1):
                objects: dict[str, ObjectFrame] = {}
                for lane, result in passed:
                    objects |= lane.on_plate(result).objects
                self._progress(done, len(frames))
                yield FrameResult(frame, objects)

    def _masks(self, result: FrameResult, size: Size) -> dict[str, NDArray[np.bool_]]:
        seen = _seen(result)
        if not seen:
            return {}
        masks = object_masks(list(seen.values()), size, exclusive=self._exclusive).cpu().numpy()
        return dict(zip(seen, masks, strict=True))

    def _mattes(
        self, recipe: MatteRecipe, results: Iterator[FrameResult], source: FrameSource, start: int
    ) -> Iterator[tuple[int, Masks]]:
        views = source.views([frame for frame in source.frames if frame >= start])
        shown = (Shown(result.frame, _seen(result), Picture(next(views)[1])) for result in results)
        for moment, alphas in apply_along(recipe, shown, (source.height, source.width)):
            yield (
                moment.frame,
                _above_half({name: alpha.cpu().numpy() for name, alpha in alphas.items()}, self._exclusive),
            )


def _seen(result: FrameResult) -> dict[str, Tensor]:
    return {name: found.logits for name, found in result.objects.items() if found.present}


def _above_half(alphas: dict[str, NDArray[np.float32]], exclusive: bool) -> dict[str, NDArray[np.bool_]]:
    """Masks of mattes; where objects may not share a pixel, it goes to the one that covers it most."""
    masks = {name: alpha > 0.5 for name, alpha in alphas.items()}
    if exclusive and len(masks) > 1:
        winner = np.stack(list(alphas.values())).argmax(axis=0)
        masks = {name: mask & (winner == place) for place, (name, mask) in enumerate(masks.items())}
    return masks
