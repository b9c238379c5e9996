"""Annotations: the masks of a clip, by frame and object, as every data set's layout is read into and written from."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sam2_roto.errors import DatasetError, ExportError
from sam2_roto.export.files import replacing
from sam2_roto.export.rle import Rle

Mask = NDArray[np.bool_]


@dataclass
class Annotations:
    """Masks of a clip, packed: a long clip takes a few megabytes.

    Attributes:
        width, height: of the plate, in pixels.
        objects: names, in order; an identity map numbers them from 1.
        masks: frame number, then object, to the packed mask. A frame that is a key is annotated; an object that it
            does not name is absent from it.
        attributes: what a layout says beside the masks, kept so that it can be written again.
    """

    width: int
    height: int
    objects: list[str] = field(default_factory=list)
    masks: dict[int, dict[str, Rle]] = field(default_factory=dict)
    attributes: dict[str, Any] = field(default_factory=dict)

    @property
    def frames(self) -> list[int]:
        """The annotated frames, ascending."""
        return sorted(self.masks)

    def add(self, frame: int, masks: Mapping[str, Mask]) -> None:
        """Annotate a frame: object name to bool mask ``[H, W]``; objects new to the clip are appended to its list."""
        packed: dict[str, Rle] = {}
        for name, mask in masks.items():
            if mask.shape != (self.height, self.width):
                raise ExportError(
                    f"The mask of '{name}' on frame {frame} is {mask.shape[1]}×{mask.shape[0]}, "
                    f"the clip {self.width}×{self.height}; make them equal."
                )
            if name not in self.objects:
                self.objects.append(name)
            if mask.any():
                packed[name] = Rle.encode(mask)
        self.masks[frame] = packed

    def read(self, frame: int) -> dict[str, Mask]:
        """The masks of the objects present on an annotated frame, bool ``[H, W]``."""
        return {name: rle.decode() for name, rle in self.masks[frame].items()}

    def __iter__(self) -> Iterator[tuple[int, dict[str, Mask]]]:
        """Frame number and masks, frame by frame."""
        return ((frame, self.read(frame)) for frame in self.frames)


def identity_map(annotations: Annotations, frame: int) -> NDArray[np.uint16]:
    """Object numbers ``[H, W]``, 0 for the background; where objects overlap, the later one in the list is seen."""
    ids = np.zeros((annotations.height, annotations.width), np.uint16)
    for name, mask in annotations.read(frame).items():
        ids[mask] = annotations.objects.index(name) + 1
    return ids


def read_json(path: Path) -> dict[str, Any]:
    """A JSON file that holds an object. Raises DatasetError where it does not."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DatasetError(f"{path} cannot be read ({error.strerror}); check the path.") from error
    except ValueError as error:
        raise DatasetError(f"{path} is no JSON file ({error}); export it again.") from error
    if not isinstance(data, dict):
        raise DatasetError(f"{path} holds no annotations; give a file with an object at its top level.")
    return data


def write_json(path: Path, data: Mapping[str, Any]) -> None:
    """Write a JSON file, whole or not at all. Raises OutputError."""
    with replacing(path) as hidden:
        hidden.write_text(json.dumps(data), encoding="utf-8")
