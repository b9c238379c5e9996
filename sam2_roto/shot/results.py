"""What is known of every object on every frame: keyframes as they were answered, passes fused between them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from sam2_roto.masklets import FORMAT, MaskletStore
from sam2_roto.tracking.fusion import UNKNOWN, Drift, Drifts, disagreement, forward_leads, fuse_frames, missed
from sam2_roto.tracking.objects import ObjectFrame
from sam2_roto.tracking.sight import Sight
from sam2_roto.tracking.window import Window

from .answers import read_answer
from .document import Document, Keyframe, ShotObject
from .network import Network
from .shot import Shot
from .streams import Mark, Place, Stream, place_of, settled, streams_of

MASKLETS = "masklets"
"""Folder of what was tracked, in a shot; one folder in it for each network."""

_DOUBT = 0.5  # part of what the predicted IoU of a click's answer lacks that is taken for its error


@contextmanager
def opened(shot: Shot) -> Iterator[Results]:
    """The results of an open shot as it is now, to be read. Raises ModelError or CheckpointError."""
    results = Results(shot.folder, shot.document, Network.of(shot.document))
    try:
        yield results
    finally:
        results.close()


class Results:
    """A shot's results under one network; the network itself is not needed to read them.

    Masklets are written by stream key and never change once they are whole, so that an object that was not touched
    keeps its bytes, and undo finds what was tracked before.
    """

    def __init__(self, folder: Path, document: Document, network: Network) -> None:
        self.folder, self.document, self.network = folder, document, network
        job = {"network": network.key, "model": network.name}
        frames = range(document.footage.first, document.footage.last + 1)
        (folder / MASKLETS).mkdir(exist_ok=True)
        place = folder / MASKLETS / f"{network.key}-{FORMAT}"  # of another layout, they are made anew beside the old
        self.plate = document.footage.width, document.footage.height
        self.store = MaskletStore(place, frames, network.config, job, size=self.plate)
        self._done: dict[str, int] = {}
        self._drifts: dict[tuple[str, str], Drift] = {}

    def update(self, document: Document) -> None:
        """Look at the shot as it is after an edit."""
        self.document = document

    def read(self, name: str, frame: int) -> ObjectFrame | None:
        """An object on a frame, as ``sight`` gives it, with logits over the whole plate."""
        found = self.sight(name, frame)
        return None if found is None else found.on_plate(self.plate)

    def sight(self, name: str, frame: int) -> Sight | None:
        """An object on a frame: the artist's answer on a keyframe, both passes fused between two of them.

        ``None`` where nothing is tracked yet. Where one of two passes is still missing, the other one stands for it.
        """
        entry = self.document.object(name)
        keyframes = settled(entry, self.network.key)
        place = place_of(self.document, keyframes, frame)
        if place.exact:
            return self.answer(keyframes[frame])
        ahead, behind = self.passes(entry, place, frame)
        if ahead is None or behind is None:
            return ahead or behind
        drifts = self.drifts(entry, place)
        first, second, window = self._aligned(ahead, behind, place.part(frame), drifts)
        fused = fuse_frames(first, second, place.part(frame), drifts)
        return Sight(fused._replace(logits=fused.logits.half().float()), window)  # as it is kept where it is locked

    def passes(self, entry: ShotObject, place: Place, frame: int) -> tuple[Sight | None, Sight | None]:
        """What the pass from the keyframe before says, and the one from the keyframe after; ``None`` for no pass."""
        ahead, behind = (
            None if stream is None else self.store.sight(stream.key, frame) for stream in self._streams(entry, place)
        )
        return ahead, behind

    def disagreement(self, name: str, frame: int) -> float | None:
        """1 less the IoU of the two passes over a frame; ``None`` where there was one pass alone, or none."""
        entry = self.document.object(name)
        place = self.place(entry, frame)
        ahead, behind = (None, None) if place.exact else self.passes(entry, place, frame)
        if ahead is None or behind is None:
            return None
        first, second, _ = self._aligned(ahead, behind, place.part(frame), self.drifts(entry, place))
        return disagreement(first.logits, second.logits)

    def drifts(self, entry: ShotObject, place: Place) -> Drifts:
        """What is known of the errors of the passes between two keyframes; nothing until both came to the other's."""
        ahead, behind = self._streams(entry, place)
        if ahead is None or behind is None:
            return UNKNOWN
        forward, backward = self._drift(ahead, behind.start), self._drift(behind, ahead.start)
        return UNKNOWN if forward is None or backward is None else (forward, backward)

    def place(self, entry: ShotObject, frame: int) -> Place:
        """The keyframes beside a frame."""
        return place_of(self.document, settled(entry, self.network.key), frame)

    def answer(self, said: Keyframe) -> Sight:
        """What a settled keyframe was answered."""
        assert said.answer is not None
        return read_answer(self.folder, said.answer.digest)

    def todo(self, entry: ShotObject) -> dict[Stream, range]:
        """The streams of an object that are not whole, with the frames that they lack."""
        lacking = {}
        for stream in streams_of(self.document, entry, self.network.key):
            missing = stream.frames[self._reached(stream) :]
            if missing:
                lacking[stream] = missing
        return lacking

    def missing(self) -> Mapping[str, int]:
        """Frames to be tracked, by the name of the object; objects that are whole are left out."""
        counts = {entry.name: sum(map(len, self.todo(entry).values())) for entry in self.document.objects}
        return {name: count for name, count in counts.items() if count}

    def advance(self, stream: Stream, frame: int) -> None:
        """Note that a stream was tracked as far as ``frame``."""
        self._done[stream.key] = abs(frame - stream.start.frame)

    def close(self) -> None:
        """Let go of the files."""
        self.store.close()

    def _streams(self, entry: ShotObject, place: Place) -> tuple[Stream | None, Stream | None]:
        """The stream from the keyframe before a place, and the one from the keyframe after."""
        found = {(s.start.frame, s.step): s for s in streams_of(self.document, entry, self.network.key)}
        ahead = None if place.before is None else found.get((place.before, 1))
        return ahead, None if place.after is None else found.get((place.after, -1))

    def _drift(self, stream: Stream, end: Mark) -> Drift | None:
        """The error of a stream by its start and by where it landed; ``None`` where it has not come so far."""
        known = self._drifts.get((stream.key, end.answer))
        if known is None:
            landed = self.store.sight(stream.key, end.frame)
            if landed is None:
                return None
            start, answer = (read_answer(self.folder, mark.answer) for mark in (stream.start, end))
            miss = missed(*(one.through(answer.window, answer.cells, self.plate) for one in (landed, answer)))
            known = Drift(0.0 if stream.start.drawn else _DOUBT * max(0.0, 1 - start.result.iou), miss)
            self._drifts[stream.key, end.answer] = known
        return known

    def _aligned(
        self, ahead: Sight, behind: Sight, position: float, drifts: Drifts
    ) -> tuple[ObjectFrame, ObjectFrame, Window | None]:
        """Two passes as they lie in the window of the one that leads."""
        lead = ahead if forward_leads(ahead.result, behind.result, position, drifts) else behind
        first, second = (one.through(lead.window, lead.cells, self.plate) for one in (ahead, behind))
        return first, second, lead.window

    def _reached(self, stream: Stream) -> int:
        """How many frames of a stream there are without a gap, from its keyframe on."""
        count = self._done.get(stream.key, 0)
        frames = stream.frames
        while count < len(frames) and self.store.has(stream.key, frames[count]):
            count += 1
        self._done[stream.key] = count
        return count
