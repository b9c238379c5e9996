"""One job from footage and prompts to mattes on disk."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import torch

from compositing.errors import MissingFrameError
from compositing.footage import Footage, numbering, open_footage
from compositing.footage.frames import FrameRange, summarise
from sam2_roto import __version__
from sam2_roto.checkpoints.load import default_model, resolve
from sam2_roto.delivery import Delivered, Delivery, check_apart, delivery_files, delivery_notes
from sam2_roto.errors import ExportError, PromptError
from sam2_roto.export.files import make_folder
from sam2_roto.export.lanes import Stage
from sam2_roto.export.record import Record
from sam2_roto.following import Following
from sam2_roto.job import Box, Click, MaskFile, Progress, RotoscopeJob, RotoscopeResult, silent
from sam2_roto.loading import choose_device, load_file
from sam2_roto.maskfile import read_mask
from sam2_roto.masklets import MaskletStore
from sam2_roto.mattes import MatteRecipe
from sam2_roto.model import CONFIGS, SAM2, ModelConfig
from sam2_roto.pipeline import Arrivals, Background, ReadAhead, SettledMasklets, report
from sam2_roto.precision import choose_precision
from sam2_roto.rendering import frame_mattes
from sam2_roto.report import PipelineReport
from sam2_roto.tracking import FramePrompt
from sam2_roto.tracking.abreast import Lane, abreast
from sam2_roto.tracking.policies import find_policy

MASKLETS = "masklets"
"""Folder, inside the output folder, of what the mattes are derived from."""

_PICTURE_DECODERS = 2  # threads; a movie has one, whose codec has threads of its own

_Prompts = dict[str, dict[int, FramePrompt]]


def rotoscope(job: RotoscopeJob, progress: Progress = silent) -> RotoscopeResult:
    """Track what ``job`` marks, and write a matte of every object on every frame.

    The network's answers are kept in ``<output>/masklets`` as they are made: a run that was killed goes on at the first
    missing frame, and another feather or format is written without tracking again. ``progress`` is called as
    ``(stage, frames done, frames in all)``; raise from it to stop. Raises a CompositingError with one sentence where
    the job's words or files are wrong.
    """
    with ExitStack() as stack:
        footage = stack.enter_context(open_footage(job.footage, start=job.start, color_space=job.color_space))
        frames = _frames(footage, job)
        prompts = _prompts(job)
        _check(prompts, footage, frames)
        read_recipe(job)
        planned = _planned(job, footage, frames)
        check_apart(job.output, planned, footage, job.read_files)
        make_folder(job.output)
        network = _Network.find(job, progress)
        identity = _identity(job, footage, network)
        store = MaskletStore(
            job.output / MASKLETS,
            frames,
            network.config,
            identity,
            overwrite=job.overwrite,
            size=(footage.width, footage.height),
        )
        stack.callback(store.close)
        _claim(job, footage, store, planned)
        done = _Run(job, footage, store, progress).work(network, prompts, _provenance(identity))
    files = dict(done.delivered.files)
    return RotoscopeResult(
        mattes=files.pop("mattes"),
        absent=dict(done.delivered.absent),
        model=network.name,
        image_size=network.config.image_size,
        tracked=done.tracked,
        previews=files.pop("previews", ()),
        notes=(*footage.notes, *delivery_notes(job.deliver, footage), *done.notes),
        files=files,
        pace=done.pace,
    )


def _planned(job: RotoscopeJob, footage: Footage, frames: Sequence[int]) -> list[Path]:
    return delivery_files(job.output, numbering.stem(footage.path), job.object_names, frames, job.deliver)


def _claim(job: RotoscopeJob, footage: Footage, store: MaskletStore, planned: Sequence[Path]) -> None:
    """Refuse to replace what this job has not written, unless it may, and note what it will write."""
    record, maker = Record(job.output), f"rotoscope {store.key}"
    if job.overwrite:
        record.remove_others(maker, spare=[*footage.files, *job.read_files])
    else:
        record.check(planned, maker, "choose another output, or give --overwrite to replace it")
    record.add(planned, maker)


class _Done(NamedTuple):
    delivered: Delivered
    tracked: int
    pace: PipelineReport
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Network:
    """Which network runs; its weights are loaded when they are needed."""

    name: str
    path: Path
    digest: str
    config: ModelConfig
    device: torch.device
    dtype: torch.dtype

    @classmethod
    def find(cls, job: RotoscopeJob, progress: Progress) -> _Network:
        device = choose_device(job.device)
        dtype = choose_precision(job.precision, device)
        name, path = resolve(job.model or default_model(), progress)
        return cls(name, path, _digest(path), CONFIGS[name].with_image_size(job.image_size), device, dtype)

    def load(self) -> SAM2:
        return load_file(self.name, self.path, self.config.image_size, self.device, self.dtype)


def read_recipe(job: RotoscopeJob) -> MatteRecipe:
    """The recipe that the job names, with its choke and feather. Raises ExportError where a file holds none."""
    if job.recipe is None:
        return MatteRecipe.from_options(preset=job.preset, feather=job.feather, choke=job.choke)
    try:
        recipe = MatteRecipe.from_json(json.loads(job.recipe.read_text(encoding="utf-8")))
    except OSError as error:
        raise ExportError(f"the recipe {job.recipe} cannot be read ({error.strerror}); name another file") from error
    except (ValueError, TypeError, AttributeError) as error:
        raise ExportError(f"{job.recipe} holds no recipe ({error}); write one with MatteRecipe.to_json") from error
    after = MatteRecipe.from_options(preset="hard", feather=job.feather, choke=job.choke)
    return replace(recipe, steps=(*recipe.steps, *after.steps))


def _frames(footage: Footage, job: RotoscopeJob) -> list[int]:
    """The frames to matte, every one of which must be there."""
    wanted = range(footage.first, footage.last + 1)
    if job.frames is not None:
        for frame in (job.frames.first, job.frames.last):
            footage.check(frame)
        wanted = range(job.frames.first, job.frames.last + 1)
    absent = [frame for frame in footage.missing if frame in wanted]
    if absent:
        raise MissingFrameError(
            f"{footage.path.name} has no frame {summarise(absent)} between {wanted[0]} and {wanted[-1]}; "
            "supply the files, or choose a --range without them"
        )
    return list(wanted)


def _prompts(job: RotoscopeJob) -> _Prompts:
    """The job's prompts by object and frame, in the order given; those on one frame are joined."""
    joined: _Prompts = {name: {} for name in job.object_names}
    for prompt in job.prompts:
        match prompt:
            case Click(_, _, x, y, positive):
                said = FramePrompt(points=((x, y, positive),))
            case Box(_, _, x0, y0, x1, y1):
                said = FramePrompt(box=(x0, y0, x1, y1))
            case MaskFile(_, _, path):
                said = FramePrompt(mask=read_mask(path))
        earlier = joined[prompt.name].get(prompt.frame)
        joined[prompt.name][prompt.frame] = earlier.plus(said) if earlier else said
    return joined


def _check(prompts: _Prompts, footage: Footage, frames: Sequence[int]) -> None:
    """Refuse wrong prompts before anything heavy is loaded or written."""
    for name, said in prompts.items():
        for frame, prompt in said.items():
            if frame not in frames:
                there = FrameRange(frames[0], frames[-1])
                raise PromptError(
                    f"'{name}' is marked on frame {frame}, but {footage.path.name} has "
                    f"frame{'s' if len(there) > 1 else ''} {there}; frames are numbered as the footage is"
                )
            prompt.check(footage.width, footage.height, f"of '{name}' on frame {frame}")


def _identity(job: RotoscopeJob, footage: Footage, network: _Network) -> dict[str, Any]:
    """All that decides the logits, for the store and for whoever reads it later."""
    asked = job.tracking()
    masks = [prompt.path for prompt in job.prompts if isinstance(prompt, MaskFile)]
    return {
        "footage": asked["footage"],
        "color_space": asked["color_space"],
        "plate": _plate(footage),
        "objects": list(job.object_names),
        "prompts": asked["prompts"],
        "masks": [_digest(path) for path in masks],
        "model": network.name,
        "weights": network.digest,
        "image_size": network.config.image_size,
        "precision": str(network.dtype).removeprefix("torch."),
        **{word: asked[word] for word in ("policy", "crop") if word in asked},
    }


def _plate(footage: Footage) -> dict[str, Any]:
    """What is told of the plate; its size in bytes tells one that was rendered anew from the old one."""
    files = [footage.path] if _is_movie(footage) else numbering.find(footage.path).files.values()
    return {
        "width": footage.width,
        "height": footage.height,
        "first": footage.first,
        "last": footage.last,
        "rate": str(footage.rate) if footage.rate else None,
        "bytes": sum(file.stat().st_size for file in files),
    }


def _is_movie(footage: Footage) -> bool:
    return footage.path.is_file() and footage.path.suffix.lower() not in numbering.PICTURES


def _again(job: RotoscopeJob) -> Footage:
    """The job's footage once more, for other threads."""
    return open_footage(job.footage, start=job.start, color_space=job.color_space)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class _Run:
    """The part of a job in which the network, the mattes and the writers work side by side.

    Objects are tracked backward from their first prompts and then forward, so that frames are settled in the clip's
    order from there on, and mattes follow right behind the network.
    """

    def __init__(self, job: RotoscopeJob, footage: Footage, store: MaskletStore, progress: Progress) -> None:
        self._job, self._footage, self._store, self._progress = job, footage, store, progress
        self._decode = Stage("decode", 1 if _is_movie(footage) else _PICTURE_DECODERS)
        self._track, self._matte = Stage("track"), Stage("matte")
        self._sources: list[ReadAhead] = []
        self._lanes: list[Lane] = []
        self._told = 0

    def work(self, network: _Network, prompts: _Prompts, notes: Mapping[str, str]) -> _Done:
        """Track what is not tracked yet, and deliver every frame."""
        firsts = {name: min(said) for name, said in prompts.items()}
        missing = {name: set(self._store.missing(name)) for name in firsts}
        passes = {reverse: _unfinished(self._store.frames, missing, firsts, reverse) for reverse in (True, False)}
        arrivals = Arrivals(passes.values())
        with ExitStack() as stack:
            tracked = self._passes(stack, network, prompts, passes) if any(passes.values()) else ()
            plate = stack.enter_context(_again(self._job))
            kept = stack.enter_context(MaskletStore.load(self._store.folder))
            began = time.perf_counter()
            delivery = stack.enter_context(self._delivery(plate, notes))
            make = partial(self._make, delivery, plate, SettledMasklets(kept, arrivals), arrivals)
            mattes = stack.enter_context(Background("mattes", make, arrivals.stop))
            for frame in tracked:
                arrivals.passed(frame)
                mattes.check()
                self._tell(delivery)
            arrivals.finish()
            mattes.join(partial(self._tell, delivery))
            delivered = delivery.close()
            self._tell(delivery)
            stages = self._decode, self._track, self._matte, *delivery.stages
            pace = report(stages, time.perf_counter() - began)
        remarks = tuple(note for lane in self._lanes for note in lane.tracker.notes)
        return _Done(delivered, sum(map(len, passes.values())), pace, remarks)

    def _delivery(self, plate: Footage, notes: Mapping[str, str]) -> Delivery:
        job = self._job
        frames, names = self._store.frames, job.object_names
        stem = numbering.stem(self._footage.path)
        return Delivery(job.output, stem, names, plate, frames, job.deliver, notes=notes)

    def _passes(
        self, stack: ExitStack, network: _Network, prompts: _Prompts, passes: Mapping[bool, list[int]]
    ) -> Iterator[int]:
        """Answer the prompts; gives an iterator that tracks, frame by frame."""
        source, policy = partial(self._source, stack), find_policy(self._job.policy)
        following = Following(network.load(), self._footage, self._store, source, self._progress, policy)
        self._lanes = following.lanes(prompts, crop=self._job.crop == "auto")
        return stack.enter_context(closing(self._tracked(self._lanes, passes)))

    def _source(self, stack: ExitStack) -> ReadAhead:
        """The footage, decoded ahead of one tracker."""
        source = ReadAhead(self._footage, stack.enter_context(_again(self._job)), self._decode)
        self._sources.append(source)
        return source

    def _tracked(self, lanes: Sequence[Lane], passes: Mapping[bool, list[int]]) -> Generator[int]:
        total, done = sum(map(len, passes.values())), 0
        for reverse, frames in passes.items():
            if not frames:
                continue
            began, waited = time.perf_counter(), self._waited()
            with closing(abreast(lanes, frames, reverse=reverse)) as tracked:
                for frame, _ in tracked:
                    self._track.add(time.perf_counter() - began - (self._waited() - waited))
                    done += 1
                    self._progress("track", done, total)
                    yield frame
                    began, waited = time.perf_counter(), self._waited()

    def _waited(self) -> float:
        return sum(source.waited for source in self._sources)

    def _make(self, delivery: Delivery, plate: Footage, masklets: SettledMasklets, arrivals: Arrivals) -> None:
        """Derive the mattes of every frame, and hand them over; in a thread of its own."""
        job, size = self._job, (self._footage.height, self._footage.width)
        recipe, frames = read_recipe(job), self._store.frames
        began, waited = time.perf_counter(), arrivals.waited
        with closing(frame_mattes(masklets, frames, job.object_names, recipe, size, plate)) as made:
            for mattes in made:
                self._matte.add(time.perf_counter() - began - (arrivals.waited - waited))
                delivery.write(*mattes)
                began, waited = time.perf_counter(), arrivals.waited

    def _tell(self, delivery: Delivery) -> None:
        """Report each frame that was written since the last time."""
        while self._told < delivery.written:
            self._told += 1
            self._progress("write", self._told, len(self._store.frames))


def _unfinished(
    clip: Sequence[int], missing: Mapping[str, set[int]], firsts: Mapping[str, int], reverse: bool
) -> list[int]:
    """Frames that a pass still has to go through, in its order: from the first that any object misses to the last."""
    frames = list(clip[::-1] if reverse else clip)
    lacking = [
        any(frame in missing[name] and (frame < first) == reverse for name, first in firsts.items()) for frame in frames
    ]
    if not any(lacking):
        return []
    return frames[lacking.index(True) : len(frames) - lacking[::-1].index(True)]


def _provenance(identity: Mapping[str, Any]) -> dict[str, str]:
    """Header attributes that tell what a matte was made with."""
    marked = identity["prompts"], identity["masks"]
    prompts = hashlib.sha256(json.dumps(marked, sort_keys=True).encode()).hexdigest()
    return {
        "sam2_roto/version": __version__,
        "sam2_roto/model": identity["model"],
        "sam2_roto/weights": identity["weights"],
        "sam2_roto/prompts": prompts,
    }
