"""Delivery: everything that is written of a shot, side by side in threads, from its mattes as they are made."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from torch import Tensor

from compositing.apart import check_files, check_folder
from compositing.footage import Footage
from sam2_roto.deliverables import Deliverables
from sam2_roto.export.exr import Matte, compression_note
from sam2_roto.export.files import make_folder, remove_leftovers
from sam2_roto.export.frames import (
    ConfidenceFiles,
    CryptomatteFiles,
    Files,
    Finished,
    MatteFiles,
    RgbaFiles,
    TrimapFiles,
)
from sam2_roto.export.lanes import Lane, Stage
from sam2_roto.export.metadata import PlateMetadata
from sam2_roto.export.names import layer_names
from sam2_roto.export.previews import MOVIE, SHEET
from sam2_roto.export.sequence import complete
from sam2_roto.export.sinks import RATE, MovieSink, PictureSink, PreviewSink, Sink, SplineSink, spline_paths

WRITERS = 2
"""Threads that write picture files."""

WAITING = 4
"""Frames that may wait for each kind of writer; who makes them is held up beyond."""


@dataclass(frozen=True)
class Delivered:
    """What was written.

    Attributes:
        files: by kind: ``mattes``, ``rgba``, ``crypto``, ``trimap``, ``confidence``, ``previews``, ``movies``,
            ``splines``; those that were wanted.
        absent: by object, the frames on which it is not seen.
    """

    files: Mapping[str, tuple[Path, ...]]
    absent: Mapping[str, tuple[int, ...]]


class Delivery:
    """Takes the mattes of a shot frame by frame, in order, and writes all that is wanted of them.

    Picture files are written by a pool of threads; movies, previews and splines have a thread each. All stand behind
    queues of bounded length: memory does not grow, and ``write`` blocks where they cannot follow. Every file appears
    whole or not at all: pictures as they are made, movies and splines with ``close``.

    Args:
        folder: made where it is absent; what a killed run left half written in it is removed.
        stem: first part of the files' names: ``<stem>_matte.1001.exr``, ``<stem>_rgba_<object>.1001.exr`` and so on.
        objects: the names of all objects of the shot, in the order of the channels.
        footage: the plate, for this delivery alone: it is read in other threads.
        frames: those that will come, ascending.
        what: the files that are wanted.
        notes: header attributes by name, as text (provenance).

    Use it as a context manager: a block that ends without ``close`` drops what waits, and only whole files stay.
    Raises ExportError where names clash, OutputError where the footage would be written over or would no longer be
    alone in its folder, or where the disk refuses.
    """

    def __init__(
        self,
        folder: Path,
        stem: str,
        objects: Sequence[str],
        footage: Footage,
        frames: Sequence[int],
        what: Deliverables,
        *,
        notes: Mapping[str, str] | None = None,
    ) -> None:
        self._objects, self._frames = tuple(objects), list(frames)
        self._footage, self._what, self._notes = footage, what, dict(notes or {})
        check_apart(Path(folder), delivery_files(Path(folder), stem, objects, frames, what), footage)
        self._display = footage.read(self._frames[0]).display  # it need not begin at 0, 0
        self._absent: dict[str, list[int]] = {name: [] for name in self._objects}
        pictures = _pictures(Path(folder), stem, self._objects, what)
        make_folder(Path(folder))
        remove_leftovers(Path(folder), f"{stem}_")
        self._plates = Stage("plate")
        self._sinks: list[Sink] = []
        self._lanes: list[Lane[Finished]] = []
        with ExitStack() as opening:
            opening.callback(self.abandon)
            self._sinks.append(PictureSink(pictures, self._frames, WRITERS))
            for sink in self._others(Path(folder), stem):
                self._sinks.append(sink)
            for sink in self._sinks:
                self._lanes.append(Lane(sink.name, sink.write, workers=sink.workers, waiting=WAITING))
            opening.pop_all()

    @property
    def stages(self) -> list[Stage]:
        """The accounts of reading plates, in the caller's thread, and of the threads that write."""
        return [self._plates, *(lane.stage for lane in self._lanes)]

    @property
    def written(self) -> int:
        """Frames whose pictures are written."""
        return self._lanes[0].stage.frames

    def write(self, frame: int, mattes: Mapping[str, Matte], logits: Mapping[str, Tensor] | None = None) -> None:
        """Hand over one frame: object name to alpha ``[H, W]``; objects left out are absent, and written as zeros.

        ``logits`` are needed for confidence alone. The arrays must not be changed afterwards. Blocks while too many
        frames wait. Raises what an earlier frame met with.
        """
        for lane in self._lanes:
            lane.check()
        with self._plates.work():
            metadata = PlateMetadata.of(self._footage, frame, display=self._display, notes=self._notes)
            plate = self._footage.read(frame) if self._what.needs_plate else None
        finished = Finished(frame, complete(mattes, self._objects, metadata), metadata, plate, logits or {})
        for name in self._objects:
            if name not in mattes:
                self._absent[name].append(frame)
        for lane in self._lanes:
            lane.put(finished)

    def close(self) -> Delivered:
        """Wait until all is written, finish movies, fit splines; gives what there is. Raises what any part met with."""
        files: dict[str, tuple[Path, ...]] = {}
        for lane in self._lanes:
            lane.close()
        while self._sinks:
            sink = self._sinks[0]
            stage = next(stage for stage in self.stages if stage.name == sink.name)
            with stage.work(frames=0):
                files.update(sink.close())
            self._sinks.pop(0)
        return Delivered(files, {name: tuple(frames) for name, frames in self._absent.items()})

    def abandon(self) -> None:
        """Drop what waits and what is half written; nothing after ``close``."""
        for lane in self._lanes:
            lane.abandon()
        while self._sinks:
            self._sinks.pop().abandon()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.abandon()

    def _others(self, folder: Path, stem: str) -> Iterator[Sink]:
        """The sinks of what is one file for all frames."""
        what, rate = self._what, self._footage.rate
        if what.preview:
            yield PreviewSink(folder, self._footage, self._frames, self._objects)
        if what.movie is not None:
            paths = movie_paths(folder, stem, self._objects, what.movie_ending)
            yield MovieSink(paths, what.movie, rate, self._footage.to_rec709)
        if what.splines is not None:
            make_folder(what.splines.parent)
            yield SplineSink(what.splines, self._objects, self._frames[0], rate)


def delivery_files(
    folder: Path, stem: str, objects: Sequence[str], frames: Iterable[int], what: Deliverables
) -> list[Path]:
    """Every file that a ``Delivery`` with these arguments writes. Raises ExportError where names clash."""
    kinds = _pictures(folder, stem, objects, what).values()
    files = [path for frame in frames for kind in kinds for path in dict.fromkeys(kind.paths(frame).values())]
    if what.preview:
        files += [folder / MOVIE, folder / SHEET]
    if what.movie is not None:
        files += movie_paths(folder, stem, objects, what.movie_ending).values()
    if what.splines is not None:
        files += spline_paths(what.splines, objects).values()
    return files


def check_apart(folder: Path, files: Iterable[Path], footage: Footage, read: Iterable[Path] = ()) -> None:
    """Raises OutputError where ``files`` would be written over the footage or another file that is ``read``.

    So too where ``folder`` is the footage's own, which would then hold more than one sequence.
    """
    check_files(files, [*footage.files, *read], "job")
    check_folder(folder, footage, "job")


def delivery_notes(what: Deliverables, footage: Footage) -> list[str]:
    """What the user should know of the files that are wanted, one sentence each."""
    told = []
    if what.rgba and (note := compression_note(what.compression, "RGBA")):
        told.append(note)
    if what.cryptomatte and what.cryptomatte_compression != what.compression:
        told.append(f"Cryptomatte is written with zip, because '{what.compression}' would spoil its ids.")
    if what.movie == "vp9":
        told.append("VP9 is lossy, and FFmpeg's own decoder drops its alpha; ffv1 and png keep every value.")
    if what.movie and footage.rate is None:
        told.append(f"The plates have no frame rate; the movie runs at {RATE} frames per second.")
    return told


def movie_paths(folder: Path, stem: str, objects: Sequence[str], ending: str) -> dict[str, Path]:
    """Object name to its movie: ``<stem>_alpha.mov``, ``<stem>_alpha_<object>.mov`` where there are several."""
    layers = layer_names(objects)
    return {
        name: folder / f"{stem}_alpha{ending if len(layers) == 1 else f'_{layer}{ending}'}"
        for name, layer in layers.items()
    }


def _pictures(folder: Path, stem: str, objects: Sequence[str], what: Deliverables) -> dict[str, Files]:
    """The kinds of picture files that are wanted, by the word in their names."""
    matte = MatteFiles(
        folder,
        f"{stem}_matte",
        objects,
        format=what.format,
        layout=what.layout,
        crop=what.crop,
        compression=what.compression,
    )
    kinds: dict[str, Files] = {"mattes": matte}
    if what.rgba:
        kinds["rgba"] = RgbaFiles(folder, f"{stem}_rgba", objects, crop=what.crop, compression=what.compression)
    if what.cryptomatte:
        compression = what.cryptomatte_compression
        kinds["crypto"] = CryptomatteFiles(folder, f"{stem}_crypto", objects, compression=compression)
    if what.trimap is not None:
        kinds["trimap"] = TrimapFiles(folder, f"{stem}_trimap", objects, width=what.trimap)
    if what.confidence:
        kinds["confidence"] = ConfidenceFiles(folder, f"{stem}_confidence", objects)
    return kinds
