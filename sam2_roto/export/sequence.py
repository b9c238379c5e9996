"""Sequences of mattes: numbered as the plate, written by a pool of threads that the tracker never outruns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from sam2_roto.errors import ExportError
from sam2_roto.export.exr import Matte
from sam2_roto.export.files import make_folder, remove_leftovers
from sam2_roto.export.frames import Finished, MatteFiles
from sam2_roto.export.lanes import Lane
from sam2_roto.export.metadata import PlateMetadata


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
        self._files = MatteFiles(
            Path(folder), stem, objects, format=format, layout=layout, crop=crop, compression=compression, bits=bits
        )
        self._metadata = metadata
        make_folder(Path(folder))
        remove_leftovers(Path(folder), stem)
        self._lane: Lane[Finished] = Lane("mattes", self._files.write, workers=workers, waiting=waiting)

    def paths(self, frame: int) -> dict[str, Path]:
        """Object name to the file that holds its matte on that frame."""
        return self._files.paths(frame)

    def has(self, frame: int) -> bool:
        """Whether the frame's files are there, and so whole, from this run or an earlier one."""
        return all(path.is_file() for path in self.paths(frame).values())

    def write(self, frame: int, mattes: Mapping[str, Matte]) -> None:
        """Hand over one frame: object name to alpha ``[H, W]``; objects left out are absent, and written as zeros.

        The arrays must not be changed afterwards. Blocks while too many frames wait. Raises what an earlier frame
        met with (OutputError, ExportError), and ExportError for an object that the shot does not have.
        """
        self._lane.check()
        metadata = self._metadata(frame)
        self._lane.put(Finished(frame, complete(mattes, tuple(self._files.layers), metadata), metadata))

    def close(self) -> None:
        """Wait until every frame is written. Raises what a frame met with."""
        self._lane.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.close()
        else:
            self._lane.abandon()


def complete(mattes: Mapping[str, Matte], objects: Sequence[str], metadata: PlateMetadata) -> dict[str, Matte]:
    """A matte for every object, zeros where one is left out. Raises ExportError for an object not of the shot."""
    unknown = [name for name in mattes if name not in objects]
    if unknown:
        raise ExportError(f"The shot has no object '{unknown[0]}'; it has {', '.join(objects)}.")
    absent = np.broadcast_to(np.float16(0), (metadata.display.height, metadata.display.width))
    return {name: mattes.get(name, absent) for name in objects}
