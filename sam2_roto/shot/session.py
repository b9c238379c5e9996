"""Session: an open shot with its network: prompts answered at once, and what an edit touched tracked again."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from compositing.closing import Closing
from sam2_roto.job import Progress, silent
from sam2_roto.model import SAM2
from sam2_roto.tracking.objects import ObjectFrame
from sam2_roto.tracking.sight import Sight

from . import edits
from .answering import Answerer
from .answers import keep_answer
from .cuts import detect
from .document import Answer, Corners, Document, Point, ShotObject, Stroke
from .footage import open_reference
from .network import Network
from .passes import Lacking, Passes
from .pictures import keep_mask
from .replies import Replies
from .results import Results
from .shot import Shot
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


class Shown(NamedTuple):
    """What a keyframe was, or would be, answered."""

    result: ObjectFrame
    """Its logits cover the whole plate."""
    painted: NDArray[np.float32] | None
    """The matte itself, float32 ``[H, W]``, where it was painted."""


class Session(Closing):
    """An open shot, its footage and its network.

    Prompts given here are answered at once, and answer and prompt are one edit. ``track`` then does what is still to
    be done; it may be stopped at any frame, also by a crash, and goes on there. Raises FootageError, ShotError,
    ModelError or CheckpointError where the shot's footage or network cannot be had.
    """

    def __init__(self, shot: Shot, *, device: str = "auto", model: SAM2 | None = None) -> None:
        self.shot = shot
        self.network = Network.of(shot.document)
        self.footage = open_reference(shot.document.footage, shot.folder)
        try:
            self.results = Results(shot.folder, shot.document, self.network)
        except BaseException:
            self.footage.close()
            raise
        self.replies = Replies(self.results, self._answering)
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
        self.results.update(self.shot.document)
        entry = next((entry for entry in self.shot.document.objects if entry.name == name), None)
        self.replies.warm(entry, frame)

    def preview(self, name: str, frame: int, points: Iterable[Point]) -> ObjectFrame:
        """What clicks would give, without saying them: for the pointer that hovers over the picture."""
        given = tuple(points)
        return self.ask(name, frame, lambda old: edits.add_points(old, name, frame, given)).result

    def ask(self, name: str, frame: int, change: edits.Change) -> Shown:
        """What a change of one keyframe would be answered, without saying it."""
        self.results.update(self.shot.document)
        entry = change(edits.with_object(self.shot.document, name)).object(name)
        reply = self.replies.reply(entry, frame, self.replies.seen(entry, frame))
        return Shown(reply.sight.on_plate(self.results.plate), reply.painted)

    def say(self, label: str, name: str, frame: int, change: edits.Change) -> ObjectFrame:
        """Make a change of one keyframe and its answer one edit; gives the mask as it is now."""
        self.results.update(self.shot.document)

        def answered(old: Document) -> Document:
            document = change(edits.with_object(old, name))
            entry = document.object(name)
            return edits.set_answers(document, {(entry.id, frame): self._answer(entry, frame)})

        document = self.shot.edit(label, answered)
        self.results.update(document)
        return self.results.answer(document.object(name).keyframes[frame]).on_plate(self.results.plate)

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
        edits.set_mask(edits.with_object(self.shot.document, name), name, frame, "")  # refuses before a file is written
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
        shown = None if frame in entry.keyframes else self.results.sight(name, frame)
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
        self._track(todo, report, lambda done, total: progress("track", done, total), cancelled)
        return report

    def close(self) -> None:
        """Let go of footage and masklets; the shot stays open."""
        try:
            self.footage.close()
        finally:
            self.results.close()

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
            if frame in frames:
                todo[stream] = range(frames.start, frame + stream.step, stream.step)
        self._track(todo, report, lambda done, total: progress("correct", done, total))

    def _answer(self, entry: ShotObject, frame: int) -> tuple[Answer, str | None]:
        """Ask the network what a keyframe says; gives the kept answer and the digest of what it corrects."""
        said = entry.keyframes[frame]
        seen = self.replies.seen(entry, frame)
        digest = said.seen or (keep_answer(self.shot.folder, seen) if seen is not None else None)
        sight, picture = self.replies.reply(entry, frame, seen)
        painted = (
            keep_mask(self.shot.folder, picture, self.results.plate) if picture is not None and said.strokes else None
        )
        return Answer(keep_answer(self.shot.folder, sight), self.network.key, painted), digest

    def _track(
        self,
        todo: Lacking,
        report: TrackReport,
        told: Callable[[int, int], None],
        cancelled: Callable[[], bool] = lambda: False,
    ) -> None:
        """Track the frames of streams, and count what was done."""
        if not todo:
            return  # the network need not be loaded
        total, done = sum(map(len, todo.values())), 0
        for _, streams in Passes(self.model, self.footage, self.results, self._origin).run(todo, cancelled):
            report.encoded += 1
            for stream in streams:
                name = self._name(stream)
                report.tracked[name] = report.tracked.get(name, 0) + 1
                done += 1
                told(done, total)

    def _origin(self, object_id: str, frame: int) -> Sight:
        entry = self.shot.document.find(object_id)
        assert entry is not None
        return self.replies.origin(entry, frame)

    def _answering(self) -> Answerer:
        if self._answerer is None:
            self._answerer = Answerer(self.model, self.footage)
        return self._answerer

    def _name(self, stream: Stream) -> str:
        entry = self.shot.document.find(stream.object_id)
        return entry.name if entry else stream.object_id
