"""The whole job of replacing a background: plate, mattes and background in, pictures or a movie out."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

from compositing.apart import check_files, check_folder
from compositing.background_job import CompositeJob, CompositeResult
from compositing.background_plan import Plan, make_plan
from compositing.color import SRGB
from compositing.errors import OutputError
from compositing.footage import Footage, numbering
from compositing.footage.audio import Sound, has_sound, is_even, picture_times
from compositing.footage.sequence import SequenceFootage
from compositing.graph import movies, pictures
from compositing.graph.document import digest, save
from compositing.graph.evaluator import Evaluator
from compositing.graph.movies import USUAL_RATE, MovieOutput
from compositing.graph.output import Identity, Output
from compositing.graph.pictures import PictureOutput, has_place
from compositing.graph.rendering import render
from compositing.progress import Progress, silent

_WORK = "composite"


def composite(job: CompositeJob, progress: Progress = silent) -> CompositeResult:
    """Replace the background of the job's plate and write the result.

    A run of picture files that was stopped goes on at the first frame that is missing. ``progress`` is called as
    ``(stage, frames done, frames in all)``; raise from it to stop. Raises a CompositingError with one sentence where
    the job's words or files are wrong; nothing half-written is left.
    """
    with Evaluator(remember=False, device=job.device) as evaluator:
        plan = make_plan(job, evaluator)
        sources = evaluator.opened
        if job.graph is not None:
            check_files([job.graph], _read(job, sources), _WORK)
        output = open_output(job, plan, sources)
        if job.graph is not None:
            _save_graph(job.graph, plan, output)
        done = render(plan.node, output, plan.frames, progress=progress, evaluator=evaluator)
    return CompositeResult(done.files, done.rendered, done.found, tuple(dict.fromkeys(plan.notes)))


def open_output(job: CompositeJob, plan: Plan, sources: list[Footage]) -> Output:
    """Where the result goes, by the name of the job's output. Raises OutputError where that cannot be."""
    transparent = job.background.kind == "transparent"
    identity = Identity(plan.plate.rate, plan.plate.pixel_aspect, plan.plate.timecode)
    if job.output.suffix.lower() in movies.ENDINGS:
        return _movie(job, plan, identity, sources, transparent)
    if job.codec is not None:
        raise OutputError(f"A codec is for movies, and {job.output.name} is none; leave --codec out.")
    if job.sound is not None:
        raise OutputError(f"Sound goes into movies, and {job.output.name} is none; leave --sound out.")
    pattern = picture_pattern(job.output, plan)
    ending = pattern.suffix.lower()
    if ending not in pictures.ENDINGS:
        known = ", ".join((*pictures.ENDINGS, *movies.ENDINGS))
        raise OutputError(f"{job.output.name} is no picture file and no movie; give a name that ends in {known}.")
    if transparent and ending in (".jpg", ".jpeg"):
        raise OutputError(f"{job.output.name} cannot hold a transparent background; write {movies.WITH_ALPHA}.")
    linear = ending == ".exr"
    output = PictureOutput(
        pattern,
        plan.working if linear and job.output_space is None else plan.shown if not linear else job.output_space or SRGB,
        depth=job.depth,
        identity=identity,
        graph=digest(plan.node),
        newest=max(file.stat().st_mtime for file in _read(job, sources)),
    )
    check_files([output.path(frame) for frame in plan.frames], _read(job, sources), _WORK)
    for footage in sources:
        check_folder(pattern.parent, footage, _WORK)
    return output


def picture_pattern(output: Path, plan: Plan) -> Path:
    """The pattern of picture files: EXR in a folder, or the name that was given, with a number where it needs one."""
    if not output.suffix or output.is_dir():
        return output / f"{numbering.stem(plan.plate.path)}_comp.%04d.exr"
    if has_place(output.name) or (len(plan.frames) == 1 and len(plan.plate) == 1):
        return output
    return output.with_name(f"{output.stem}.%04d{output.suffix}")


def _movie(job: CompositeJob, plan: Plan, identity: Identity, sources: list[Footage], transparent: bool) -> MovieOutput:
    if identity.rate is None:
        plan.notes.append(f"{plan.plate.path.name} has no frame rate; {USUAL_RATE} was taken (give --rate).")
        identity = Identity(USUAL_RATE, identity.pixel_aspect, identity.timecode)
    if job.depth is not None:
        raise OutputError(f"The depth of {job.output.name} is its codec's; leave --depth out, or choose a --codec.")
    check_files([job.output], _read(job, sources), _WORK)
    times = _times(plan, identity.rate or USUAL_RATE)
    sound = None if job.silent else _sound(job, plan, identity.rate or USUAL_RATE)
    try:
        return MovieOutput(
            job.output, plan.shown, codec=job.codec, alpha=transparent, identity=identity, times=times, sound=sound
        )
    except BaseException:
        if sound is not None:
            sound.close()
        raise


def _times(plan: Plan, rate: Fraction) -> dict[int, Fraction] | None:
    """When the frames are shown, where the plate's rate varies; None where it is even, or not known."""
    known = picture_times(plan.plate)
    if known is None or is_even(known, rate):
        return None
    start = known[plan.frames[0] - plan.plate.first]
    plan.notes.append("The plate's frame rate varies; the pictures keep its times.")
    return {frame: known[frame - plan.plate.first] - start for frame in plan.frames}


def _sound(job: CompositeJob, plan: Plan, rate: Fraction) -> Sound | None:
    """The plate's own sound or that of the file named, from the first frame on to the end of the last."""
    first, last = (frame - plan.plate.first for frame in (plan.frames[0], plan.frames[-1]))
    if job.sound is not None:
        return Sound(job.sound, first / rate, (last + 1) / rate, plan.notes)
    if isinstance(plan.plate, SequenceFootage) or not has_sound(plan.plate.path):
        return None
    times = picture_times(plan.plate)
    if times is None:
        plan.notes.append("The plate has no time stamps, so its sound is left out.")
        return None
    return Sound(plan.plate.path, times[first], times[last] + 1 / rate, plan.notes)


def _read(job: CompositeJob, sources: list[Footage]) -> list[Path]:
    """Every file that is read."""
    return [*(file for footage in sources for file in footage.files), *([job.sound] if job.sound else [])]


def _save_graph(path: Path, plan: Plan, output: Output) -> None:
    try:
        save(path, result=plan.node)
    except BaseException:
        output.abandon()
        raise
