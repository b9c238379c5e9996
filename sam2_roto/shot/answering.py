"""Answering prompts on one frame at once, from features and memories that are kept warm."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import partial
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sam2_roto.model import SAM2, ImageFeatures, Memory, Prediction
from sam2_roto.tracking.consensus import LOOKS, glimpses
from sam2_roto.tracking.heed import heeded
from sam2_roto.tracking.looks import Look, first_look
from sam2_roto.tracking.objects import ObjectFrame
from sam2_roto.tracking.prompts import FramePrompt, square_mask
from sam2_roto.tracking.sight import Sight
from sam2_roto.tracking.source import FrameSource, prepare
from sam2_roto.tracking.twins import twin
from sam2_roto.tracking.window import Window

WARM = 6
"""Frames, memories and conditioned features kept of each."""

_T = TypeVar("_T")

Beside = Mapping[int, tuple[str, Sight]]
"""The keyframes beside a frame: their answers, each with its digest."""


class Answerer:
    """Masks from prompts on single frames; a frame that was looked at before is answered at once.

    What a frame looks like, in whole or through a window, is encoded once. Corrections also look at the keyframes
    beside the frame, which are remembered; the features as conditioned by them are kept, so that a further click costs
    the mask decoder alone.
    """

    def __init__(self, model: SAM2, source: FrameSource) -> None:
        self._model, self._source = model, source
        self._device = model.no_obj_ptr.device
        self._plate = source.width, source.height
        self._whole = Window(0, 0, *self._plate)
        self._features: dict[Hashable, ImageFeatures] = {}
        self._glimpses: dict[Hashable, ImageFeatures] = {}
        self._memories: dict[Hashable, tuple[Tensor, Tensor]] = {}
        self._embeddings: dict[Hashable, Tensor] = {}
        self._siblings: dict[int, Answerer] = {model.config.image_size: self}

    def at(self, side: int) -> Answerer:
        """The one who shows the network pictures of ``side``."""
        if side not in self._siblings:
            self._siblings[side] = Answerer(twin(self._model, side), self._source)
        return self._siblings[side]

    @torch.inference_mode()
    def warm(self, frame: int, window: Window | None = None, beside: Beside | None = None) -> None:
        """Do beforehand what a click on ``frame`` will need."""
        self._embedding(frame, window or self._whole, beside or {})
        if window is None and self._model.config.looks_around:
            self._glance(frame, [self._whole])

    def first_look(self, frame: int, prompt: FramePrompt) -> Look:
        """Where to look for what a prompt marks, how finely, and what it may mean."""

        def ask(window: Window, said: FramePrompt, side: int) -> ObjectFrame:
            return self.at(side)._decode(frame, window, said, said.guess, {})

        def glance(windows: Sequence[Window]) -> ImageFeatures:
            return self._glance(frame, windows)

        return first_look(self._model, self._source, frame, prompt, ask, glance)

    def points(
        self, frame: int, prompt: FramePrompt, window: Window | None, seen: Sight | None, beside: Beside
    ) -> Sight:
        """Answer clicks and a box on ``frame``, all in pixels of the plate, through a window.

        ``seen`` is what the artist corrects. Logits are rounded to the half precision in which they are kept.
        """
        previous = prompt.guess
        if seen is not None:
            previous = seen.through(window, self._model.config.logit_size, self._plate).logits
        place = window or self._whole
        return Sight(self._decode(frame, place, place.prompt(prompt), previous, beside), window)

    @torch.inference_mode()
    def mask(self, frame: int, mask: NDArray[np.bool_], window: Window | None) -> Sight:
        """Take ``mask [H, W]``, at the plate's size, as the answer; what lies beside the window is left out."""
        place = window or self._whole
        square = square_mask(place.taken(mask), self._model.config.image_size).to(self._device)
        return Sight(_result(self._model.accept_mask(self._look(frame, place), square)), window)

    @torch.inference_mode()
    def _decode(
        self, frame: int, window: Window, prompt: FramePrompt, previous: Tensor | None, beside: Beside
    ) -> ObjectFrame:
        """Answer a prompt that is given in the window's pixels."""
        size = window.width, window.height
        coords, labels = (part.to(self._device) for part in prompt.tokens(*size, self._model.config.image_size))
        if previous is not None:
            previous = previous.to(self._device)[None, None]
        features, embedding = self._look(frame, window), self._embedding(frame, window, beside)
        decoded = self._model.answer(embedding, features, (coords, labels), previous, prompt.ambiguous)
        found = self._model.choose(decoded)
        if self._model.config.heeds_clicks:
            found = heeded(found, prompt, size, lambda: window.taken(self._source.view(frame)))
        return _result(found)

    def _look(self, frame: int, window: Window) -> ImageFeatures:
        def encode() -> ImageFeatures:
            view = window.taken(self._source.view(frame))
            return self._model.encode_image(prepare(view, self._model.config.image_size, self._device))

        return _kept(self._features, (frame, window), encode)

    def _glance(self, frame: int, windows: Sequence[Window]) -> ImageFeatures:
        """Small pictures of windows; those that the pointer passed before it clicked are still known."""
        new = [window for window in windows if (frame, window) not in self._glimpses]
        for window in windows:
            if window not in new:  # what is looked at now must not be the oldest while the new ones come
                self._glimpses[frame, window] = self._glimpses.pop((frame, window))
        found: dict[Window, ImageFeatures] = {}
        if new:
            seen = glimpses(self._model, self._source.view(frame), new)
            rows = zip(*(torch.split(part, 1) for part in seen), strict=True)
            found = {window: ImageFeatures(*row) for window, row in zip(new, rows, strict=True)}
        kept = [
            _kept(self._glimpses, (frame, window), partial(found.__getitem__, window), LOOKS * WARM)
            for window in windows
        ]
        return ImageFeatures(*(torch.cat(parts) for parts in zip(*kept, strict=True)))

    def _embedding(self, frame: int, window: Window, beside: Beside) -> Tensor:
        key = (frame, window, *((other, digest) for other, (digest, _) in beside.items()))
        return _kept(self._embeddings, key, lambda: self._condition(frame, window, beside))

    def _condition(self, frame: int, window: Window, beside: Beside) -> Tensor:
        memory = self._memory(frame, beside) if beside else None
        return self._model.condition(self._look(frame, window).top, memory)

    def _memory(self, frame: int, beside: Beside) -> Memory:
        """The keyframes as prompted frames of a forward pass: all are seen, pointers only of those that came before."""
        config = self._model.config
        found = {other: self._remember(other, *said) for other, said in beside.items()}
        behind = [other for other in found if other <= frame]
        pointers = [found[other][1] for other in behind]
        return Memory(
            spatial=torch.stack([spatial for spatial, _ in found.values()])[None],
            slots=torch.full((1, len(found)), config.memories - 1, device=self._device),
            pointers=(torch.stack(pointers) if pointers else self._model.no_obj_ptr[:0])[None],
            distances=torch.tensor([[float(frame - other) for other in behind]], device=self._device),
            span=min(len(self._source.frames), config.pointers) - 1,
        )

    def _remember(self, frame: int, digest: str, answer: Sight) -> tuple[Tensor, Tensor]:
        def encode() -> tuple[Tensor, Tensor]:
            result, window = answer
            logits = result.logits.to(self._device)[None, None]
            score = torch.tensor([result.score], device=self._device)
            features = self._look(frame, window or self._whole)
            spatial = self._model.encode_memory(features.top, logits, score, True)[0]
            return spatial, result.pointer.to(self._device)

        return _kept(self._memories, (frame, digest), encode)


def _kept(store: dict[Hashable, _T], key: Hashable, make: Callable[[], _T], most: int = WARM) -> _T:
    """The value at ``key``, made where it is not there; the ``most`` latest are kept."""
    value = store.pop(key) if key in store else make()
    store[key] = value
    while len(store) > most:
        del store[next(iter(store))]
    return value


def _result(prediction: Prediction) -> ObjectFrame:
    return ObjectFrame(
        logits=prediction.logits[0, 0].half().float().cpu(),
        score=float(prediction.score[0]),
        iou=float(prediction.iou[0]),
        pointer=prediction.pointer[0].float().cpu(),
        prompted=True,
    )
