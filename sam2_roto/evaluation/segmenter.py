"""The tracker as what is evaluated."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch

from sam2_roto.evaluation.evaluate import Masks, Prompts
from sam2_roto.mattes.masks import object_masks
from sam2_roto.model import SAM2
from sam2_roto.tracking import FrameResult, FrameSource, Tracker
from sam2_roto.tracking.answers import answer_prompts
from sam2_roto.tracking.policy import PolicyFactory


class TrackerSegmenter:
    """A ``Segmenter``: one pass forward, each object from its first prompted frame on, frame by frame.

    Memory does not grow with the clip. Masks are the published model's own: logits upsampled bilinearly to the plate,
    then > 0; an object that the network does not see has none.

    Args:
        model: in evaluation mode, on its device.
        exclusive: whether a pixel belongs to one object at most, as in DAVIS, MOSE and YouTube-VOS; SA-V's objects may
            overlap.
        progress: told the frames done and in all, for each call anew; where clicks correct later frames, they are
            tracked twice.
        policy: makes each object's memory policy; None tracks as published.
    """

    def __init__(
        self,
        model: SAM2,
        *,
        exclusive: bool = True,
        progress: Callable[[int, int], None] = lambda _done, _total: None,
        policy: PolicyFactory | None = None,
    ) -> None:
        self._model, self._exclusive, self._progress, self._policy = model, exclusive, progress, policy

    def __call__(self, source: FrameSource, prompts: Prompts) -> Iterator[tuple[int, Masks]]:
        """Frame number and masks, from the first prompted frame to the clip's end."""
        tracker = Tracker(self._model, source, policy=self._policy)
        answer_prompts(tracker, prompts, self._progress)
        firsts = {name: min(said) for name, said in prompts.items()}
        start = min(firsts.values())
        total = sum(frame >= start for frame in source.frames)
        for done, result in enumerate(tracker.propagate(start, joins=firsts), start=1):
            self._progress(done, total)
            yield result.frame, self._masks(result, (source.height, source.width))

    def _masks(
        self, result: FrameResult, size: tuple[int, int]
    ) -> dict[str, np.ndarray[tuple[int, ...], np.dtype[np.bool_]]]:
        seen = {name: found.logits for name, found in result.objects.items() if found.present}
        if not seen:
            return {}
        masks = object_masks(torch.stack(list(seen.values())), size, exclusive=self._exclusive).cpu().numpy()
        return dict(zip(seen, masks, strict=True))
