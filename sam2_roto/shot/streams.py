"""What has to be tracked: a stream from every keyframe outwards in both directions, to the next keyframe.

On the next keyframe a stream shows how far it went astray; between the two it is fused with the stream from there, when
they are read. Beyond the outermost keyframes there is one stream alone. Where it starts from a correction it remembers
keyframes behind as well: a click that was answered with too much or too little does not decide alone what follows.

A stream is told by a key that names all that decides it: the answer it starts from, and those it remembers besides. So
it never has to be called dirty: after an edit the shot needs other streams, or the same ones farther, and what was
tracked for those it still needs is found under their keys. An edit at frame f of one object changes the two streams
that start at f, that of an outermost correction which remembers f, and how far the streams of its neighbours go; all
others stay as they are, and so do the files of all other objects.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from compositing.footage.frames import FrameRange

from .document import Document, Keyframe, ShotObject

BEHIND = 7
"""Keyframes that are remembered besides where a stream starts, at most: each costs a picture to be encoded."""


@dataclass(frozen=True)
class Mark:
    """A settled keyframe, as streams remember it."""

    frame: int
    answer: str
    """Digest of its answer."""
    drawn: bool = field(default=False, compare=False)
    """Whether that answer is a mask that a person drew."""
    corrects: bool = field(default=False, compare=False)
    """Whether what was tracked to there was corrected."""


@dataclass(frozen=True)
class Stream:
    """One keyframe of one object, followed in one direction."""

    object_id: str
    start: Mark
    step: int
    """1 forward, -1 backward."""
    last: int
    """The farthest frame that the shot needs of it; the next keyframe, where there is one."""
    behind: tuple[Mark, ...] = ()
    """The keyframes that are remembered besides, farthest first."""

    @property
    def key(self) -> str:
        """Name of the stream's masklet; how far it goes is no part of it."""
        told = "".join(f" {mark.frame} {mark.answer}" for mark in self.behind)
        digest = sha256((self.start.answer + told).encode()).hexdigest()[:10]
        return f"{self.object_id}_{self.start.frame}{'f' if self.step > 0 else 'b'}_{digest}"

    @property
    def frames(self) -> range:
        """The frames to track, nearest the keyframe first."""
        return range(self.start.frame + self.step, self.last + self.step, self.step)

    @property
    def marks(self) -> tuple[Mark, ...]:
        """The keyframes that it remembers."""
        return (*self.behind, self.start)


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
    """All streams of an object that are of use for a frame at least, by take."""
    marks = [_mark(frame, said) for frame, said in settled(entry, network).items()]
    found: list[Stream] = []
    for take in document.takes:
        inside = sorted((mark for mark in marks if mark.frame in take), key=lambda mark: mark.frame)
        found += _outwards(entry.id, inside, 1, take.last)
        found += _outwards(entry.id, inside[::-1], -1, take.first)
    return found


def _outwards(object_id: str, marks: Sequence[Mark], step: int, border: int) -> Iterator[Stream]:
    """Streams of one direction in a take, whose keyframes are given in that direction."""
    for place, start in enumerate(marks):
        ahead = marks[place + 1 : place + 2]
        last = ahead[0].frame if ahead else border
        behind = marks[max(0, place - BEHIND) : place] if start.corrects and not ahead else ()
        if abs(last - start.frame) > len(ahead):  # some frame lies between, or beyond
            yield Stream(object_id, start, step, last, tuple(behind))


def _mark(frame: int, said: Keyframe) -> Mark:
    assert said.answer is not None
    return Mark(frame, said.answer.digest, said.exact is not None, said.seen is not None)


def place_of(document: Document, keyframes: Mapping[int, Keyframe], frame: int) -> Place:
    """The settled keyframes beside ``frame`` in its take."""
    take = next((take for take in document.takes if frame in take), None)
    if take is None:
        return Place(None, None)
    inside = [other for other in keyframes if other in take]
    before = max((other for other in inside if other <= frame), default=None)
    after = min((other for other in inside if other >= frame), default=None)
    return Place(before, after)
