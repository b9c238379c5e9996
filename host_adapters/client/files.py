"""Whose a file is that the service wrote, by its name."""

from __future__ import annotations

import os
import re

_ENDING = re.compile(r"(\.-?\d+)?\.[^.]+$")
_REPLACED = re.compile(r"[^A-Za-z0-9_]")

TYPE_CHECKING = False  # importing typing takes longer than importing this client
if TYPE_CHECKING:
    Path = str | os.PathLike[str]


def stem_of(path: Path) -> str:
    """A file's name without the frame's number and the ending; dots that the plate's name has of its own stay.

    ``sh010.plate_matte_dog.1001.exr`` gives ``sh010.plate_matte_dog``.
    """
    return _ENDING.sub("", os.path.basename(path))


def layer_of(object_name: str) -> str:
    """An object's name as files carry it: what is not a-z, 0-9 or an underscore becomes one."""
    return _REPLACED.sub("_", object_name)
