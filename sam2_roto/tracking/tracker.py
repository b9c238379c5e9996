"""Tracker: prompts in, masklets out, one frame at a time."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from typing import Protocol

import torch
from torch import Tensor

from sam2_roto.errors import PromptError, RotoError
from sam2_roto.model import SAM2, ImageFeatures, Memory, Prediction

from .guide import Guide, carry
from .memory import FrameMemory, ObjectMemory, Recall
from .objects import FrameResult, ObjectFrame, TrackedObject
from .policy import PolicyFactory
from .prompts import FramePrompt, square_mask
from .source import LOOK_AHEAD, FrameSource, prepare
from .steering import View, believe, note, read, take_up

REFINE_CLAMP = 32.0
"""Previous logits are clamped to this before they are refined."""

FEATURES_KEPT = 2
"""Encoded frames kept, so that click after click on one frame is answered at once."""


class Archive(Protocol):
    """Results that outlive the tracker; ``sam2_roto.masklets.MaskletStore`` is one. Frames are the clip's own."""

    def write(self, name: str, frame: int, result: ObjectFrame) -> None:
        """Keep one object's result on one frame."""

    def read(self, name: str, frame: int) -> ObjectFrame | None:
        """The kept result, or ``None``."""


class Tracker:
    """Follows any number of objects through a clip, streaming.

    Frames are pulled one at a time; memory is bounded by the number of objects and prompts, not by the clip's length.
    Objects are independent of each other and share the picture's encoding; they are decoded in batches.

    With ``archive`` every result is written as it is made, and a pass that starts anywhere first recalls the frames
    before it from there. Logits are then rounded to half precision before they are remembered, so that what was
    recalled equals what was seen.

    ``keep_corrections``: a click on a frame that was already tracked makes it a prompted frame for good. The published
    predictor (``False``) treats it as an ordinary memory that the next pass overwrites.

    ``policy`` makes what decides over each object's memory (see ``policy.py``); None tracks as published.
    """

    def __init__(
        self,
        model: SAM2,
        source: FrameSource,
        *,
        frames: Sequence[int] | None = None,
        archive: Archive | None = None,
        keep_corrections: bool = True,
        max_rows: int = 16,
        policy: PolicyFactory | None = None,
    ) -> None:
        self.model = model.eval()
        self.source = source
        self.frames = list(source.frames if frames is None else frames)
        self.objects: dict[str, TrackedObject] = {}
        self._index = {frame: index for index, frame in enumerate(self.frames)}
        self._archive = archive
        self._keep_corrections = keep_corrections
        self._max_rows = max_rows
        self._policy = policy
        self._device = model.no_obj_ptr.device
        self._features: dict[int, ImageFeatures] = {}
        config = model.config
        self._guide = Guide(source, config.image_size, config.logit_size) if config.guided else None

    @torch.inference_mode()
    def prompt(self, name: str, frame: int, prompt: FramePrompt, *, clear: bool = False) -> ObjectFrame:
        """Say something about object ``name`` on ``frame``, before or after tracking; gives the mask at once.

        Clicks add to those already on the frame unless ``clear``. A new name adds an object. Raises PromptError where
        the frame is not in the clip or the prompt not on the plate.
        """
        index = self._position(frame)
        prompt.check(self.source.width, self.source.height, f"of '{name}' on frame {frame}")
        entry = self._entry(name)
        if index in entry.prompts and not clear:
            prompt = entry.prompts[index].plus(prompt)
        result, memory = self._answer(entry, index, prompt)
        entry.prompts[index] = prompt
        entry.noted = None
        if index not in entry.tracked or index in entry.memory.prompted or self._keep_corrections:
            entry.memory.keep(index, memory)
            entry.answers[index] = result
        else:
            entry.memory.push(index, memory)
            entry.note(index, result)
        self.objects[name] = entry
        self._store(name, index, result)
        return result

    @torch.inference_mode()
    def restore(self, name: str, frame: int, prompt: FramePrompt, answer: ObjectFrame) -> None:
        """Take up the ``answer`` that ``prompt`` was given earlier, as if it had been asked just now.

        Nothing is decoded and nothing archived. Raises PromptError where the frame is not in the clip.
        """
        index = self._position(frame)
        memory = self._relive(index, answer._replace(prompted=True))
        entry = self._entry(name)
        entry.memory.keep(index, memory)
        entry.prompts[index], entry.answers[index] = prompt, answer
        entry.noted = None
        self.objects[name] = entry

    def clear(self, name: str, frame: int) -> None:
        """Take back all prompts of object ``name`` on ``frame``; the next pass tracks through it."""
        entry, index = self._object(name), self._position(frame)
        entry.prompts.pop(index, None)
        entry.answers.pop(index, None)
        entry.memory.forget(index)
        entry.noted = None

    def remove(self, name: str) -> None:
        """Forget an object; the others are not touched."""
        self._object(name)
        del self.objects[name]

    @torch.inference_mode()
    def propagate(
        self,
        start: int | None = None,
        stop: int | None = None,
        *,
        reverse: bool = False,
        joins: Mapping[str, int] | None = None,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> Iterator[FrameResult]:
        """Track from ``start`` to ``stop`` (both included), yielding each frame as it is made.

        ``start`` defaults to the first prompted frame in the pass's direction, ``stop`` to the end of the clip. Stop
        early by leaving the loop or through ``cancelled``. ``joins`` names the objects that take part and the frame
        from which each does (in the pass's direction); by default all of them in the whole pass.
        """
        step = -1 if reverse else 1
        entries = [self._object(name) for name in (self.objects if joins is None else joins)]
        self._check_prompted(entries)
        order = self._order(entries, start, stop, step)
        begins = {e.name: order[0] if joins is None else self._position(joins[e.name]) for e in entries}
        for frame, view in self.source.views([self.frames[index] for index in order], LOOK_AHEAD):
            if cancelled():
                return
            index = self._index[frame]
            active = [entry for entry in entries if (index - begins[entry.name]) * step >= 0]
            self._recall_behind([e for e in active if index in (order[0], begins[e.name])], index, step)
            for entry in active:
                take_up(entry, index, step, partial(self._known, entry), self._relive)
            features = self._features.get(index) or self._encode(index, view)
            yield FrameResult(frame, self._track(active, index, step, features, view))

    def _track(
        self, entries: list[TrackedObject], index: int, step: int, features: ImageFeatures, view: View
    ) -> dict[str, ObjectFrame]:
        """Track one frame for all objects; prompted frames keep the artist's answer."""
        results = {entry.name: entry.answers[index] for entry in entries if index in entry.answers}
        rest = [(entry, read(entry, index, step)) for entry in entries if index not in entry.answers]
        carried = self._carry([entry for entry, _ in rest], index, step, view)
        for group in _equal_shapes(rest, carried, self._max_rows):
            embedding = self.model.condition(features.top, self._memory(group))
            priors = [carried[entry.name] for entry, _ in group if entry.name in carried]
            decoded = self.model.decode(embedding, features, mask=torch.stack(priors) if priors else None)
            belief = believe([entry for entry, _ in group], decoded, index, step, view)
            prediction = self._round(self.model.choose(decoded, belief.best))
            memories = self._remember(features, prediction, prompted=False)
            for row, (entry, _) in enumerate(group):
                result = _row(prediction, row, prompted=False)
                entry.memory.push(index, memories[row])
                result = note(entry, index, step, result, belief.seen[row])
                entry.note(index, result)
                results[entry.name] = result
                self._store(entry.name, index, result)
        if self._guide is not None:
            self._guide.see(self.frames[index], view)
        for entry in entries:
            entry.tracked[index] = step
        return {entry.name: results[entry.name] for entry in entries}

    def _carry(self, entries: list[TrackedObject], index: int, step: int, view: View) -> dict[str, Tensor]:
        """Where the masks of the frame behind are by now, ``[1, S/4, S/4]`` logits by name, for a guided network."""
        behind = index - step
        if self._guide is None or not 0 <= behind < len(self.frames):
            return {}
        known = {entry.name: self._known(entry, behind) for entry in entries}
        found = {name: result.logits.to(self._device) for name, result in known.items() if result is not None}
        if not found:
            return {}
        moved = self._guide.toward(self.frames[behind], self.frames[index], view).to(self._device)
        carried = carry(torch.stack(list(found.values()))[:, None], moved)
        return dict(zip(found, carried, strict=True))

    def _answer(self, entry: TrackedObject, index: int, prompt: FramePrompt) -> tuple[ObjectFrame, FrameMemory]:
        features = self._features.get(index) or self._encode(index, self.source.view(self.frames[index]))
        if prompt.mask is not None:
            mask = square_mask(prompt.mask, self.model.config.image_size).to(self._device)
            prediction = self._round(self.model.accept_mask(features, mask))
        else:
            prediction = self._decode_points(entry, index, prompt, features)
        memory = self._remember(features, prediction, prompted=True)[0]
        return _row(prediction, 0, prompted=True), memory

    def _decode_points(
        self, entry: TrackedObject, index: int, prompt: FramePrompt, features: ImageFeatures
    ) -> Prediction:
        coords, labels = prompt.tokens(self.source.width, self.source.height, self.model.config.image_size)
        memory = None
        if index in entry.tracked:
            recall = entry.memory.recall(index, entry.tracked[index])
            memory = self._memory([(entry, recall)]) if recall.spatial else None
        previous = self._previous(entry, index)
        points = (coords.to(self._device), labels.to(self._device))
        embedding = self.model.condition(features.top, memory)
        return self._choose(embedding, features, points, previous, prompt.ambiguous)

    def _previous(self, entry: TrackedObject, index: int) -> Tensor | None:
        """The logits ``[1, 1, S/4, S/4]`` that a click on this frame refines, if it has any."""
        result = entry.answers.get(index) or entry.recent.get(index)
        if result is None and index in entry.tracked and self._archive is not None:
            result = self._archive.read(entry.name, self.frames[index])
        if result is None:
            return None
        return result.logits.to(self._device).clamp(-REFINE_CLAMP, REFINE_CLAMP)[None, None]

    def _choose(
        self,
        embedding: Tensor,
        features: ImageFeatures,
        points: tuple[Tensor, Tensor] | None = None,
        previous: Tensor | None = None,
        multimask: bool = True,
    ) -> Prediction:
        decoded = self.model.decode(embedding, features, points, previous, multimask)
        return self._round(self.model.choose(decoded))

    def _round(self, prediction: Prediction) -> Prediction:
        """Round logits to what the archive keeps, where there is one."""
        if self._archive is None:
            return prediction
        return prediction._replace(logits=prediction.logits.half().float())

    def _remember(self, features: ImageFeatures, prediction: Prediction, prompted: bool) -> list[FrameMemory]:
        """Encode what is remembered of one frame, a memory for each row.

        Convolutions of another batch differ in the last bits. With an archive the rows go one by one, as they do when
        they are recalled, so that a run that was interrupted ends in the same bits as one that was not.
        """
        count = len(prediction.logits)
        rows = count if self._archive is None else 1
        parts = [slice(begin, begin + rows) for begin in range(0, count, rows)]
        spatial = [
            memory
            for part in parts
            for memory in self.model.encode_memory(
                features.top, prediction.logits[part], prediction.score[part], prompted
            )
        ]
        return [FrameMemory(*pair) for pair in zip(spatial, prediction.pointer, strict=True)]

    def _memory(self, group: Sequence[tuple[TrackedObject, Recall]]) -> Memory:
        """Stack what several objects recall into one batch."""
        recalls = [recall for _, recall in group]
        config = self.model.config
        width = self.model.no_obj_ptr.shape[-1]
        pointers = [torch.stack(r.pointers) if r.pointers else r.spatial[0].new_empty(0, width) for r in recalls]
        return Memory(
            spatial=torch.stack([torch.stack(r.spatial) for r in recalls]),
            slots=torch.tensor([r.slots for r in recalls], device=self._device),
            pointers=torch.stack(pointers),
            distances=torch.tensor([r.distances for r in recalls], device=self._device, dtype=torch.float32),
            span=min(len(self.frames), config.pointers) - 1,
        )

    def _encode(self, index: int, view: object) -> ImageFeatures:
        image = prepare(view, self.model.config.image_size, self._device)  # type: ignore[arg-type]
        features = self.model.encode_image(image)
        self._features[index] = features
        while len(self._features) > FEATURES_KEPT:
            del self._features[next(iter(self._features))]
        return features

    def _store(self, name: str, index: int, result: ObjectFrame) -> None:
        if self._archive is not None:
            self._archive.write(name, self.frames[index], result)

    def _recall_behind(self, entries: list[TrackedObject], index: int, step: int) -> None:
        """Fill the rings of objects that join a pass at ``index`` with what it looks back at, from the archive.

        The farthest comes first, also of what is there already, so that it is the first to be dropped.
        """
        if self._archive is None or not entries:
            return
        for behind in reversed(entries[0].memory.wanted(index, step)):
            if not 0 <= behind < len(self.frames):
                continue
            for entry in entries:
                kept = None if entry.memory.touch(behind) else self._archive.read(entry.name, self.frames[behind])
                if kept is not None:
                    entry.memory.push(behind, self._relive(behind, kept))
                    entry.tracked.setdefault(behind, step)

    def _relive(self, index: int, result: ObjectFrame) -> FrameMemory:
        """What is remembered of a frame, from a kept result."""
        features = self._features.get(index) or self._encode(index, self.source.view(self.frames[index]))
        logits = result.logits.to(self._device)[None, None]
        score = torch.tensor([result.score], device=self._device)
        spatial = self.model.encode_memory(features.top, logits, score, result.prompted)[0]
        return FrameMemory(spatial, result.pointer.to(self._device))

    def _known(self, entry: TrackedObject, index: int) -> ObjectFrame | None:
        """The result of a frame answered or tracked earlier, if it was kept."""
        result = entry.answers.get(index) or entry.recent.get(index)
        if result is not None or self._archive is None:
            return result
        return self._archive.read(entry.name, self.frames[index])

    def _position(self, frame: int) -> int:
        if frame not in self._index:
            raise PromptError(f"frame {frame} is not in the clip, which has {self.frames[0]}-{self.frames[-1]}")
        return self._index[frame]

    def _entry(self, name: str) -> TrackedObject:
        """The object of that name, or a new one that is not in the list yet."""
        config = self.model.config
        policy = self._policy(config) if self._policy else None
        memory = ObjectMemory(config, self._device, self.model.memory_dtype)
        return self.objects.get(name) or TrackedObject(name, memory, policy=policy)

    def _object(self, name: str) -> TrackedObject:
        if name not in self.objects:
            known = ", ".join(self.objects) or "none"
            raise PromptError(f"there is no object '{name}'; the objects are: {known}")
        return self.objects[name]

    def _check_prompted(self, entries: list[TrackedObject]) -> None:
        if not entries:
            raise PromptError("there is nothing to track; give a click, a box or a mask first")
        for entry in entries:
            if not entry.memory.prompted:
                raise PromptError(f"the object '{entry.name}' has no prompt; give it a click, a box or a mask")

    def _order(self, entries: list[TrackedObject], start: int | None, stop: int | None, step: int) -> range:
        firsts = [_first_prompt(entry, step) for entry in entries]
        begin = (min(firsts) if step > 0 else max(firsts)) if start is None else self._position(start)
        end = (len(self.frames) - 1 if step > 0 else 0) if stop is None else self._position(stop)
        if (end - begin) * step < 0:
            raise RotoError(f"frame {stop} lies behind the pass's first frame {self.frames[begin]}; swap them")
        return range(begin, end + step, step)


def _first_prompt(entry: TrackedObject, step: int) -> int:
    return min(entry.memory.prompted) if step > 0 else max(entry.memory.prompted)


def _equal_shapes(
    rest: list[tuple[TrackedObject, Recall]], guided: Collection[str], max_rows: int
) -> Iterator[list[tuple[TrackedObject, Recall]]]:
    """Batches of objects that recall equally many memories, and that are all among the ``guided`` ones or none."""
    groups: dict[tuple[tuple[int, int], bool], list[tuple[TrackedObject, Recall]]] = {}
    for entry, recall in rest:
        groups.setdefault((recall.shape, entry.name in guided), []).append((entry, recall))
    for group in groups.values():
        for begin in range(0, len(group), max_rows):
            yield group[begin : begin + max_rows]


def _row(prediction: Prediction, row: int, prompted: bool) -> ObjectFrame:
    return ObjectFrame(
        logits=prediction.logits[row, 0],
        score=float(prediction.score[row]),
        iou=float(prediction.iou[row]),
        pointer=prediction.pointer[row],
        prompted=prompted,
    )
