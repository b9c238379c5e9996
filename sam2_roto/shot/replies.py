"""Replies: what the network says to a keyframe, from what was said there, seen there, and settled beside it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sam2_roto.mattes.alpha import alpha_from_logits, mask_from_logits
from sam2_roto.tracking import FramePrompt
from sam2_roto.tracking.looks import Look
from sam2_roto.tracking.sight import Sight
from sam2_roto.tracking.window import Window, reaching

from .answering import Answerer, Beside
from .answers import read_answer
from .document import Keyframe, ShotObject
from .pictures import paint, read_mask
from .results import Results
from .streams import settled


class Reply(NamedTuple):
    """What a keyframe was, or would be, answered."""

    sight: Sight
    painted: NDArray[np.float32] | None
    """The matte itself, float32 ``[H, W]``, where it was painted."""


class Replies:
    """Answers to keyframes; nothing is kept but what makes the next one faster.

    Where the shot's settings allow it, objects that are small on the plate are looked at through a window. What marks
    an object decides where that is; a correction looks where was looked when it was tracked.
    """

    def __init__(self, results: Results, answerer: Callable[[], Answerer]) -> None:
        self._results, self._answerer = results, answerer
        self._crop = results.network.settings.crop == "auto"

    def warm(self, entry: ShotObject | None, frame: int) -> None:
        """Prepare for clicks on ``frame`` of an object, or of one that is not there yet."""
        if entry is None:
            self._answerer().warm(frame)
            return
        seen = self._results.sight(entry.name, frame)
        window = seen.window if seen is not None and self._crop else None
        self._answerer().at(self._side(seen)).warm(frame, window, self._beside(entry, frame))

    def reply(self, entry: ShotObject, frame: int, seen: Sight | None) -> Reply:
        """What the network says to a keyframe, of what was ``seen`` there."""
        said = entry.keyframes[frame]
        if not said.strokes and said.mask is None:
            return Reply(self._points(entry, frame, seen), None)
        picture = self._base(entry, frame, seen)
        if said.strokes:
            picture = paint(picture, said.strokes)
        return Reply(self._mask(frame, picture > 0.5), picture)

    def seen(self, entry: ShotObject, frame: int) -> Sight | None:
        """What clicks or strokes on a frame correct: the earlier answer, or what was tracked there."""
        said = entry.keyframes[frame]
        if said.seen is not None:
            return read_answer(self._results.folder, said.seen)
        earlier = self._results.document.find(entry.id) if said.waits else None
        if earlier is None or frame in settled(earlier, self._results.network.key):
            return None
        return self._results.sight(earlier.name, frame)

    def origin(self, entry: ShotObject, frame: int) -> Sight:
        """A keyframe's answer for this network; one that was locked under another is taken as a mask."""
        said = entry.keyframes[frame]
        found = self._results.answer(said)
        if said.answer is not None and said.answer.network == self._results.network.key:
            return found
        mask = mask_from_logits(found.on_plate(self._results.plate).logits, self._size)
        return self._mask(frame, mask.numpy())

    @property
    def _size(self) -> tuple[int, int]:
        """Height and width of the plate."""
        return self._results.plate[1], self._results.plate[0]

    def _mask(self, frame: int, mask: NDArray[np.bool_]) -> Sight:
        look = self._look(frame, FramePrompt(mask=mask), None)
        return self._answerer().at(look.side).mask(frame, mask, look.window)

    def _points(self, entry: ShotObject, frame: int, seen: Sight | None) -> Sight:
        said = entry.keyframes[frame]
        prompt = FramePrompt(points=said.points, box=said.box)
        beside = self._beside(entry, frame) if seen is not None else {}
        look = self._look(frame, prompt, seen)
        return self._answerer().at(look.side).points(frame, look.prompt, look.window, seen, beside)

    def _look(self, frame: int, prompt: FramePrompt, seen: Sight | None) -> Look:
        """How a prompt is put to the network."""
        if self._crop and seen is None:
            return self._answerer().first_look(frame, prompt)
        window = self._window(prompt, seen) if self._crop and seen is not None else None
        return Look(window, prompt, self._side(seen))

    def _side(self, seen: Sight | None) -> int:
        """Of the picture in which what was seen was shown; the usual one where that was another network's."""
        config = self._results.network.config
        if seen is None or not self._crop or not config.image_size < seen.side <= config.finest_size:
            return config.image_size
        return seen.side

    def _window(self, prompt: FramePrompt, seen: Sight) -> Window | None:
        """Where to look for an answer to what corrects what was seen."""
        if seen.window is None:
            return None
        places = [(x, y) for x, y, positive in prompt.points if positive]
        if prompt.box is not None:
            places += [prompt.box[:2], prompt.box[2:]]
        return reaching(seen.window, places, self._results.plate, self._side(seen))

    def _base(self, entry: ShotObject, frame: int, seen: Sight | None) -> NDArray[np.float32]:
        """What strokes are painted on: the mask, the answer to clicks and box, or what was seen."""
        said = entry.keyframes[frame]
        if said.mask is not None:
            return read_mask(self._results.folder, said.mask)
        if said.points or said.box is not None:
            seen = self._points(entry, frame, seen)
        if seen is None or not seen.result.present:
            return np.zeros(self._size, np.float32)
        alpha: NDArray[np.float32] = alpha_from_logits(seen.on_plate(self._results.plate).logits, self._size).numpy()
        return alpha

    def _beside(self, entry: ShotObject, frame: int) -> Beside:
        """The settled keyframes beside a frame, which a correction looks at."""
        others: dict[int, Keyframe] = {other: said for other, said in entry.keyframes.items() if other != frame}
        place = self._results.place(ShotObject(entry.id, entry.name, entry.colour, keyframes=others), frame)
        beside = {}
        for other in {place.before, place.after} - {None}:
            assert other is not None
            answer = others[other].answer
            assert answer is not None
            beside[other] = (answer.digest, self.origin(entry, other))
        return beside
