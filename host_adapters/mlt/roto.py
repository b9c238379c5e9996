"""Rotoscopes a clip of a project: the frames that it shows are tracked, and its mattes put back where it plays."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from compositing.footage.frames import FrameRange
from host_adapters.mlt.canvas import Alpha, Canvas, canvas_of
from host_adapters.mlt.errors import ProjectError
from host_adapters.mlt.forms import Filter
from host_adapters.mlt.mattes import MOVIE, write_matte
from host_adapters.mlt.project import Project
from host_adapters.mlt.source import span_of
from host_adapters.mlt.timeline import Clip, source_frames
from sam2_roto.deliverables import Deliverables
from sam2_roto.export.record import Record
from sam2_roto.job import Progress, Prompt, RotoscopeJob, RotoscopeResult
from sam2_roto.mattes.shapes import Spline
from sam2_roto.mattes.shapes_fit import fit_spline

Mode = Literal["alpha", "effect", "splines"]

_MAKER = "mlt"
"""In the record of what was written into a folder."""


@dataclass(frozen=True)
class Placed:
    """How the matte is put on the clip: as its ``alpha``, as ``effect`` limited to it, or as editable ``splines``.

    ``effects`` are the filters of an effect. ``feather`` is the radius in pixels of the project by which MLT softens
    splines, and ``tolerance`` the distance in pixels by which they may leave the matte's edge.
    """

    mode: Mode = "alpha"
    effects: tuple[Filter, ...] = ()
    feather: int = 0
    tolerance: float = 0.5

    @classmethod
    def parse(cls, text: str, feather: float = 0.0) -> Placed:
        """``alpha``, ``splines``, or ``effect:FILTER,NAME=VALUE+FILTER…``; ``feather`` is the width of the soft edge.

        Raises ProjectError.
        """
        mode, _, rest = text.partition(":")
        if mode == "effect" and rest:
            return cls("effect", tuple(Filter.parse(part) for part in rest.split("+")))
        if text in ("alpha", "splines"):
            return cls("alpha" if text == "alpha" else "splines", feather=round(feather / 2))
        raise ProjectError(f"'{text}' is not alpha, splines or effect:FILTER,NAME=VALUE; write it like effect:invert")


@dataclass(frozen=True)
class Rotoscoped:
    """The edited project, not written yet; the footage's frames that were tracked; the files of the matte."""

    project: Project
    frames: FrameRange
    matte: Path | None
    result: RotoscopeResult
    notes: tuple[str, ...] = field(default=())


def rotoscope_clip(
    project: Project,
    id: str,
    prompts: Sequence[Prompt],
    folder: Path,
    placed: Placed,
    settings: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> Rotoscoped:
    """Track what ``prompts`` mark in a clip, and put the matte on it.

    Args:
        project: stays as it is.
        id: of the clip.
        prompts: on frames in the footage's own numbering, which the clip need not show first; several objects make
            one matte, or splines of their own.
        folder: for everything that is written; a run that was stopped goes on from what is there.
        placed: how the matte is put on the clip.
        settings: further fields of ``RotoscopeJob``: model, image_size, feather, …

    Raises ProjectError, and what ``rotoscope`` raises.
    """
    clip = project.clip(id)
    source = clip.source(project.root, project.profile.rate)
    with source.open() as footage:
        shown = source_frames(clip, source, footage, project.profile.rate)
        size = footage.width, footage.height
        canvas = canvas_of(clip, project.profile, size, source.aspect_of(footage))
    frames = _range(shown, [prompt.frame for prompt in prompts])
    job = RotoscopeJob(
        source.path,
        folder,
        tuple(prompts),
        frames,
        deliver=Deliverables(format="png", preview=False),
        **{**(settings or {}), **({"feather": 0.0} if placed.mode == "splines" else {})},
    )
    from sam2_roto.rotoscoping import rotoscope  # torch comes with it

    matte = folder / f"{'_'.join(job.object_names)}.mlt"
    if placed.mode != "splines":
        _claim(project, folder, matte, overwrite=job.overwrite)
    result = rotoscope(job, progress) if progress else rotoscope(job)
    mattes = ClipMattes(result.mattes, job.object_names, frames, shown, canvas)
    notes = (*result.notes, *_notes(clip, placed))
    if placed.mode == "splines":
        edited = project.with_splines(id, mattes.spline(clip, placed.tolerance), placed.feather)
        return Rotoscoped(edited, frames, None, result, notes)
    Record(folder).add((matte, matte.with_suffix(MOVIE)), _MAKER)
    write_matte(matte, mattes.joined(), project.profile, clip.first, _reach(clip, project))
    return Rotoscoped(project.with_matte(id, matte, placed.effects), frames, matte, result, notes)


def _claim(project: Project, folder: Path, matte: Path, *, overwrite: bool) -> None:
    """Refuse a matte that would replace what this command has not written; footage of the project never is."""
    record, files = Record(folder), (matte, matte.with_suffix(MOVIE))
    for file in files:
        if not record.made(file, _MAKER):
            project.check_unused(file)
    if not overwrite:
        record.check(files, _MAKER, "choose another folder with --mattes, or give --overwrite to replace it")


class ClipMattes:
    """The mattes that a run wrote, position by position of a clip.

    Args:
        files: grey pictures, for each frame of ``frames`` one of each object.
        names: of the objects.
        shown: the frame at each position of the clip.
        canvas: that they are placed on.
    """

    def __init__(
        self, files: Sequence[Path], names: Sequence[str], frames: FrameRange, shown: Sequence[int], canvas: Canvas
    ) -> None:
        self.names, self.canvas = tuple(names), canvas
        self._files, self._first, self._shown = files, frames.first, shown

    def of(self, index: int) -> Iterator[Alpha]:
        """The mattes of one object."""
        return (self.canvas.place(self._read(frame, index)) for frame in self._shown)

    def joined(self) -> Iterator[Alpha]:
        """The mattes of all objects as one."""
        every = range(len(self.names))
        return (self.canvas.place(np.max([self._read(frame, one) for one in every], axis=0)) for frame in self._shown)

    def spline(self, clip: Clip, tolerance: float) -> Spline:
        """Shapes of every object, whose frames are positions, in pixels of what the clip's filters see."""
        fitted = [
            fit_spline(name, self.of(index), first=clip.first, tolerance=tolerance)
            for index, name in enumerate(self.names)
        ]
        shapes = tuple(shape for spline in fitted for shape in spline.shapes)
        return self.canvas.seen_spline(replace(fitted[0], shapes=shapes, error=max(spline.error for spline in fitted)))

    def _read(self, frame: int, index: int) -> NDArray[np.float32]:
        path = self._files[(frame - self._first) * len(self.names) + index]
        codes = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        if codes is None:
            raise ProjectError(f"the matte {path} is gone or damaged; give the command again with --overwrite")
        return np.asarray(codes, np.float32) / np.float32(255 if codes.dtype == np.uint8 else 65535)


def _range(shown: Sequence[int], marked: Sequence[int]) -> FrameRange:
    """The frames to track: those that the clip shows, and those that are marked."""
    return FrameRange(min(*shown, *marked, shown[0]), max(*shown, *marked, shown[0]))


def _reach(clip: Clip, project: Project) -> int:
    """How many positions the clip's producer has, so that the matte is empty as far as the clip can be stretched."""
    _, last = span_of(clip.producer, project.profile.rate)
    return max(last, clip.last) + 1


def _notes(clip: Clip, placed: Placed) -> Iterator[str]:
    if placed.mode != "effect" and not clip.composite:
        yield f"nothing puts the track of {clip.id} over another, so its alpha does not show; move it to a higher track"
