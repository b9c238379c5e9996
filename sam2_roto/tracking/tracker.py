"""Tracker: prompts in, masklets out, one frame at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

import torch
from torch import Tensor

from sam2_roto.errors import ModelError, PromptError
from sam2_roto.model import SAM2, ImageFeatures, Memory, Prediction
from sam2_roto.model.mask_decoder import Decoded

from .archive import Archive
from .batches import Group, equal_shapes, stack
from .carrier import Carrier
from .guide import Guide, keep_detail
from .heed import heeded
from .leaving import Flight, Leaving, rows
from .memory import FrameMemory, ObjectMemory, Recall
from .objects import FrameResult, ObjectFrame, TrackedObject, check_prompted, named, pass_order
from .pieces import without_strangers
from .policy import PolicyFactory
from .prompts import FramePrompt, square_mask
from .recognition import marks_of, recognised
from .returning import find_again
from .source import ENCODED_AHEAD, LOOK_AHEAD, FrameSource, encoded, prepare
from .steady import Step, remember
from .steering import Belief, View, believe, note, read, take_up
from .window import Window

FEATURES_KEPT = 2
"""Encoded frames kept, so that click after click on one frame is answered at once."""


class Tracker:
    """Follows any number of objects through a clip, streaming.

    Frames are pulled one at a time; memory is bounded by the number of objects and prompts, not by the clip's length.
    Objects are independent of each other and share the picture's encoding; they are decoded in batches.

    With ``archive`` every result is written as it is made, and a pass that starts anywhere first recalls the frames
    before it from there. Logits are then rounded to half precision before they are remembered, so that what was
    recalled equals what was seen.

    ``keep_corrections``: a click on a frame that was already tracked makes it a prompted frame for good. The published
    predictor (``False``) treats it as an ordinary memory that the next pass overwrites.

    ``ahead``: a frame is handed to the device before the results of the one before are waited for, so that it never
    idles; what was said meanwhile has the frame done anew. For sources that do not look at results. ``replayed``: on
    CUDA, the steady state runs as a graph. Where the device's memory is short, fewer objects go side by side, then
    memories move to the host; ``notes`` tells of it.

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
        ahead: bool = False,
        replayed: bool = False,
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
        self._step = Step(model, archive is not None, replayed and self._device.type == "cuda")
        self._ahead = ahead and policy is None and not model.config.guided
        self._said = 0
        self.notes: list[str] = []
        self._carrier = self._make_carrier() if model.config.guided else None

    @torch.inference_mode()
    def prompt(self, name: str, frame: int, prompt: FramePrompt, *, clear: bool = False) -> ObjectFrame:
        """Say something about object ``name`` on ``frame``, before or after tracking; gives the mask at once.

        Clicks add to those already on the frame unless ``clear``. A new name adds an object. Raises PromptError where
        the frame is not in the clip or the prompt not on the plate.
        """
        self._said += 1
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
        self._said += 1
        index = self._position(frame)
        memory = self._relive(index, answer._replace(prompted=True))
        entry = self._entry(name)
        entry.memory.keep(index, memory)
        entry.prompts[index], entry.answers[index] = prompt, answer
        entry.noted = None
        self.objects[name] = entry

    def clear(self, name: str, frame: int) -> None:
        """Take back all prompts of object ``name`` on ``frame``; the next pass tracks through it."""
        self._said += 1
        entry, index = named(self.objects, name), self._position(frame)
        entry.prompts.pop(index, None)
        entry.answers.pop(index, None)
        entry.memory.forget(index)
        entry.noted = None

    def remove(self, name: str) -> None:
        """Forget an object; the others are not touched."""
        self._said += 1
        del self.objects[named(self.objects, name).name]

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
        entries = [named(self.objects, name) for name in (self.objects if joins is None else joins)]
        check_prompted(entries)
        ends = (None if frame is None else self._position(frame) for frame in (start, stop))
        order = pass_order(entries, self.frames, *ends, step=step)
        begins = {e.name: order[0] if joins is None else self._position(joins[e.name]) for e in entries}
        waiting: Flight | None = None
        views = self.source.views([self.frames[index] for index in order], LOOK_AHEAD)
        for frame, view, seen in encoded(self.model, views, ENCODED_AHEAD if self._ahead else 1):
            if cancelled():
                return
            index = self._index[frame]
            active = [entry for entry in entries if (index - begins[entry.name]) * step >= 0]
            self._recall_behind([e for e in active if index in (order[0], begins[e.name])], index, step)
            for entry in active:
                take_up(entry, index, step, partial(self._known, entry), self._relive, self._window)
            features = self._features.get(index) or seen or self._encode(index, view)
            launch = partial(self._launch, active, index, step, features, view)
            flight, said = launch(), self._said
            if waiting is not None:
                yield self._land(waiting)
                flight = flight if said == self._said else launch()
            if self._ahead:
                waiting = flight
            else:
                yield self._land(flight)
        if waiting is not None:
            yield self._land(waiting)

    def _launch(
        self, active: list[TrackedObject], index: int, step: int, features: ImageFeatures, view: View
    ) -> Flight:
        """Give one frame to the device for all objects; prompted frames keep the artist's answer."""
        entries = [entry for entry in active if index not in entry.answers]
        carried = self._carrier.carried(entries, index, step, view) if self._carrier else {}
        groups = list(equal_shapes([(entry, read(entry, index, step)) for entry in entries], carried, self._max_rows))
        parts: list[tuple[Group, Leaving | Prediction, Belief]] = []
        while groups:
            group = groups.pop(0)
            try:
                prediction, spatial, belief = self._see(group, index, step, features, view, carried)
            except torch.OutOfMemoryError:
                short = True
            else:
                short = False
            if short:  # outside the handler, which would keep alive what the failed attempt had made
                groups[:0] = self._relieve(group, index, step)
                continue
            for (entry, _), *memory in zip(group, spatial, prediction.pointer, strict=True):
                entry.memory.push(index, FrameMemory(*memory))
            parts.append((group, Leaving(prediction) if self._ahead else prediction, belief))
        for entry in active:
            entry.tracked[index] = step
        return Flight(index, active, step, parts)

    def _see(
        self, group: Group, index: int, step: int, features: ImageFeatures, view: View, carried: Mapping[str, Tensor]
    ) -> tuple[Prediction, Tensor, Belief]:
        """What is seen of a batch of objects, and what is remembered of them."""
        entries = [entry for entry, _ in group]
        memory = self._stacked([recall for _, recall in group])
        known = [carried[entry.name] for entry in entries if entry.name in carried]  # all or none: ``equal_shapes``
        priors = torch.stack(known).to(self._device) if known else None
        if priors is None and not self.model.config.recognition and all(entry.policy is None for entry in entries):
            return *self._step(features, memory), Belief(None, [None] * len(group))
        decoded = self.model.decode(self.model.condition(features.top, memory), features, mask=priors)
        belief = believe(entries, decoded, index, step, view, self._window(index))
        decoded = self._recognise(group, decoded, belief.best, features)
        if priors is None and self.model.config.recognition:
            decoded = self._find_again(entries, decoded, features, index, step)
        drawn = [entry.drawn(index, step) for entry in entries]
        prediction = self._round(keep_detail(self.model.choose(decoded, belief.best), priors, drawn))
        return prediction, self._remember(features, prediction, prompted=False), belief

    def _recognise(self, group: Group, decoded: Decoded, best: Tensor | None, features: ImageFeatures) -> Decoded:
        """The offer, without the objects, and the pieces of masks, that do not look like what was marked."""
        marked = [entry.memory.marked for entry, _ in group]
        decoded = recognised(self.model.config, decoded, best, features, marked)
        return without_strangers(self.model.config, decoded, best, features, marked)

    def _find_again(
        self, entries: list[TrackedObject], decoded: Decoded, features: ImageFeatures, index: int, step: int
    ) -> Decoded:
        """The offer, with objects that were not seen for long looked for once more."""

        def shown(entry: TrackedObject) -> Memory:
            return self._stacked([read(entry, index, step, lost=True)])

        return find_again(self.model, entries, decoded, features, shown)

    def _stacked(self, recalls: Sequence[Recall]) -> Memory:
        return stack(recalls, self.model.config, self._device, len(self.frames))

    def _land(self, flight: Flight) -> FrameResult:
        """Wait for a frame's results, and keep them."""
        index = flight.position
        results = {entry.name: entry.answers[index] for entry in flight.active if index in entry.answers}
        for group, seen, belief in flight.parts:
            found = rows(seen.land() if isinstance(seen, Leaving) else seen, prompted=False)
            for (entry, _), result, offer in zip(group, found, belief.seen, strict=True):
                result = note(entry, index, flight.step, result, self._window(index), offer)
                entry.note(index, result)
                if not result.present:
                    entry.memory.empty(index)
                results[entry.name] = result
                self._store(entry.name, index, result)
        names = [entry.name for entry in flight.active if entry.name in results]  # one may just have been cleared
        return FrameResult(self.frames[index], {name: results[name] for name in names})

    def _relieve(self, group: Group, index: int, step: int) -> list[Group]:
        """Ask less of the device, whose memory was too short for ``group``: the groups to try instead."""
        if self._device.type == "cuda":
            torch.cuda.empty_cache()
        if len(group) > 1:
            self._max_rows = half = len(group) // 2
            self.notes.append(f"the device's memory is short: {half} of {len(group)} objects go side by side")
            return [group[:half], group[half:]]
        if all(entry.memory.spilled for entry in self.objects.values()):
            raise ModelError("the device's memory is too short for one object; choose a smaller image size or model")
        for entry in self.objects.values():
            entry.memory.spill()
        self.notes.append("the device's memory is short: what is remembered is kept by the host, which is slower")
        return [[(entry, read(entry, index, step)) for entry, _ in group]]

    def _make_carrier(self) -> Carrier:
        guide = Guide(self.source, self.model.config.image_size, self.model.config.logit_size)
        return Carrier(guide, self.frames, self._known, self._from_here, self._look_back)

    def _window(self, index: int) -> Window:  # noqa: ARG002
        """The part of the plate that a position was, or is, seen in."""
        return Window(0, 0, self.source.width, self.source.height)

    def _look_back(self, there: int, here: int) -> View | None:  # noqa: ARG002
        """The picture of frame ``there`` as ``here`` is looked at; None where both are looked at alike."""
        return None

    def _from_here(self, logits: Tensor, there: int, here: int) -> Tensor:  # noqa: ARG002
        """Logits ``[S/4, S/4]`` of frame ``there`` on the cells of ``here``."""
        return logits

    def _answer(self, entry: TrackedObject, index: int, prompt: FramePrompt) -> tuple[ObjectFrame, FrameMemory]:
        features = self._features.get(index) or self._encode(index, self._view(index))
        if prompt.mask is not None:
            mask = square_mask(prompt.mask, self.model.config.image_size).to(self._device)
            prediction = self._round(self.model.accept_mask(features, mask))
        else:
            prediction = self._decode_points(entry, index, prompt, features)
        spatial, result = self._remember(features, prediction, prompted=True)[0], rows(prediction, prompted=True)[0]
        return result, FrameMemory(spatial, prediction.pointer[0], marks_of(self.model.config, features, result))

    def _decode_points(
        self, entry: TrackedObject, index: int, prompt: FramePrompt, features: ImageFeatures
    ) -> Prediction:
        coords, labels = prompt.tokens(self.source.width, self.source.height, self.model.config.image_size)
        memory = None
        if index in entry.tracked:
            recall = entry.memory.recall(index, entry.tracked[index])
            if recall.spatial:
                memory = self._stacked([recall])
        previous = self._previous(entry, index, prompt)
        points = (coords.to(self._device), labels.to(self._device))
        embedding = self.model.condition(features.top, memory)
        found = self.model.choose(self.model.answer(embedding, features, points, previous, prompt.ambiguous))
        if self.model.config.heeds_clicks:
            found = heeded(found, prompt, (self.source.width, self.source.height), partial(self._view, index))
        return self._round(found)

    def _previous(self, entry: TrackedObject, index: int, prompt: FramePrompt) -> Tensor | None:
        """The logits ``[1, 1, S/4, S/4]`` that a click on this frame refines, if it has any."""
        result = self._known(entry, index) if index in entry.answers or index in entry.tracked else None
        logits = prompt.guess if result is None else result.logits
        return None if logits is None else logits.to(self._device)[None, None]

    def _round(self, prediction: Prediction) -> Prediction:
        """Round logits to what the archive keeps, where there is one."""
        if self._archive is None:
            return prediction
        return prediction._replace(logits=prediction.logits.half().float())

    def _remember(self, features: ImageFeatures, prediction: Prediction, prompted: bool) -> Tensor:
        return remember(self.model, features, prediction, prompted, singly=self._archive is not None)

    def _view(self, index: int) -> View:
        return self.source.view(self.frames[index])

    def _encode(self, index: int, view: View) -> ImageFeatures:
        features = self.model.encode_image(prepare(view, self.model.config.image_size, self._device))
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
                    if not kept.present:
                        entry.memory.empty(behind)
                    entry.tracked.setdefault(behind, step)

    def _relive(self, index: int, result: ObjectFrame) -> FrameMemory:
        """What is remembered of a frame, from a kept result."""
        features = self._features.get(index) or self._encode(index, self._view(index))
        logits = result.logits.to(self._device)[None, None]
        score = torch.tensor([result.score], device=self._device)
        spatial = self.model.encode_memory(features.top, logits, score, result.prompted)[0]
        return FrameMemory(spatial, result.pointer.to(self._device), marks_of(self.model.config, features, result))

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
        if name in self.objects:
            return self.objects[name]
        memory = ObjectMemory(self.model.config, self._device, self.model.memory_dtype)
        if any(other.memory.spilled for other in self.objects.values()):
            memory.spill()
        return TrackedObject(name, memory, policy=self._policy(self.model.config) if self._policy else None)
