"""Session: an open shot with its network: prompts answered at once, and what an edit touched tracked again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from types import TracebackType
from typing import NamedTuple, Self

import numpy as np
import torch.nn.functional as F
from numpy.typing import NDArray

from sam2_roto.job import Progress
from sam2_roto.mattes.alpha import alpha_from_logits, mask_from_logits
from sam2_roto.model import SAM2
from sam2_roto.tracking import FramePrompt, Tracker
from sam2_roto.tracking.objects import ObjectFrame
from sam2_roto.tracking.policy import find_policy

from . import edits
from .answering import Answerer, Beside
from .answers import keep_answer, read_answer
from .cuts import detect
from .document import Answer, Corners, Document, Point, ShotObject, Stroke
from .footage import open_reference
from .network import Network
from .pictures import keep_mask, paint, read_mask
from .results import Results
from .shot import Change, Shot, with_object
from .streams import Stream, pending, settled


@dataclass
class TrackReport:
    """What a run of tracking did."""

    tracked: dict[str, int] = field(default_factory=dict)
    """Object → frames that the network tracked, both directions counted."""
    answered: dict[str, list[int]] = field(default_factory=dict)
    """Object → keyframes that were answered."""
    encoded: int = 0
    """Pictures that the passes went through; objects share them."""


def silent(stage: str, done: int, total: int) -> None:
    """Report to no one."""


class Shown(NamedTuple):
    """What a keyframe was, or would be, answered."""

    result: ObjectFrame
    painted: NDArray[np.float32] | None
    """The matte itself, float32 ``[H, W]``, where it was painted."""


class Session:
    """An open shot, its footage and its network.

    Prompts given here are answered at once, and answer and prompt are one edit. ``track`` then does what is still to
    be done; it may be stopped at any frame, also by a crash, and goes on there. Raises FootageError, ShotError,
    ModelError or CheckpointError where the shot's footage or network cannot be had.
    """

    def __init__(self, shot: Shot, *, device: str = "auto", model: SAM2 | None = None) -> None:
        self.shot = shot
        self.network = Network.of(shot.document)
        self.footage = open_reference(shot.document.footage, shot.folder)
        self.results = Results(shot.folder, shot.document, self.network)
        self._device, self._model = device, model
        self._answerer: Answerer | None = None

    @property
    def model(self) -> SAM2:
        """The network, loaded when it is first needed."""
        if self._model is None:
            self._model = self.network.load(self._device)
        return self._model

    def warm(self, name: str | None, frame: int) -> None:
        """Prepare for prompts on ``frame``, so that the first of them is answered as fast as the next."""
        entry = next((entry for entry in self.shot.document.objects if entry.name == name), None)
        self._answering().warm(frame, self._beside(entry, frame) if entry else {})

    def preview(self, name: str, frame: int, points: Iterable[Point]) -> ObjectFrame:
        """What clicks would give, without saying them: for the pointer that hovers over the picture."""
        given = tuple(points)
        return self.ask(name, frame, lambda old: edits.add_points(old, name, frame, given)).result

    def ask(self, name: str, frame: int, change: Change) -> Shown:
        """What a change of one keyframe would be answered, without saying it."""
        self.results.update(self.shot.document)
        entry = change(with_object(self.shot.document, name)).object(name)
        return self._reply(entry, frame, self._seen(entry, frame))

    def say(self, label: str, name: str, frame: int, change: Change) -> ObjectFrame:
        """Make a change of one keyframe and its answer one edit; gives the mask as it is now."""
        self.results.update(self.shot.document)

        def answered(old: Document) -> Document:
            document = change(with_object(old, name))
            entry = document.object(name)
            return edits.set_answers(document, {(entry.id, frame): self._answer(entry, frame)})

        document = self.shot.edit(label, answered)
        self.results.update(document)
        return self.results.answer(document.object(name).keyframes[frame])

    def click(self, name: str, frame: int, points: Iterable[Point]) -> ObjectFrame:
        """Clicks on ``frame``; gives the mask as it is now."""
        given = tuple(points)
        return self.say(f"click {name} {frame}", name, frame, lambda old: edits.add_points(old, name, frame, given))

    def box(self, name: str, frame: int, box: Corners) -> ObjectFrame:
        """A box on ``frame``; gives the mask as it is now."""
        return self.say(f"box {name} {frame}", name, frame, lambda old: edits.set_box(old, name, frame, box))

    def mask(self, name: str, frame: int, mask: NDArray[np.bool_] | NDArray[np.float32]) -> ObjectFrame:
        """A painted mask ``[H, W]``, bool or coverage 0..1, that is the matte of ``frame``; gives what it is as logits.

        Raises PromptError where it is not of the plate's size.
        """
        edits.set_mask(with_object(self.shot.document, name), name, frame, "")  # refuses before a file is written
        digest = keep_mask(self.shot.folder, mask, (self.footage.width, self.footage.height))
        return self.say(f"mask {name} {frame}", name, frame, lambda old: edits.set_mask(old, name, frame, digest))

    def paint(self, name: str, frame: int, strokes: Iterable[Stroke]) -> ObjectFrame:
        """Strokes over what is seen on ``frame``; gives the mask as it is now."""
        given = tuple(strokes)
        return self.say(f"paint {name} {frame}", name, frame, lambda old: edits.add_strokes(old, name, frame, given))

    def lock(self, name: str, frame: int) -> None:
        """Accept a frame as it is: from now on nothing changes it, and it is a keyframe for the frames around."""
        self.results.update(self.shot.document)
        entry = self.shot.object(name)
        shown = None if frame in entry.keyframes else self.results.read(name, frame)
        seen = Answer(keep_answer(self.shot.folder, shown), self.network.key) if shown else None
        self.shot.edit(f"lock {name} {frame}", lambda old: edits.lock_frame(old, name, frame, seen))

    def answer(self, progress: Progress = silent) -> TrackReport:
        """Answer all prompts that still await it, and track as far as corrections need."""
        report = TrackReport()
        for entry in self.shot.document.objects:
            for frame in self._order(entry):
                self._answer_one(entry.name, frame, report, progress)
                report.answered.setdefault(entry.name, []).append(frame)
        return report

    def track(self, progress: Progress = silent, cancelled: Callable[[], bool] = lambda: False) -> TrackReport:
        """Answer what awaits it, and track every frame that the shot lacks; what is there is not touched.

        Cuts are looked for first, where no one did that yet.
        """
        if self.shot.document.cuts is None:
            found = detect(self.footage, self.shot.document.range, progress)
            self.shot.edit("find cuts", lambda old: edits.set_cuts(old, found), joined=True)
        report = self.answer(progress)
        self.results.update(self.shot.document)
        todo: dict[Stream, range] = {}
        for entry in self.shot.document.objects:
            todo.update(self.results.todo(entry))
        total = sum(map(len, todo.values()))
        for done, _ in enumerate(self._run(todo, report, cancelled), start=1):
            progress("track", done, total)
        return report

    def close(self) -> None:
        """Let go of footage and masklets; the shot stays open."""
        self.footage.close()
        self.results.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _order(self, entry: ShotObject) -> list[int]:
        """Keyframes to answer: those that say it all first, then corrections, from the first to the last."""
        frames = pending(entry, self.network.key, self.shot.document.range)
        marks = [frame for frame in frames if not entry.keyframes[frame].waits]
        if not marks and not settled(entry, self.network.key):
            marks = frames[:1]
        return marks + [frame for frame in frames if frame not in marks]

    def _answer_one(self, name: str, frame: int, report: TrackReport, progress: Progress) -> None:
        self.results.update(self.shot.document)
        entry = self.shot.object(name)
        said = entry.keyframes[frame]
        if said.waits:
            self._track_up_to(entry, frame, report, progress)
        found = {(entry.id, frame): self._answer(entry, frame)}
        self.shot.edit(f"answer {name} {frame}", lambda old: edits.set_answers(old, found), joined=True)

    def _track_up_to(self, entry: ShotObject, frame: int, report: TrackReport, progress: Progress) -> None:
        """Track the passes that meet at ``frame`` as far as there, for someone to correct them."""
        todo = {}
        for stream, frames in self.results.todo(entry).items():
            short = Stream(stream.object_id, stream.origin, stream.step, frame, stream.answer).frames
            if frame in frames:
                todo[stream] = range(frames.start, short.stop, stream.step)
        total = sum(map(len, todo.values()))
        for done, _ in enumerate(self._run(todo, report, lambda: False), start=1):
            progress("correct", done, total)

    def _answer(self, entry: ShotObject, frame: int) -> tuple[Answer, str | None]:
        """Ask the network what a keyframe says; gives the kept answer and the digest of what it corrects."""
        said = entry.keyframes[frame]
        seen = self._seen(entry, frame)
        digest = said.seen or (keep_answer(self.shot.folder, seen) if seen is not None else None)
        result, picture = self._reply(entry, frame, seen)
        size = (self.footage.width, self.footage.height)
        painted = keep_mask(self.shot.folder, picture, size) if picture is not None and said.strokes else None
        return Answer(keep_answer(self.shot.folder, result), self.network.key, painted), digest

    def _reply(self, entry: ShotObject, frame: int, seen: ObjectFrame | None) -> Shown:
        """What the network says to a keyframe; nothing is kept."""
        said = entry.keyframes[frame]
        if not said.strokes and said.mask is None:
            return Shown(self._points(entry, frame, seen), None)
        picture = self._base(entry, frame, seen)
        if said.strokes:
            picture = paint(picture, said.strokes)
        return Shown(self._answering().mask(frame, picture > 0.5), picture)

    def _points(self, entry: ShotObject, frame: int, seen: ObjectFrame | None) -> ObjectFrame:
        said = entry.keyframes[frame]
        prompt = FramePrompt(points=said.points, box=said.box)
        beside = self._beside(entry, frame) if seen is not None else {}
        return self._answering().points(frame, prompt, seen, beside)

    def _base(self, entry: ShotObject, frame: int, seen: ObjectFrame | None) -> NDArray[np.float32]:
        """What strokes are painted on: the mask, the answer to clicks and box, or what was seen."""
        said = entry.keyframes[frame]
        size = (self.footage.height, self.footage.width)
        if said.mask is not None:
            return read_mask(self.shot.folder, said.mask)
        if said.points or said.box is not None:
            seen = self._points(entry, frame, seen)
        if seen is None or not seen.present:
            return np.zeros(size, np.float32)
        alpha: NDArray[np.float32] = alpha_from_logits(seen.logits, size).numpy()
        return alpha

    def _seen(self, entry: ShotObject, frame: int) -> ObjectFrame | None:
        """What clicks or strokes on a frame correct: the earlier answer, or what was tracked there."""
        said = entry.keyframes[frame]
        seen = None
        if said.seen is not None:
            seen = read_answer(self.shot.folder, said.seen)
        elif said.waits and self.results.document.find(entry.id):
            seen = self._tracked(entry, frame)
        return None if seen is None else self._resized(seen)

    def _resized(self, seen: ObjectFrame) -> ObjectFrame:
        """What was seen under a network of another size, on this one's grid; it is read as a mask alone."""
        size = self.network.config.logit_size
        if seen.logits.shape[-1] == size:
            return seen
        logits = F.interpolate(seen.logits[None, None], (size, size), mode="bilinear", align_corners=False)
        return seen._replace(logits=logits[0, 0])

    def _tracked(self, entry: ShotObject, frame: int) -> ObjectFrame | None:
        earlier = self.results.document.find(entry.id)
        if earlier is None or frame in settled(earlier, self.network.key):
            return None
        return self.results.read(earlier.name, frame)

    def _beside(self, entry: ShotObject, frame: int) -> Beside:
        """The settled keyframes beside a frame, which a correction looks at."""
        others = {other: said for other, said in entry.keyframes.items() if other != frame}
        place = self.results.place(ShotObject(entry.id, entry.name, entry.colour, keyframes=others), frame)
        beside = {}
        for other in {place.before, place.after} - {None}:
            assert other is not None
            answer = others[other].answer
            assert answer is not None
            beside[other] = (answer.digest, self._origin(entry, other))
        return beside

    def _origin(self, entry: ShotObject, frame: int) -> ObjectFrame:
        """A keyframe's answer for this network; one that was locked under another is taken as a mask."""
        said = entry.keyframes[frame]
        found = self.results.answer(said)
        if said.answer is not None and said.answer.network == self.network.key:
            return found
        mask = mask_from_logits(found.logits, (self.footage.height, self.footage.width))
        return self._answering().mask(frame, mask.numpy())

    def _run(
        self, todo: Mapping[Stream, range], report: TrackReport, cancelled: Callable[[], bool]
    ) -> Iterator[tuple[Stream, int]]:
        """Track the frames of streams, all that go the same way together; gives each as it is done.

        Rows are decoded one by one: the bits of one object then never depend on which others are tracked beside it.
        """
        for step in (1, -1):
            tracker = Tracker(
                self.model,
                self.footage,
                archive=self.results.store,
                max_rows=1,
                policy=find_policy(self.shot.document.settings.policy),
            )
            for first, last, active in spans({s: frames for s, frames in todo.items() if s.step == step}, step):
                for stream in active:
                    self._take_up(tracker, stream)
                joins = {stream.key: first for stream in active}
                for result in tracker.propagate(first, last, reverse=step < 0, joins=joins, cancelled=cancelled):
                    report.encoded += 1
                    for stream in active:
                        self.results.advance(stream, result.frame)
                        name = self._name(stream)
                        report.tracked[name] = report.tracked.get(name, 0) + 1
                        yield stream, result.frame
                for stream in active:
                    if last == todo[stream][-1]:
                        tracker.remove(stream.key)
                if cancelled():
                    return

    def _take_up(self, tracker: Tracker, stream: Stream) -> None:
        """Let the tracker remember the keyframe of a stream, if it does not yet."""
        if stream.key in tracker.objects:
            return
        entry = self.shot.document.find(stream.object_id)
        assert entry is not None
        answer = self._origin(entry, stream.origin)
        prompt = FramePrompt(points=((0.0, 0.0, True),))  # the answer stands for what was said
        tracker.restore(stream.key, stream.origin, prompt, answer)
        self.results.store.write(stream.key, stream.origin, answer)  # where a pass that is taken up finds it

    def _answering(self) -> Answerer:
        if self._answerer is None:
            self._answerer = Answerer(self.model, self.footage)
        return self._answerer

    def _name(self, stream: Stream) -> str:
        entry = self.shot.document.find(stream.object_id)
        return entry.name if entry else stream.object_id


def spans(todo: Mapping[Stream, range], step: int) -> list[tuple[int, int, list[Stream]]]:
    """First frame, last frame and streams of every stretch of a pass in which the same streams are tracked."""
    marks = sorted({mark for frames in todo.values() for mark in (frames.start * step, frames.stop * step)})
    found = []
    for begin, end in pairwise(marks):
        active = [s for s, frames in todo.items() if frames.start * step <= begin < frames.stop * step]
        if active:
            found.append((begin * step, (end - 1) * step, active))
    return found
