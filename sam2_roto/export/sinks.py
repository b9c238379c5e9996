"""Sinks: where the finished frames of a shot go, one for each kind of thread that writes them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from compositing.color import SRGB, is_monitor_space
from compositing.footage import Footage
from compositing.image import Image
from compositing.operations.alpha import unpremultiply
from compositing.operations.colorspace import through_matrix, to_space
from sam2_roto.errors import Cancelled
from sam2_roto.export.frames import Files, Finished
from sam2_roto.export.names import layer_names
from sam2_roto.export.previews import MOVIE, SHEET, write_previews
from sam2_roto.export.splines import write_spline
from sam2_roto.export.spool import MatteSpool
from sam2_roto.export.video import AlphaMovie
from sam2_roto.mattes.shapes_fit import fit_spline

RATE = Fraction(24)
"""Frames per second of movies of plates that have no rate."""

TOLERANCE = 0.5
"""Pixels by which splines may leave the mattes' edges, as ``fit_spline`` measures them."""


class Sink(Protocol):
    """Takes finished frames. ``workers`` threads may call ``write`` at once; with one, frames come in order."""

    name: str
    workers: int

    def write(self, finished: Finished) -> None:
        """Write one frame. Raises OutputError or ExportError."""
        ...

    def close(self) -> dict[str, tuple[Path, ...]]:
        """Finish, when every frame was written; gives the files by kind."""
        ...

    def abandon(self) -> None:
        """Leave nothing half-written; called once, instead of ``close`` or after it failed."""
        ...


class PictureSink:
    """Picture files of several kinds, a few frames at a time."""

    name = "write"

    def __init__(self, kinds: dict[str, Files], frames: Sequence[int], workers: int) -> None:
        self.workers = workers
        self._kinds, self._frames = kinds, frames

    def write(self, finished: Finished) -> None:
        for files in self._kinds.values():
            files.write(finished)

    def close(self) -> dict[str, tuple[Path, ...]]:
        return {
            kind: tuple(dict.fromkeys(path for frame in self._frames for path in files.paths(frame).values()))
            for kind, files in self._kinds.items()
        }

    def abandon(self) -> None:
        """Pictures are whole as they are written: there is nothing to take back."""


class PreviewSink:
    """The overlay movie and the contact sheet."""

    name, workers = "preview", 1

    def __init__(self, folder: Path, footage: Footage, frames: Sequence[int], objects: Sequence[str]) -> None:
        self._files = (folder / MOVIE, folder / SHEET)
        self._stack = ExitStack()
        self._show = self._stack.enter_context(write_previews(folder, footage, frames, objects))

    def write(self, finished: Finished) -> None:
        self._show(finished.frame, finished.mattes)

    def close(self) -> dict[str, tuple[Path, ...]]:
        self._stack.close()
        return {"previews": self._files}

    def abandon(self) -> None:
        _leave(self._stack)


class MovieSink:
    """A movie with alpha of each object; ``to_rec709`` is the plate's matrix for other primaries (``Footage``)."""

    name, workers = "movie", 1

    def __init__(
        self, paths: dict[str, Path], kind: str, rate: Fraction | None, to_rec709: Tensor | None = None
    ) -> None:
        self._paths, self._kind, self._rate, self._to_rec709 = paths, kind, rate or RATE, to_rec709
        self._stack = ExitStack()
        self._movies: dict[str, AlphaMovie] = {}

    def write(self, finished: Finished) -> None:
        if finished.plate is None:
            raise ValueError("the plate is needed to write a movie with alpha")
        if not self._movies:
            self._begin(finished)
        plate = finished.plate if self._to_rec709 is None else through_matrix(finished.plate, self._to_rec709)
        color = display_color(plate)
        for name, movie in self._movies.items():
            movie.write(color, finished.mattes[name])

    def close(self) -> dict[str, tuple[Path, ...]]:
        self._stack.close()
        return {"movies": tuple(self._paths.values())}

    def abandon(self) -> None:
        _leave(self._stack)

    def _begin(self, first: Finished) -> None:
        for name, path in self._paths.items():
            movie = AlphaMovie(
                path, self._kind, self._rate, timecode=first.metadata.timecode, notes=first.metadata.notes
            )
            self._movies[name] = self._stack.enter_context(movie)


class SplineSink:
    """Roto splines of each object, fitted once all mattes are there."""

    name, workers = "splines", 1

    def __init__(self, path: Path, objects: Sequence[str], first: int, rate: Fraction | None) -> None:
        self._first, self._rate = first, rate
        self._paths = spline_paths(path, objects)
        self._spools = {name: MatteSpool() for name in objects}

    def write(self, finished: Finished) -> None:
        for name, spool in self._spools.items():
            spool.add(finished.mattes[name])

    def close(self) -> dict[str, tuple[Path, ...]]:
        for name, path in self._paths.items():
            spline = fit_spline(name, self._spools[name], first=self._first, tolerance=TOLERANCE)
            write_spline(path, spline, rate=float(self._rate) if self._rate else None)
        self.abandon()
        return {"splines": tuple(self._paths.values())}

    def abandon(self) -> None:
        for spool in self._spools.values():
            spool.close()


def spline_paths(path: Path, objects: Sequence[str]) -> dict[str, Path]:
    """Object name to its splines: ``path`` itself, with the object's name before the ending where there are several."""
    layers = layer_names(objects)
    return {
        name: path if len(layers) == 1 else path.with_stem(f"{path.stem}_{layer}") for name, layer in layers.items()
    }


def display_color(plate: Image) -> NDArray[np.float32]:
    """Straight colour of the display window as a monitor shows it, float32 ``[H, W, 3]``, not clipped.

    Encodings made for a monitor keep their values, others become sRGB, as in ``Footage.view``.
    """
    straight = unpremultiply(plate.on_display())
    shown = straight if is_monitor_space(straight.color_space) else to_space(straight, SRGB)
    return np.ascontiguousarray(np.moveaxis(shown.rgb().numpy(), 0, -1))


def _leave(stack: ExitStack) -> None:
    """Leave what a stack holds as a block that raised does."""
    stack.__exit__(Cancelled, Cancelled("the delivery was stopped"), None)
