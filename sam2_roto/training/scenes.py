"""Scenes: short pieces of real film with what a published model follows through them, to learn tracking from.

``teacher/scenes.py`` makes them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sam2_roto.errors import DatasetError
from sam2_roto.export.files import replacing
from sam2_roto.training.config import SCENE_FRAMES
from sam2_roto.training.lessons import from_jpeg, to_jpeg

Array = npt.NDArray[Any]

FRAMES = SCENE_FRAMES


@dataclass
class Scene:
    """A piece of film and its objects: frames uint8 [T, H, W, 3] and labels uint8 [T, H, W]."""

    frames: Array
    labels: Array


def save_scene(scene: Scene, path: Path) -> None:
    """Write a scene; the file appears whole or not at all. Raises OutputError where it cannot be written."""
    arrays = {"labels": scene.labels, **{f"frame{k}": to_jpeg(frame) for k, frame in enumerate(scene.frames)}}
    with replacing(path) as draft, draft.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)


def load_scene(path: Path, first: int, frames: int) -> Scene:
    """``frames`` of a scene's frames, from ``first`` on. Raises DatasetError where the file is no scene."""
    try:
        with np.load(path) as stored:
            pictures = [from_jpeg(stored[f"frame{k}"]) for k in range(first, first + frames)]
            return Scene(np.stack(pictures), stored["labels"][first : first + frames])
    except (OSError, KeyError, ValueError) as error:
        raise DatasetError(f"{path} is no scene; remove it, and have it made again.") from error


def random_scene_part(scenes: list[Path], seed: int, frames: int) -> Scene:
    """So many frames in a row of a random scene."""
    rng = np.random.default_rng(seed)
    return load_scene(scenes[int(rng.integers(len(scenes)))], int(rng.integers(FRAMES - frames + 1)), frames)


def find_scenes(folder: Path) -> list[Path]:
    """The scenes in a folder, by number. Raises DatasetError where there are none."""
    found = sorted(folder.glob("*.npz"))
    if not found:
        raise DatasetError(f"{folder} has no scenes; make them by python -m sam2_roto.training.teacher.scenes.")
    return found
