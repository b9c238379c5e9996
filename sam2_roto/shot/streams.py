"""What has to be tracked: a stream from every keyframe outwards in both directions, as far as the next keyframe.

A stream depends on the keyframe that it starts from and on nothing else, and it is told by a key that names all that
decides it. So it never has to be called dirty: after an edit the shot needs other streams, or the same ones farther,
and what was tracked for those it still needs is found under their keys. An edit at frame f of one object changes the
two streams that start at f, and how far the streams of its neighbours go; all others stay as they are, and so do the
files of all other objects. Between two keyframes the streams that meet there are fused when they are read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256

from compositing.footage.frames import FrameRange

from .document import Document, Keyframe, ShotObject


@dataclass(frozen=True)
class Stream:
    """One keyframe of one object, followed in one direction."""

    object_id: str
    origin: int
    step: int
    """1 forward, -1 backward."""
    last: int
    """The farthest frame that the shot needs of it."""
    answer: str
    """Digest of the keyframe's answer."""
    drawn: bool = field(default=False, compare=False)
    """Whether that answer is a mask that a person drew."""

    @property
    def key(self) -> str:
        """Name of the stream's masklet; how far it goes is no part of it."""
        digest = sha256(self.answer.encode()).hexdigest()[:10]
        return f"{self.object_id}_{self.origin}{'f' if self.step > 0 else 'b'}_{digest}"

    @property
    def frames(self) -> range:
        """The frames to track, nearest the keyframe first."""
        return range(self.origin + self.step, self.last + self.step, self.step)


@dataclass(frozen=True)
class Place:
    """Where a frame of an object lies: the keyframes beside it in the same take, or on it."""

    before: int | None
    after: int | None

    @property
    def exact(self) -> bool:
        """The frame is a keyframe itself."""
        return self.before is not None and self.before == self.after

    def part(self, frame: int) -> float:
        """Where a frame lies between two keyframes, from 0 on the earlier to 1 on the later."""
        assert self.before is not None
        assert self.after is not None
        return (frame - self.before) / (self.after - self.before)


def settled(entry: ShotObject, network: str) -> dict[int, Keyframe]:
    """The keyframes that can be tracked from: answered by ``network``, or locked."""
    return {
        frame: said
        for frame, said in entry.keyframes.items()
        if said.answer is not None and (said.locked or said.answer.network == network)
    }


def pending(entry: ShotObject, network: str, frames: FrameRange) -> list[int]:
    """Keyframes within ``frames`` whose prompts the network still has to answer."""
    ready = settled(entry, network)
    return [frame for frame in entry.keyframes if frame in frames and frame not in ready]


def streams_of(document: Document, entry: ShotObject, network: str) -> list[Stream]:
    """All streams of an object that hold a frame at least, by keyframe."""
    keyframes = settled(entry, network)
    found: list[Stream] = []
    for take in document.takes:
        inside = [frame for frame in keyframes if frame in take]
        for place, frame in enumerate(inside):
            answer, drawn = keyframes[frame].answer, keyframes[frame].exact is not None
            assert answer is not None
            before = inside[place - 1] + 1 if place else take.first
            after = inside[place + 1] - 1 if place + 1 < len(inside) else take.last
            found.append(Stream(entry.id, frame, 1, after, answer.digest, drawn))
            found.append(Stream(entry.id, frame, -1, before, answer.digest, drawn))
    return [stream for stream in found if stream.frames]


def place_of(document: Document, keyframes: Mapping[int, Keyframe], frame: int) -> Place:
    """The settled keyframes beside ``frame`` in its take."""
    take = next((take for take in document.takes if frame in take), None)
    if take is None:
        return Place(None, None)
    inside = [other for other in keyframes if other in take]
    before = max((other for other in inside if other <= frame), default=None)
    after = min((other for other in inside if other >= frame), default=None)
    return Place(before, after)
