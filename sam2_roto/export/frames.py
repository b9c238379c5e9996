"""Kinds of picture files that a frame is delivered as; each can write several frames at once, in several threads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from compositing.image import Image
from sam2_roto.errors import ExportError
from sam2_roto.export.cryptomatte import write_cryptomatte
from sam2_roto.export.exr import Matte, write_matte
from sam2_roto.export.maps import confidence, trimap
from sam2_roto.export.metadata import PlateMetadata
from sam2_roto.export.multipart import write_parts
from sam2_roto.export.names import layer_names
from sam2_roto.export.png import write_gray
from sam2_roto.export.rgba import write_rgba

FORMATS = ("exr", "png", "tiff")
LAYOUTS = ("layers", "parts", "objects")
"""How several objects share EXR files: layers of one part, parts of one file, a sequence each."""


@dataclass(frozen=True)
class Finished:
    """One frame, ready to be written.

    Attributes:
        frame: its number.
        mattes: alpha ``[H, W]``, 0 to 1, of every object of the shot; zeros where one is absent.
        metadata: the identity of the plate's frame.
        plate: where something is written that shows it.
        logits: what the network said, ``[h, w]``, of the objects that are seen.
    """

    frame: int
    mattes: Mapping[str, Matte]
    metadata: PlateMetadata
    plate: Image | None = None
    logits: Mapping[str, Tensor] = field(default_factory=dict)


class Names:
    """Names of numbered files: ``<stem>.0001.exr``, or ``<stem>_<object>.0001.exr`` where objects do not share files.

    Numbers are the plate's own, with at least four characters, the sign among them (``-012``), as ``%04d`` has it.
    Raises ExportError for a stem with slashes, or objects whose names clash.
    """

    def __init__(self, folder: Path, stem: str, objects: Sequence[str], ending: str, *, shared: bool) -> None:
        if "/" in stem or "\\" in stem or not stem:
            raise ExportError(f"'{stem}' cannot begin a file name; use a name without slashes.")
        self.layers = layer_names(objects)
        one = shared or len(self.layers) == 1
        self._stems = {name: folder / (stem if one else f"{stem}_{layer}") for name, layer in self.layers.items()}
        self._ending = ending

    def paths(self, frame: int) -> dict[str, Path]:
        """Object name to the file that holds what is told of it on that frame."""
        return {name: Path(f"{stem}.{frame:04d}.{self._ending}") for name, stem in self._stems.items()}


class Files(Protocol):
    """A kind of picture file."""

    def paths(self, frame: int) -> dict[str, Path]:
        """Object name to its file on that frame."""
        ...

    def write(self, finished: Finished) -> None:
        """Write the frame's files, each whole or not at all; called by several threads. Raises OutputError."""
        ...


class MatteFiles(Names):
    """Mattes as EXR in one of ``LAYOUTS``, or as grey PNG or TIFF, which hold one object each."""

    def __init__(
        self,
        folder: Path,
        stem: str,
        objects: Sequence[str],
        *,
        format: str = "exr",
        layout: str = "layers",
        crop: bool = True,
        compression: str = "zip:4",
        bits: int = 16,
    ) -> None:
        if format not in FORMATS:
            raise ExportError(f"The format '{format}' is not known; use one of {', '.join(FORMATS)}.")
        if layout not in LAYOUTS:
            raise ExportError(f"The layout '{layout}' is not known; use one of {', '.join(LAYOUTS)}.")
        super().__init__(folder, stem, objects, format, shared=format == "exr" and layout != "objects")
        self._format, self._layout = format, layout
        self._crop, self._compression, self._bits = crop, compression, bits

    def write(self, finished: Finished) -> None:
        paths, metadata = self.paths(finished.frame), finished.metadata
        if self._format != "exr":
            for name, matte in finished.mattes.items():
                write_gray(paths[name], matte, metadata=metadata, bits=self._bits)
            return
        write = write_parts if self._layout == "parts" else write_matte
        for path in dict.fromkeys(paths.values()):
            held = {name: matte for name, matte in finished.mattes.items() if paths[name] == path}
            write(path, held, metadata=metadata, crop=self._crop, compression=self._compression)


class RgbaFiles(Names):
    """The plate under each matte as premultiplied half EXR."""

    def __init__(
        self, folder: Path, stem: str, objects: Sequence[str], *, crop: bool = True, compression: str = "zip:4"
    ) -> None:
        super().__init__(folder, stem, objects, "exr", shared=False)
        self._crop, self._compression = crop, compression

    def write(self, finished: Finished) -> None:
        if finished.plate is None:
            raise ValueError("the plate is needed to write RGBA")
        paths = self.paths(finished.frame)
        for name, matte in finished.mattes.items():
            write_rgba(
                paths[name],
                finished.plate,
                matte,
                metadata=finished.metadata,
                crop=self._crop,
                compression=self._compression,
            )


class CryptomatteFiles(Names):
    """All objects as Cryptomatte 1.2."""

    def __init__(self, folder: Path, stem: str, objects: Sequence[str], *, compression: str = "zip:4") -> None:
        super().__init__(folder, stem, objects, "exr", shared=True)
        self._compression = compression

    def write(self, finished: Finished) -> None:
        path = next(iter(self.paths(finished.frame).values()))
        write_cryptomatte(path, finished.mattes, metadata=finished.metadata, compression=self._compression)


class TrimapFiles(Names):
    """Trimaps as 8-bit PNG: 0, 128 in a band ``width`` pixels wide, 255."""

    def __init__(self, folder: Path, stem: str, objects: Sequence[str], *, width: float) -> None:
        super().__init__(folder, stem, objects, "png", shared=False)
        self._reach = width / 2

    def write(self, finished: Finished) -> None:
        paths = self.paths(finished.frame)
        for name, matte in finished.mattes.items():
            values = trimap(torch.from_numpy(np.array(matte, np.float32)), self._reach, self._reach)
            write_gray(paths[name], values.numpy(), metadata=finished.metadata, bits=8)


class ConfidenceFiles(Names):
    """How sure the network was, as 16-bit PNG; where an object is absent it was sure."""

    def __init__(self, folder: Path, stem: str, objects: Sequence[str]) -> None:
        super().__init__(folder, stem, objects, "png", shared=False)

    def write(self, finished: Finished) -> None:
        paths, display = self.paths(finished.frame), finished.metadata.display
        for name in finished.mattes:
            logits = finished.logits.get(name)
            sure = torch.full((1, 1), -1024.0) if logits is None else logits
            values = confidence(sure, (display.height, display.width))
            write_gray(paths[name], values.numpy(), metadata=finished.metadata)
