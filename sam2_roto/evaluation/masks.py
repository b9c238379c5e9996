"""True masks as data sets keep them: identity maps, a folder per object, or one file of run lengths."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np

from compositing.errors import FootageError
from compositing.footage import numbering
from sam2_roto.errors import DatasetError
from sam2_roto.evaluation.davis import Mask
from sam2_roto.export.annotations import Annotations, read_json
from sam2_roto.export.coco import read_coco
from sam2_roto.export.indexed import read_ids
from sam2_roto.export.sav import read_sav

_VOID = 255  # pixels of a palette map that no one annotated


class MaskSource(Protocol):
    """The true masks of one clip."""

    @property
    def frames(self) -> Sequence[int]:
        """The annotated frames, ascending."""

    @property
    def objects(self) -> Sequence[str]:
        """Names of all objects of the clip."""

    def read(self, frame: int) -> dict[str, Mask]:
        """Bool masks ``[H, W]`` of the objects present on an annotated frame."""


def open_masks(path: Path) -> MaskSource:
    """The masks at a path: a folder of pictures, a folder of such folders, or a JSON file of SA-V or COCO.

    Raises DatasetError where the path is none of these.
    """
    if path.is_file() and path.suffix.lower() == ".json":
        return PackedMasks(read_sav(path) if "masklet" in read_json(path) else read_coco(path))
    if path.is_dir() and holds_pictures(path):
        return IdentityMaps(path)
    if path.is_dir() and any(holds_pictures(folder) for folder in path.iterdir() if folder.is_dir()):
        return ObjectFolders(path)
    raise DatasetError(f"There are no masks at {path}; give a folder of PNG masks, or a JSON file of SA-V or COCO.")


class IdentityMaps:
    """One picture per frame: palette or grey object numbers (DAVIS, MOSE, YouTube-VOS), or a black and white mask."""

    def __init__(self, folder: Path) -> None:
        self._files = _numbered(folder)
        self.frames: Sequence[int] = sorted(self._files)

    @cached_property
    def objects(self) -> Sequence[str]:
        """Names of all objects, which are their numbers."""
        found = {int(number) for path in self._files.values() for number in np.unique(read_ids(path))}
        return [str(number) for number in sorted(found - {0, _VOID})]

    def read(self, frame: int) -> dict[str, Mask]:
        """Bool masks ``[H, W]`` of the objects present."""
        ids = read_ids(self._files[frame])
        return {str(number): ids == number for number in np.unique(ids) if number not in (0, _VOID)}


class ObjectFolders:
    """A folder per object, in it a mask per frame on which it is annotated (SA-V's validation and test sets)."""

    def __init__(self, folder: Path) -> None:
        folders = sorted(part for part in folder.iterdir() if part.is_dir() and holds_pictures(part))
        self._files = {part.name: _numbered(part) for part in folders}
        self.objects: Sequence[str] = list(self._files)
        self.frames: Sequence[int] = sorted({frame for files in self._files.values() for frame in files})

    def read(self, frame: int) -> dict[str, Mask]:
        """Bool masks ``[H, W]`` of the objects present."""
        masks = {name: read_ids(files[frame]) > 0 for name, files in self._files.items() if frame in files}
        return {name: mask for name, mask in masks.items() if mask.any()}


class PackedMasks:
    """Run-length masks in memory."""

    def __init__(self, annotations: Annotations) -> None:
        self._annotations = annotations
        self.objects: Sequence[str] = annotations.objects
        self.frames: Sequence[int] = annotations.frames

    def read(self, frame: int) -> dict[str, Mask]:
        """Bool masks ``[H, W]`` of the objects present."""
        return self._annotations.read(frame)


def holds_pictures(folder: Path) -> bool:
    """Whether any file in the folder is a picture."""
    return any(path.suffix.lower() in numbering.PICTURES for path in folder.iterdir())


def _numbered(folder: Path) -> dict[int, Path]:
    try:
        return numbering.find(folder).files
    except FootageError as error:
        raise DatasetError(f"The masks in {folder} are not one numbered sequence ({error})") from error
