"""What a host must offer to be rotoscoped in, and one way in which a clip goes through it, from prompts to its place.

It is for hosts that say all prompts at once. A host in which the artist clicks, looks and undoes talks to the client
itself, as the extension for Blender does. Here an adapter is a ``HostAdapter`` that tells which clip the artist means
and puts what came into the host's own terms; everything between, from the prompts to the files, is the same for all.
The standard library alone, Python 3.9 and later, because it runs inside the host: copy this file beside the folder
``client``.

    rotoscoping = adapter.rotoscope(client, [{"object": "dog", "frame": 12, "points": [(410, 250, True)]}], "/out")
    while not rotoscoping.poll():  # from a timer, in a host with an interface; it never waits
        show(rotoscoping.job)
"""

from __future__ import annotations

import os
import re
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, NamedTuple

from .client import Client, Task
from .client.files import layer_of, stem_of
from .client.footage import same_footage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Json = dict[str, Any]
    Prompt = Mapping[str, Any]

KINDS = ("matte", "splines", "composite")
"""What can be placed in a host."""


class HostError(Exception):
    """The host is not in a state to do what was asked; one sentence for the artist."""


class Clip(NamedTuple):
    """The clip that the artist means, and the part of its plate that it shows.

    Attributes:
        name: of the clip in the host, from which files take theirs.
        plate: path of the footage, a movie or an image sequence (``name.%04d.exr``).
        first, last: frames that the clip shows, both inclusive, numbered as the plate is.
        rate: frames per second as a fraction, ``"24000/1001"``.
        color_space: of the plate where the host knows it; None leaves it to the file.
        start: the number of a movie's first frame where the host does not count from what the file says.
    """

    name: str
    plate: str
    first: int
    last: int
    rate: str
    color_space: str | None = None
    start: int | None = None


class Delivery(NamedTuple):
    """What came of a clip.

    Attributes:
        kind: one of KINDS.
        shot: what the service knows of it.
        objects: names of those that are not hidden, in their order.
        folder: where the files lie.
        files: their paths, sorted.
        kinds: the same by what they are: 'mattes', 'splines', …
    """

    kind: str
    shot: dict[str, Any]
    objects: list[str]
    folder: str
    files: list[str]
    kinds: dict[str, list[str]]

    def of(self, object_name: str, ending: str = ".exr") -> list[str]:
        """The files of one object, where each has files of its own: ``<stem>_matte_<object>.1001.exr``."""
        files = [path for path in self.files if path.endswith(ending)]
        if len(self.objects) == 1:
            return files
        return [path for path in files if self._owner(path) == object_name]

    def _owner(self, path: str) -> str | None:
        """The object in a file's name; of 'cat' and 'big_cat' the longer one."""
        stem = stem_of(path)
        found = [name for name in self.objects if stem.endswith(f"_{layer_of(name)}")]
        return max(found, key=len, default=None)


class HostAdapter(ABC):
    """One host. All methods are called in the thread of the host's interface.

    Attributes:
        name: of the host, for messages.
        spline_ending: the form in which ``place_splines`` wants its file: '.json', '.py', '.mlt' or '.svg'.
        composite_ending: what a composite is written as: '.mov', '.mp4', '.mkv', '.####.exr', '.####.png'.
        deliverables: more of what is exported with a matte, see docs/deliverables.md.
    """

    name = "this host"
    spline_ending = ".json"
    composite_ending = ".####.exr"
    deliverables: Mapping[str, Any] = {"preview": False}

    @abstractmethod
    def current_clip(self) -> Clip:
        """The clip that the artist has chosen. Raises HostError where there is none, or none with a file."""

    @abstractmethod
    def current_frame(self) -> int:
        """The frame under the playhead, numbered as the plate of the current clip is: that of prompts without one."""

    @abstractmethod
    def place_matte(self, clip: Clip, delivery: Delivery) -> None:
        """Give the clip the mattes as its alpha, in the host's own way, as one step of the host's undo."""

    def place_splines(self, clip: Clip, delivery: Delivery) -> None:
        """Give the clip roto splines that the artist can edit."""
        raise HostError(f"{self.name} takes no {delivery.kind} for {clip.name}; place a matte instead")

    def place_composite(self, clip: Clip, delivery: Delivery) -> None:
        """Put the finished composite beside the clip."""
        raise HostError(f"{self.name} takes no {delivery.kind} for {clip.name}; place a matte instead")

    def place(self, clip: Clip, delivery: Delivery) -> None:
        """Place what came, by its kind."""
        places = {"matte": self.place_matte, "splines": self.place_splines, "composite": self.place_composite}
        places[delivery.kind](clip, delivery)

    def rotoscope(
        self,
        client: Client,
        prompts: Sequence[Prompt],
        output: str,
        *,
        kind: str = "matte",
        background: str | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> Rotoscoping:
        """Start to rotoscope the current clip; what comes of it is placed by ``Rotoscoping.poll``.

        Args:
            prompts: what is said, as ``Client.prompt`` takes it, with ``object`` and ``frame``; without a frame it is
                said on the current one. None where the shot in ``output`` has been told enough already.
            output: folder of the shot and of the files, made where it is missing. The next run with the same folder
                goes on with the same shot, so a correction tracks only what it touches; a clip of the same name with
                another plate is refused.
            kind: one of KINDS.
            background: for a composite: an absolute path, a colour, ``blur:PX``, ``transparent``.
            settings: model, image_size and recipe of the shot.

        Raises HostError.
        """
        if kind not in KINDS:
            raise HostError(f"'{kind}' cannot be placed; choose one of {', '.join(KINDS)}")
        clip = self.current_clip()
        clip = clip._replace(plate=os.path.abspath(clip.plate))
        if clip.last < clip.first:
            raise HostError(f"the clip {clip.name} shows no frame of {clip.plate}; choose another")
        order = Order(clip, [self._framed(prompt) for prompt in prompts], os.path.abspath(output), kind, background)
        wish = _wish(self, order)
        return Rotoscoping(self, clip, Task(lambda task: deliver(client, order, wish, dict(settings or {}), task)))

    def _framed(self, prompt: Prompt) -> Json:
        """A prompt with its frame."""
        return dict(prompt) if "frame" in prompt else {**prompt, "frame": self.current_frame()}


class Order(NamedTuple):
    """What is to be made of a clip."""

    clip: Clip
    prompts: list[dict[str, Any]]
    output: str
    kind: str
    background: str | None = None

    @property
    def stem(self) -> str:
        """A name for files: the clip's, without what file systems do not take."""
        return re.sub(r"[^A-Za-z0-9-]", "_", self.clip.name) or "clip"


class Rotoscoping:
    """A clip on its way."""

    def __init__(self, adapter: HostAdapter, clip: Clip, task: Task) -> None:
        self.clip = clip
        self._adapter, self._task = adapter, task
        self._placed: Delivery | None = None

    @property
    def job(self) -> Json:
        """The latest state of the service's job; empty before it has begun."""
        return self._task.job

    @property
    def delivery(self) -> Delivery | None:
        """What was placed; None before."""
        return self._placed

    def cancel(self) -> None:
        """Ask the job to end; ``poll`` tells so by raising Cancelled."""
        self._task.cancel()

    def poll(self) -> bool:
        """Whether the clip is done and placed. Never waits for the service; call it in the host's own thread.

        Raises what went wrong: ServiceError and what is below it, HostError.
        """
        if self._placed is None and self._task.poll():
            delivery = self._task.result()
            self._adapter.place(self.clip, delivery)
            self._placed = delivery
        return self._placed is not None


def deliver(client: Client, order: Order, wish: Mapping[str, Any], settings: Mapping[str, Any], task: Task) -> Delivery:
    """Say the prompts, track and export, in the thread of ``task``, without touching the host."""
    os.makedirs(order.output, exist_ok=True)
    for path in (order.clip.plate, order.background, os.path.join(order.output, "*")):
        if path and os.path.isdir(os.path.dirname(path)):  # a background may be a colour
            client.open_folder(os.path.dirname(path))
    shot = _shot(client, order, settings)["id"]
    for prompt in order.prompts:
        said = dict(prompt)
        client.prompt(shot, said.pop("object"), said.pop("frame"), **said)
    names = [entry["name"] for entry in client.shot(shot).get("objects", []) if entry.get("visible", True)]
    if order.kind == "composite":
        started = client.composite(shot, objects=names, **wish)
    else:
        started = client.export(shot, **wish)
    result = client.wait(started, task.report, task.is_cancelled)["result"] or {}
    folder = result.get("folder") or order.output
    files = sorted(str(path) for path in result.get("files", []))
    return Delivery(order.kind, client.shot(shot), names, folder, files, result.get("kinds") or {})


def _shot(client: Client, order: Order, settings: Mapping[str, Any]) -> Json:
    """The shot of earlier runs in the output folder, or a new one; on the frames that the clip shows now.

    Raises HostError where that shot is of another plate.
    """
    clip, folder = order.clip, os.path.join(order.output, f"{order.stem}.roto")
    frames = [clip.first, clip.last]
    if not os.path.isdir(folder):
        known = {"start": clip.start, "color_space": clip.color_space, **settings}
        said = {name: value for name, value in known.items() if value is not None}
        return client.new_shot(clip.plate, folder=folder, range=frames, **said)
    shot = client.open_shot(folder)
    if not same_footage(shot["footage"], clip.plate):
        raise HostError(
            f"{folder} is of {shot['footage']}, not of {clip.plate}; choose another output folder, or where the plate"
            " was moved give 'sam2-roto shot relink' its new place"
        )
    changed = {**settings, **({} if list(shot.get("range") or []) == frames else {"range": frames})}
    return client.change_shot(shot["id"], **changed) if changed else shot


def _wish(adapter: HostAdapter, order: Order) -> dict[str, Any]:
    """The options of the job that makes what is to be placed."""
    if order.kind == "composite":
        if not order.background:
            raise HostError("a composite needs a background; name a file or a colour")
        name = f"{order.stem}_composite{adapter.composite_ending}"
        return {"output": os.path.join(order.output, name), "background": order.background}
    wanted = {"layout": "objects", **adapter.deliverables}
    if order.kind == "splines":
        wanted["splines"] = os.path.join(order.output, f"{order.stem}{adapter.spline_ending}")
    return {"output": order.output, "deliverables": wanted}
