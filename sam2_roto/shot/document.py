"""What a shot says: footage, range, objects with their keyframes, recipe and settings, as immutable plain data.

Nothing here needs torch or a file. An edit makes a new document; the old one stays as it was, which is what undo needs.
Pictures (painted masks, the network's answers) are named by the digest of their content and lie in files.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from compositing.footage.frames import FrameRange
from sam2_roto.errors import PromptError, ShotError
from sam2_roto.job import Crop

Point = tuple[float, float, bool]
"""x and y in pixels of the plate; true on the object, false beside it."""

Corners = tuple[float, float, float, float]
"""Left, top, right and bottom edge in pixels of the plate."""


@dataclass(frozen=True)
class Stroke:
    """A stroke of a round brush: it adds to the matte, or takes away where not ``positive``."""

    points: tuple[tuple[float, float], ...]
    """Centres of the brush in pixels of the plate."""
    radius: float
    positive: bool = True

    def __post_init__(self) -> None:
        if not self.points:
            raise PromptError("a stroke needs a point at least")
        if not self.radius > 0:
            raise PromptError(f"a brush of radius {self.radius:g} paints nothing; give a number of pixels above 0")


@dataclass(frozen=True)
class Answer:
    """What a keyframe's prompts were answered with; it counts from then on, whatever is tracked later."""

    digest: str
    """Of the file of logits, scores and pointer."""
    network: str
    """Key of the network and footage that answered."""
    painted: str | None = None
    """Digest of the mask at the plate's resolution, where strokes were painted."""


@dataclass(frozen=True)
class Keyframe:
    """What was said about an object on one frame."""

    points: tuple[Point, ...] = ()
    box: Corners | None = None
    mask: str | None = None
    """Digest of a painted mask."""
    strokes: tuple[Stroke, ...] = ()
    seen: str | None = None
    """Digest of the answer that the artist saw, and that the points and strokes correct."""
    answer: Answer | None = None
    """``None`` until the network was asked."""
    locked: bool = False
    """Accepted as it is: no edit may change it, and another model does not either."""

    @property
    def exact(self) -> str | None:
        """Digest of the mask at the plate's resolution that is the matte of this frame, where there is one."""
        return self.answer.painted if self.answer and self.answer.painted else self.mask

    @property
    def waits(self) -> bool:
        """True for clicks or strokes alone that no one has answered: they may correct what is tracked there."""
        bare = self.box is None and self.mask is None and self.seen is None
        return bare and self.answer is None and bool(self.points or self.strokes)


@dataclass(frozen=True)
class ShotObject:
    """One object of the shot; ``id`` stays when it is renamed, and tells it apart from others' objects."""

    id: str
    name: str
    colour: str
    """``#rrggbb``, for overlays and timelines."""
    visible: bool = True
    """Hidden objects are tracked, and left out of deliverables."""
    locked: bool = False
    """No edit may change it."""
    keyframes: Mapping[int, Keyframe] = field(default_factory=dict)
    """By frame, ascending."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "keyframes", dict(sorted(self.keyframes.items())))


@dataclass(frozen=True)
class FootageReference:
    """Where the plates are, and how to know them again."""

    path: str
    """Relative to the shot's folder where that is possible, with forward slashes."""
    name: str
    size: int
    """Bytes of all its files."""
    digest: str
    """Of samples of its content; see ``sam2_roto.shot.footage``."""
    width: int
    height: int
    first: int
    last: int
    start: int | None = None
    color_space: str | None = None
    rate: str | None = None

    @property
    def identity(self) -> tuple[object, ...]:
        """What decides the pictures that the network sees; where the files lie does not."""
        return (self.digest, self.size, self.width, self.height, self.first, self.last, self.color_space)


@dataclass(frozen=True)
class Cut:
    """Where one take ends and the next begins; nothing is tracked across it unless it is ``open``."""

    frame: int
    """First frame of the later take; in a dissolve, the first that shows more of it."""
    kind: str = "cut"
    """``cut`` or ``dissolve``."""
    open: bool = False
    """The artist says that tracking goes through."""


@dataclass(frozen=True)
class TrackingSettings:
    """How the shot is tracked; other settings, other masklets."""

    model: str | None = None
    """A model's name or a weights file; ``None``: the best that is on the machine."""
    image_size: int | None = None
    policy: str = "distractor"
    precision: str = "float32"
    crop: Crop = "auto"
    """Whether objects that are small on the plate are looked at and followed through windows of it."""


@dataclass(frozen=True)
class Document:
    """A whole shot at one moment."""

    footage: FootageReference
    frames: FrameRange | None = None
    """In and out, both included; ``None``: all of the footage."""
    objects: tuple[ShotObject, ...] = ()
    recipe: Mapping[str, Any] = field(default_factory=dict)
    """As ``MatteRecipe.to_json`` gives it."""
    settings: TrackingSettings = TrackingSettings()
    cuts: tuple[Cut, ...] | None = None
    """Ascending; ``None`` where no one has looked for them yet."""

    @property
    def range(self) -> FrameRange:
        """The frames of the shot."""
        return self.frames or FrameRange(self.footage.first, self.footage.last)

    @property
    def takes(self) -> list[FrameRange]:
        """The shot list: stretches of the shot's range between cuts that are not open."""
        first, last = self.range.first, self.range.last
        begins = [cut.frame for cut in self.cuts or () if not cut.open and first < cut.frame <= last]
        ends = [frame - 1 for frame in begins]
        return [FrameRange(*pair) for pair in zip([first, *begins], [*ends, last], strict=True)]

    def object(self, name: str) -> ShotObject:
        """The object of that name; ShotError where there is none."""
        for entry in self.objects:
            if entry.name == name:
                return entry
        known = ", ".join(entry.name for entry in self.objects) or "none yet"
        raise ShotError(f"the shot has no object '{name}'; its objects are: {known}")

    def find(self, identity: str) -> ShotObject | None:
        """The object of that id, if it is there."""
        return next((entry for entry in self.objects if entry.id == identity), None)

    def with_object(self, entry: ShotObject) -> Document:
        """This document with the object of the same id replaced, or ``entry`` added."""
        if self.find(entry.id) is None:
            return replace(self, objects=(*self.objects, entry))
        return replace(self, objects=tuple(entry if old.id == entry.id else old for old in self.objects))
