"""One job from footage and prompts to mattes on disk."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from compositing.errors import MissingFrameError
from compositing.footage import Footage, open_footage
from compositing.footage.frames import summarise
from sam2_roto import __version__
from sam2_roto.checkpoints.load import default_model, load_weights, resolve
from sam2_roto.errors import PromptError
from sam2_roto.export.contact import ContactSheet, spread
from sam2_roto.export.metadata import PlateMetadata
from sam2_roto.export.preview import OverlayMovie
from sam2_roto.export.sequence import SequenceWriter
from sam2_roto.job import Box, Click, MaskFile, Progress, RotoscopeJob, RotoscopeResult
from sam2_roto.loading import build_model, choose_device
from sam2_roto.maskfile import read_mask
from sam2_roto.masklets import MaskletStore
from sam2_roto.mattes import MatteRecipe
from sam2_roto.model import SAM2
from sam2_roto.tracking import FramePrompt, Tracker

MASKLETS = "masklets"
"""Folder, inside the output folder, of what the mattes are derived from."""

SHEET_CELLS = 12


def _silent(stage: str, done: int, total: int) -> None:
    """Report to no one."""


def rotoscope(job: RotoscopeJob, progress: Progress = _silent) -> RotoscopeResult:
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
        network = _Network.load(job, progress)
        store = MaskletStore(
            job.output / MASKLETS,
            frames,
            network.model.config,
            {"job": {**job.tracking(), "weights": network.digest, "image_size": network.model.config.image_size}},
            overwrite=job.overwrite,
        )
        stack.callback(store.close)
        tracked = _track(Tracker(network.model, footage, frames=frames, archive=store), store, prompts, progress)
        return _render(job, footage, store, network, tracked, progress)


@dataclass(frozen=True)
class _Network:
    name: str
    digest: str
    model: SAM2

    @classmethod
    def load(cls, job: RotoscopeJob, progress: Progress) -> _Network:
        name, path = resolve(job.model or default_model(), partial(_as_stage, progress))
        model = build_model(name, job.image_size)
        load_weights(model, path, name)
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        return cls(name, digest, model.eval().requires_grad_(False).to(choose_device(job.device)))


def _as_stage(progress: Progress, stage: str, done: int, total: int) -> None:
    progress(stage, done, total)


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


def _prompts(job: RotoscopeJob) -> dict[tuple[str, int], FramePrompt]:
    """The job's prompts joined by object and frame, in the order given."""
    joined: dict[tuple[str, int], FramePrompt] = {}
    for prompt in job.prompts:
        match prompt:
            case Click(name, frame, x, y, positive):
                said = FramePrompt(points=((x, y, positive),))
            case Box(name, frame, x0, y0, x1, y1):
                said = FramePrompt(box=(x0, y0, x1, y1))
            case MaskFile(name, frame, path):
                said = FramePrompt(mask=read_mask(path))
        key = (name, frame)
        joined[key] = joined[key].plus(said) if key in joined else said
    return joined


def _check(prompts: dict[tuple[str, int], FramePrompt], footage: Footage, frames: Sequence[int]) -> None:
    """Refuse wrong prompts before anything heavy is loaded or written."""
    for (name, frame), prompt in prompts.items():
        if frame not in frames:
            raise PromptError(
                f"'{name}' is marked on frame {frame}, but {footage.path.name} has the frames {frames[0]}-{frames[-1]}"
            )
        prompt.check(footage.width, footage.height, f"of '{name}' on frame {frame}")


def _track(
    tracker: Tracker, store: MaskletStore, prompts: dict[tuple[str, int], FramePrompt], progress: Progress
) -> int:
    """Fill the store: each object forward from its first prompt, then backward from it. Gives the frames tracked."""
    firsts: dict[str, int] = {}
    for name, frame in prompts:
        firsts[name] = min(frame, firsts.get(name, frame))
    todo = {reverse: _unfinished(store, firsts, reverse) for reverse in (False, True)}
    total, done = sum(map(len, todo.values())), 0
    if total:
        for (name, frame), prompt in sorted(prompts.items(), key=lambda item: item[0][1]):
            tracker.prompt(name, frame, prompt)
    for reverse, frames in todo.items():
        if not frames:
            continue
        for _ in tracker.propagate(frames[0], frames[-1], reverse=reverse, joins=firsts):
            done += 1
            progress("track", done, total)
    return total


def _unfinished(store: MaskletStore, firsts: dict[str, int], reverse: bool) -> list[int]:
    """Frames that a pass still has to go through, in its order: from the first that any object misses to the last."""
    frames = store.frames[::-1] if reverse else store.frames
    missing = {name: set(store.missing(name)) for name in firsts}
    lacking = [
        any(frame in missing[name] and (frame < first) == reverse for name, first in firsts.items()) for frame in frames
    ]
    if not any(lacking):
        return []
    return frames[lacking.index(True) : len(frames) - lacking[::-1].index(True)]


def _render(
    job: RotoscopeJob, footage: Footage, store: MaskletStore, network: _Network, tracked: int, progress: Progress
) -> RotoscopeResult:
    """Derive the mattes from the store, in the clip's order, with the previews beside them."""
    names = job.object_names
    recipe = MatteRecipe.from_options(feather=job.feather, choke=job.choke)
    size = (footage.height, footage.width)
    absent: dict[str, list[int]] = {name: [] for name in names}
    previews = _Previews(job, footage, store.frames)
    provenance = _provenance(job, network)
    display = footage.read(store.frames[0]).display  # it need not begin at 0, 0
    writer = SequenceWriter(
        job.output,
        f"{_stem(footage.path)}_matte",
        names,
        metadata=lambda frame: PlateMetadata.of(footage, frame, display=display, notes=provenance),
        format=job.format,
    )
    with previews, writer:
        for done, frame in enumerate(store.frames, start=1):
            results = {name: store.read(name, frame) for name in names}
            alphas = {name: recipe.apply(r.logits, size).numpy() for name, r in results.items() if r and r.present}
            for name in names:
                if name not in alphas:
                    absent[name].append(frame)
            writer.write(frame, alphas)
            previews.add(frame, alphas)
            progress("write", done, len(store.frames))
    mattes = dict.fromkeys(path for frame in store.frames for path in writer.paths(frame).values())
    return RotoscopeResult(
        mattes=tuple(mattes),
        absent={name: tuple(frames) for name, frames in absent.items()},
        model=network.name,
        image_size=network.model.config.image_size,
        tracked=tracked,
        previews=previews.paths,
        notes=tuple(footage.notes),
    )


class _Previews:
    """The overlay movie and the contact sheet, where the job wants them."""

    def __init__(self, job: RotoscopeJob, footage: Footage, frames: Sequence[int]) -> None:
        names = job.object_names
        self._wanted = job.preview
        self._views = footage.views(frames)
        self._chosen = set(spread(frames, SHEET_CELLS))
        self._movie_path, self._sheet_path = job.output / "overlay.mp4", job.output / "contact_sheet.png"
        self._sheet = ContactSheet(footage.path.name, names, pixel_aspect=footage.pixel_aspect)
        self._movie = OverlayMovie(self._movie_path, names, footage.rate or Fraction(24)) if job.preview else None

    @property
    def paths(self) -> tuple[Path, ...]:
        return (self._movie_path, self._sheet_path) if self._wanted else ()

    def add(self, frame: int, alphas: dict[str, NDArray[np.float32]]) -> None:
        """Show one frame; frames come in the order that was promised."""
        if self._movie is None:
            return
        _, view = next(self._views)
        picture = self._movie.write(view, alphas)
        if frame in self._chosen:
            self._sheet.add(str(frame), picture)

    def __enter__(self) -> _Previews:
        if self._movie is not None:
            self._movie.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._movie is None:
            return
        self._movie.__exit__(kind, error, trace)
        if error is None:
            self._sheet.write(self._sheet_path)


def _provenance(job: RotoscopeJob, network: _Network) -> dict[str, str]:
    """Header attributes that tell what a matte was made with."""
    prompts = hashlib.sha256(repr(job.tracking()["prompts"]).encode()).hexdigest()
    return {
        "sam2_roto/version": __version__,
        "sam2_roto/model": network.name,
        "sam2_roto/weights": network.digest,
        "sam2_roto/prompts": prompts,
    }


def _stem(path: Path) -> str:
    """The footage's name without number and ending: ``plate.1001.exr`` and ``plate.%04d.exr`` give ``plate``."""
    name = path.name if path.is_dir() else path.stem
    return re.sub(r"[._-]?(\d+|%0?\d*d|#+|\*)$", "", name) or "plate"
