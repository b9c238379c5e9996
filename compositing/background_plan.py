"""From a job to a graph: the footage is opened and checked, and the nodes are put together."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from pathlib import Path

from compositing.background import match_gains
from compositing.background_framing import centre, follow
from compositing.background_job import CompositeJob
from compositing.color import CAMERA, LINEAR, SRGB, is_monitor_space, resolve
from compositing.errors import FootageError, FrameRangeError, ImageError, MissingFrameError
from compositing.footage import Footage, numbering
from compositing.footage.frames import FrameRange, summarise
from compositing.footage.picture import read_parts
from compositing.graph import movies
from compositing.graph.evaluator import Evaluator
from compositing.graph.node import Keys, Node, Setting, read, source
from compositing.primaries import KNOWN

_SAMPLES = 5
"""Frames that a colour match looks at."""

_MATTES = re.compile(r"_matte\.%0?\d*d\.")
"""In the pattern of a sequence of mattes."""


@dataclass(frozen=True)
class Plan:
    """A graph whose picture is the result, the plate's frames to render, and what was decided on the user's behalf."""

    node: Node
    plate: Footage
    frames: tuple[int, ...]
    working: str
    shown: str
    notes: list[str] = field(default_factory=list)


def make_plan(job: CompositeJob, evaluator: Evaluator) -> Plan:
    """Open and check what the job names, and build its graph. Raises FootageError and others, naming the file."""
    job = replace(job, matte=_mattes_in(job.matte))
    plate_node = _read(job.plate, start=job.start, color_space=job.color_space, rate=job.rate)
    plate = evaluator.reader(plate_node).footage
    frames = _frames(plate, job.frames)
    matte = _matte(job, evaluator, plate, frames)
    working = resolve(job.working_space) if job.working_space else _linear_of(plate.color.space)
    shown = resolve(job.output_space) if job.output_space else _shown_as(plate.color.space, job.output)
    plan = Plan(plate_node, plate, frames, working, shown, list(plate.notes))
    linear = plate_node.then("colored").then("to_space", target=working)
    linear, matte = _framed(job, evaluator, plan, linear, matte)
    return Plan(_composite(job, evaluator, plan, linear, matte), plate, frames, working, shown, plan.notes)


def _composite(job: CompositeJob, evaluator: Evaluator, plan: Plan, plate: Node, matte: Node) -> Node:
    size = evaluator.display(plate, plan.frames[0])
    own: dict[str, Setting] = {"estimate": job.estimate, "choke": job.choke, "screen": job.screen}
    if job.background.kind == "transparent":
        return plate.then("cut_out", matte, **own)
    if job.background.kind == "plate":
        return plate
    background = _background(job, evaluator, plan, plate, matte)
    if job.match > 0:
        own["gains"] = _gains(job, evaluator, plan, (plate, matte, background))
    return plate.then(
        "replace_background",
        matte,
        background,
        **own,
        wrap=job.wrap,
        wrap_sigma=job.wrap_size or max(2.0, size.width / 120),
        shadow=job.shadow,
        shadow_softness=size.height / 45,
        shadow_offset=(0.0, size.height / 60),
    )


def _background(job: CompositeJob, evaluator: Evaluator, plan: Plan, plate: Node, matte: Node) -> Node:
    """The background at the plate's size, in linear light."""
    wanted = job.background
    if wanted.kind == "blur":
        return plate.then("blurred_background", matte, radius=wanted.radius, grow=max(3.0, plan.plate.height / 90))
    if wanted.kind == "color":
        monitor = plan.shown if is_monitor_space(plan.shown) else SRGB
        size = evaluator.display(plate, plan.frames[0])
        flat = source("constant", width=size.width, height=size.height, color=wanted.color, color_space=monitor)
        return flat.then("to_space", target=plan.working).then("fit", plate)
    assert wanted.path is not None
    picture = _timed(job, evaluator, plan, _background_read(job, evaluator, plan, wanted.path))
    linear = picture.then("colored").then("premultiply").then("to_space", target=plan.working)
    return linear.then("fit", plate, how=job.fit)


def _background_read(job: CompositeJob, evaluator: Evaluator, plan: Plan, path: Path) -> Node:
    """The background's own node. What is made for a monitor goes by the plate's curve, so that its codes stay."""
    node = _read(path, color_space=job.background_space)
    footage = evaluator.reader(node).footage
    own, plates = footage.color.space, plan.plate.color.space
    plan.notes.extend(f"{path.name}: {note}" for note in footage.notes)
    if job.background_space or own == plates or not (is_monitor_space(own) and is_monitor_space(plates)):
        return node
    plan.notes.append(
        f"{path.name} is {own} and the plate {plates}; both are made for a monitor, so both are taken by the plate's "
        "curve, which keeps their codes (name --background-space for another reading)."
    )
    return _read(path, color_space=plates)


def _timed(job: CompositeJob, evaluator: Evaluator, plan: Plan, node: Node) -> Node:
    """The background's frames under the plate's numbers. Raises FootageError where its rate or length do not fit."""
    reader = evaluator.reader(node)
    if reader.still:
        return node
    footage, first = reader.footage, plan.plate.first
    if job.timing == "still":
        return node.then("hold", frame=footage.first + job.offset)
    timed = node.then("shift", by=first - footage.first)
    rate, wanted = footage.rate, plan.plate.rate
    if rate is not None and wanted is not None and rate != wanted:
        if not job.retime:
            raise FootageError(
                f"{footage.path.name} runs at {float(rate):g} frames per second and the plate at {float(wanted):g}; "
                "give --retime to show the nearest frames, or convert it."
            )
        timed = timed.then("retime", speed=float(rate / wanted))
    if job.offset:
        timed = timed.then("shift", by=-job.offset)
    if job.timing in ("loop", "hold"):
        return timed.then("loop" if job.timing == "loop" else "clamp")
    there = evaluator.frames(timed)
    assert there is not None
    if not (there.first <= plan.frames[0] and plan.frames[-1] <= there.last):
        raise FrameRangeError(
            f"{footage.path.name} lasts for the plate's frames {there.first} to {there.last}, and {plan.frames[0]} "
            f"to {plan.frames[-1]} are wanted; give --background-time loop or hold, or a --range that it covers."
        )
    return timed


def _framed(job: CompositeJob, evaluator: Evaluator, plan: Plan, plate: Node, matte: Node) -> tuple[Node, Node]:
    """Plate and matte in a frame of another size, which follows the object where that is wanted."""
    if job.size is None:
        if job.follow:
            raise ImageError("A frame that follows the object needs a size; give --size, for example 1080x1920.")
        return plate, matte
    width, height = job.size
    display = evaluator.display(plate, plan.frames[0])
    pace = job.smooth * float(plan.plate.rate or 24)
    centres = {frame: centre(evaluator.image(matte, frame)) for frame in plan.frames} if job.follow else {0: None}
    box: Keys = follow(centres, display, width / height, pace)
    how: dict[str, Setting] = {"box": box, "width": width, "height": height}
    return plate.then("reframe", **how), matte.then("reframe", **how)


def _matte(job: CompositeJob, evaluator: Evaluator, plate: Footage, frames: tuple[int, ...]) -> Node:
    """The matte as one channel: of one object, or of several together."""
    _check_objects(job)
    first = _read(job.matte, layer=None if not job.objects else f"{job.objects[0]}.A", start=_movie_start(job))
    nodes = [first, *(_read(job.matte, layer=f"{name}.A", start=_movie_start(job)) for name in job.objects[1:])]
    footage = evaluator.reader(first).footage
    if (footage.width, footage.height) != (plate.width, plate.height):
        raise ImageError(
            f"The mattes {job.matte} are {footage.width}x{footage.height} and the plate {plate.path.name} is "
            f"{plate.width}x{plate.height}; render the mattes at the plate's size."
        )
    _check_cover(job, footage, plate, frames)
    planes = [node.then("choose", channels=(_channel(evaluator, node),)) for node in nodes]
    united = planes[0]
    for other in planes[1:]:
        united = united.then("max", other)
    if job.clip == (0.0, 1.0):
        return united
    return united.then("levels", low=job.clip[0], high=job.clip[1])


def _mattes_in(path: Path) -> Path:
    """Of a folder with several sequences, as 'sam2-roto rotoscope' leaves it, the one of mattes, if there is one."""
    found = numbering.sequences(path) if path.is_dir() else []
    named = [each for each in found if _MATTES.search(each.name)]
    return path / named[0].name if len(found) > 1 and len(named) == 1 else path


def _check_objects(job: CompositeJob) -> None:
    """Raises FootageError where the mattes hold several objects and none is named, or not the one that is."""
    path = job.matte
    if not (path.is_dir() or path.suffix.lower() in numbering.PICTURES):
        return
    files = numbering.find(path).files
    channels = [channel for part in read_parts(next(iter(files.values()))) for channel in part.channels]
    names = [channel.removesuffix(".A") for channel in channels if channel.endswith(".A")]
    unknown = [name for name in job.objects if name not in names]
    if unknown:
        raise FootageError(f"The mattes {path} hold no object {unknown[0]!r}; they hold {', '.join(names) or 'one'}.")
    if len(names) > 1 and not job.objects:
        raise FootageError(f"The mattes {path} hold {', '.join(names)}; choose with --object, once for each.")


def _check_cover(job: CompositeJob, matte: Footage, plate: Footage, frames: tuple[int, ...]) -> None:
    """Raises MissingFrameError where a frame of the plate has no matte."""
    if len(matte) == 1 and len(frames) == 1:
        return
    held = set(matte.frames)
    absent = [frame for frame in frames if frame not in held]
    if absent:
        hint = (
            f"give --start {matte.first}, which numbers the plate as the mattes are"
            if len(absent) == len(frames) == len(held)
            else "make the rest, or give a --range that has mattes"
        )
        raise MissingFrameError(
            f"The mattes {job.matte} are there for frames {summarise(matte.frames)}, and the plate {plate.path.name} "
            f"needs {summarise(absent)} too; {hint}."
        )


def _channel(evaluator: Evaluator, node: Node) -> str:
    """Which channel of a matte to take: alpha, the only one, or green of a grey picture in colour."""
    reader = evaluator.reader(node)
    channels = reader.read(reader.footage.first).channels
    for name in ("A", "Y", "G"):
        if name in channels:
            return name
    return channels[0]


def _gains(job: CompositeJob, evaluator: Evaluator, plan: Plan, scene: tuple[Node, Node, Node]) -> tuple[float, ...]:
    """One match for all frames, from a few that are spread over them."""
    count = min(_SAMPLES, len(plan.frames))
    chosen = [plan.frames[(2 * index + 1) * len(plan.frames) // (2 * count)] for index in range(count)]
    plate, matte, background = scene
    gains = match_gains(
        (
            (evaluator.image(plate, frame), evaluator.image(matte, frame), evaluator.image(background, frame))
            for frame in chosen
        ),
        job.match,
    )
    plan.notes.append(f"The object's light is multiplied by {', '.join(f'{gain:.3f}' for gain in gains)} (R, G, B).")
    return gains


def _frames(plate: Footage, wanted: FrameRange | None) -> tuple[int, ...]:
    """The frames to render, every one of which must be there."""
    frames = tuple(wanted or range(plate.first, plate.last + 1))
    plate.check(frames[0])
    plate.check(frames[-1])
    absent = [frame for frame in plate.missing if frame in set(frames)]
    if absent:
        raise MissingFrameError(
            f"{plate.path.name} has no frame {summarise(absent)} between {frames[0]} and {frames[-1]}; "
            "supply the files, or choose a --range without them."
        )
    return frames


def _read(path: Path, **settings: Setting) -> Node:
    return read(str(path), **{name: value for name, value in settings.items() if value is not None})


def _movie_start(job: CompositeJob) -> int | None:
    """A matte that is a movie is numbered as the plate; a sequence has its own numbers."""
    pictures = job.matte.is_dir() or job.matte.suffix.lower() in numbering.PICTURES
    return None if pictures else job.start


def _linear_of(space: str) -> str:
    """The plate's own space where it is linear, else linear Rec.709."""
    return space if space in KNOWN else LINEAR


def _shown_as(space: str, output: Path) -> str:
    """The encoding of what is written for a display: the plate's own where it has one."""
    movie = output.suffix.lower() in movies.ENDINGS
    fits = space in movies.SPACES if movie else is_monitor_space(space) and space != resolve("Raw")
    return space if fits else CAMERA if movie else SRGB
