"""Sequences of mattes: numbered as the plate, written by a pool of threads that the tracker never outruns."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from sam2_roto.errors import ExportError
from sam2_roto.export.exr import Matte, write_matte
from sam2_roto.export.files import make_folder, remove_leftovers
from sam2_roto.export.metadata import PlateMetadata
from sam2_roto.export.multipart import write_parts
from sam2_roto.export.names import layer_names
from sam2_roto.export.png import write_gray

FORMATS = ("exr", "png", "tiff")
LAYOUTS = ("layers", "parts", "objects")
"""How several objects share EXR files: layers of one part, parts of one file, a sequence each."""


class SequenceWriter:
    """Writes the mattes of a shot frame by frame, every object on every frame.

    Files are ``<stem>.0001.exr``, with all objects in one, unless the layout is ``objects``; or, as PNG and TIFF hold
    one each, ``<stem>.0001.png`` for a single object and ``<stem>_<object>.0001.png`` for several. Numbers are the
    plate's own, with at least four characters, the sign among them (``-012``), as ``%04d`` has it.

    Args:
        folder: made where it is absent; what a killed run left half written in it is removed.
        stem: first part of the file names.
        objects: the names of all objects of the shot, in the order of the channels.
        metadata: gives the identity of a frame of the plate; called in the caller's thread.
        format: ``exr``, ``png`` or ``tiff``.
        layout: of EXR files, one of ``LAYOUTS``.
        crop: whether an EXR's data window is cropped to the mattes.
        compression: of EXR files.
        bits: 8 or 16, of PNG and TIFF files.
        workers: writing threads.
        waiting: frames that may wait for a thread; ``write`` blocks beyond.

    Use it as a context manager. If the block raises, frames that wait are dropped and those begun are finished.
    """

    def __init__(
        self,
        folder: Path,
        stem: str,
        objects: Sequence[str],
        *,
        metadata: Callable[[int], PlateMetadata],
        format: str = "exr",
        layout: str = "layers",
        crop: bool = True,
        compression: str = "zip:4",
        bits: int = 16,
        workers: int = 2,
        waiting: int = 4,
    ) -> None:
        if format not in FORMATS:
            raise ExportError(f"The format '{format}' is not known; use one of {', '.join(FORMATS)}.")
        if layout not in LAYOUTS:
            raise ExportError(f"The layout '{layout}' is not known; use one of {', '.join(LAYOUTS)}.")
        if "/" in stem or "\\" in stem or not stem:
            raise ExportError(f"'{stem}' cannot begin a file name; use a name without slashes.")
        self._layers = layer_names(objects)
        self._folder, self._stem, self._format, self._layout = Path(folder), stem, format, layout
        self._metadata, self._crop, self._compression, self._bits = metadata, crop, compression, bits
        make_folder(self._folder)
        remove_leftovers(self._folder, stem)
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="mattes")
        self._places = threading.BoundedSemaphore(workers + waiting)
        self._error: BaseException | None = None

    def paths(self, frame: int) -> dict[str, Path]:
        """Object name to the file that holds its matte on that frame."""
        one_file = (self._format == "exr" and self._layout != "objects") or len(self._layers) == 1
        return {
            name: self._folder / f"{self._stem if one_file else f'{self._stem}_{layer}'}.{frame:04d}.{self._format}"
            for name, layer in self._layers.items()
        }

    def has(self, frame: int) -> bool:
        """Whether the frame's files are there, and so whole, from this run or an earlier one."""
        return all(path.is_file() for path in self.paths(frame).values())

    def write(self, frame: int, mattes: Mapping[str, Matte]) -> None:
        """Hand over one frame: object name to alpha ``[H, W]``; objects left out are absent, and written as zeros.

        The arrays must not be changed afterwards. Blocks while too many frames wait. Raises what an earlier frame
        met with (OutputError, ExportError), and ExportError for an object that the shot does not have.
        """
        unknown = [name for name in mattes if name not in self._layers]
        if unknown:
            raise ExportError(f"The shot has no object '{unknown[0]}'; it has {', '.join(self._layers)}.")
        self._raise_error()
        metadata = self._metadata(frame)
        self._places.acquire()
        try:
            self._raise_error()
            future = self._pool.submit(self._write_frame, frame, mattes, metadata)
        except BaseException:
            self._places.release()
            raise
        future.add_done_callback(self._finished)

    def close(self) -> None:
        """Wait until every frame is written. Raises what a frame met with."""
        self._pool.shutdown(wait=True)
        self._raise_error()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.close()
        else:
            self._pool.shutdown(wait=True, cancel_futures=True)

    def _write_frame(self, frame: int, mattes: Mapping[str, Matte], metadata: PlateMetadata) -> None:
        if self._error is not None:
            return
        empty = np.zeros((metadata.display.height, metadata.display.width), np.float16)
        complete = {name: mattes.get(name, empty) for name in self._layers}
        paths = self.paths(frame)
        if self._format != "exr":
            for name, matte in complete.items():
                write_gray(paths[name], matte, metadata=metadata, bits=self._bits)
            return
        write = write_parts if self._layout == "parts" else write_matte
        for path in dict.fromkeys(paths.values()):
            held = {name: matte for name, matte in complete.items() if paths[name] == path}
            write(path, held, metadata=metadata, crop=self._crop, compression=self._compression)

    def _finished(self, future: Future[None]) -> None:
        self._places.release()
        if not future.cancelled() and self._error is None:
            self._error = future.exception()

    def _raise_error(self) -> None:
        if self._error is not None:
            raise self._error
