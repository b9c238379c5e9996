"""Facts of files that only Blender's own readers tell. Each is read once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy

from .errors import SceneError

_facts: dict[Path, tuple[int, tuple[int, int]]] = {}


def movie_facts(path: Path, *, load: bool = True) -> tuple[int, tuple[int, int]]:
    """Length in frames, width and height of a movie.

    While Blender draws, ``load`` must be False: what is not known yet is read a moment later, and SceneError raised.
    """
    return _known(path, load, bpy.data.movieclips, lambda clip: (clip.frame_duration, (clip.size[0], clip.size[1])))


def picture_size(path: Path, *, load: bool = True) -> tuple[int, int]:
    """Width and height of a picture, likewise."""
    return _known(path, load, bpy.data.images, lambda image: (1, (image.size[0], image.size[1])))[1]


def _known(path: Path, load: bool, collection: Any, facts: Any) -> tuple[int, tuple[int, int]]:
    if path not in _facts and not load:
        bpy.app.timers.register(lambda: _read(path, collection, facts))
        raise SceneError(f"{path.name} is being looked at.")
    if path not in _facts:
        _read(path, collection, facts)
    return _facts[path]


def _read(path: Path, collection: Any, facts: Any) -> None:
    held = collection.load(str(path))
    try:
        _facts[path] = facts(held)
    finally:
        collection.remove(held)
