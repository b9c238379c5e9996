"""Bodies of answers."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from .faults import Kind


class Fault(BaseModel):
    """What is wrong, in one sentence."""

    kind: Kind
    message: str


class Error(BaseModel):
    """The answer to a request that was not carried out."""

    error: Fault


class Version(BaseModel):
    """Who answers."""

    name: str
    version: str
    protocol: int
    pid: int


class ModelState(BaseModel):
    """A network, and whether its weights are on this machine."""

    name: str
    present: bool


class JobCounts(BaseModel):
    """Jobs that wait and run."""

    queued: int
    running: int


class Status(BaseModel):
    """How the service is."""

    device: str
    models: list[ModelState]
    shots: int
    jobs: JobCounts
    uptime: float


class FolderList(BaseModel):
    """The opened folders."""

    folders: list[str]


class ShotObject(BaseModel):
    """An object of a shot."""

    name: str
    colour: str
    visible: bool
    locked: bool
    keyframes: list[int]
    locked_frames: list[int]


class ShotHeader(BaseModel):
    """A shot as its document tells."""

    id: str
    folder: str
    name: str
    footage: str
    width: int
    height: int
    first: int
    last: int
    start: int | None
    rate: str | None
    color_space: str | None
    range: Annotated[list[int], Field(min_length=2, max_length=2)]
    model: str | None
    image_size: int | None
    crop: Literal["auto", "none"]
    recipe: dict[str, Any]
    objects: list[ShotObject]
    can_undo: bool
    can_redo: bool
    revision: Annotated[str, Field(description="another one after every edit")]


class Shot(ShotHeader):
    """A shot as it is now."""

    tracked: Annotated[dict[str, int], Field(description="frames that are still to be tracked, by object")]
    trouble: Annotated[str | None, Field(description="why that is not known")]


class ShotList(BaseModel):
    """The shots that the service knows."""

    shots: list[ShotHeader]


class Preview(BaseModel):
    """What is seen of an object on a frame."""

    object: str
    frame: int
    present: bool
    score: float
    predicted_iou: float
    box: list[float] | None
    mask: Annotated[str, Field(description="8-bit gray PNG in base64")]


class Turned(BaseModel):
    """What was undone or redone, and the shot after it."""

    label: str | None
    shot: Shot


class Suspect(BaseModel):
    """A frame to look at."""

    object: str
    frame: int
    confidence: float
    reason: str


class Fix(BaseModel):
    """Where one more click is expected to help most."""

    object: str
    frame: int
    gain: float


class Review(BaseModel):
    """Frames to look at, worst first, and the objects of which nothing is tracked yet."""

    suspects: list[Suspect]
    fix: Fix | None
    untracked: list[str]


class Job(BaseModel):
    """A job, and how far it is."""

    id: str
    shot: str
    kind: Literal["track", "export", "composite"]
    state: Literal["queued", "running", "done", "failed", "cancelled"]
    stage: str
    done: int
    total: int
    priority: int
    created: float
    started: float | None
    ended: float | None
    error: str | None
    result: dict[str, Any] | None


class JobList(BaseModel):
    """Jobs, the oldest first."""

    jobs: list[Job]


class Ending(BaseModel):
    """The service ends."""

    ending: bool
