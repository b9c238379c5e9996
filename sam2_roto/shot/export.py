"""From a shot to mattes on disk."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from compositing.footage import Footage
from sam2_roto import __version__
from sam2_roto.errors import ShotError
from sam2_roto.export.files import replacing
from sam2_roto.export.metadata import PlateMetadata
from sam2_roto.export.preview import overlay
from sam2_roto.export.previews import MOVIE, SHEET, write_previews
from sam2_roto.export.sequence import SequenceWriter
from sam2_roto.job import MatteFormat, Progress
from sam2_roto.mattes import MatteRecipe
from sam2_roto.rendering import Rendered, stem

from .pictures import read_mask
from .results import Results
from .streams import pending, settled


def frame_mattes(results: Results, recipe: MatteRecipe, frame: int) -> dict[str, NDArray[Any]]:
    """The mattes of the visible objects on a frame, float32 ``[H, W]``; objects that are not there are left out.

    A frame that was painted has the artist's mask itself, with the recipe's steps.
    """
    footage = results.document.footage
    size = (footage.height, footage.width)
    mattes: dict[str, NDArray[Any]] = {}
    for entry in results.document.objects:
        if not entry.visible:
            continue
        said = settled(entry, results.network.key).get(frame)
        if said is not None and said.exact is not None:
            alpha = torch.from_numpy(read_mask(results.folder, said.exact))
            for step in recipe.steps:
                alpha = step.apply(alpha)
            mattes[entry.name] = alpha.numpy()
        else:
            result = results.read(entry.name, frame)
            if result is not None and result.present:
                mattes[entry.name] = recipe.apply(result.logits, size).numpy()
    return mattes


def export(
    results: Results,
    footage: Footage,
    output: Path,
    *,
    format: MatteFormat = "exr",
    preview: bool = True,
    progress: Progress = lambda _stage, _done, _total: None,
) -> Rendered:
    """Write the mattes of all visible objects, on every frame of the shot, and the previews beside them.

    Raises ShotError where the shot is not wholly tracked, ExportError or OutputError where it cannot be written.
    """
    names = [entry.name for entry in results.document.objects if entry.visible]
    _check(results, names)
    recipe = MatteRecipe.from_json(results.document.recipe)
    frames = list(results.document.range)
    display = footage.read(frames[0]).display
    notes = _provenance(results)
    absent: dict[str, list[int]] = {name: [] for name in names}
    writer = SequenceWriter(
        output,
        f"{stem(footage.path)}_matte",
        names,
        metadata=lambda frame: PlateMetadata.of(footage, frame, display=display, notes=notes),
        format=format,
    )
    with ExitStack() as stack:
        stack.enter_context(writer)
        show = stack.enter_context(write_previews(output, footage, frames, names)) if preview else None
        for done, frame in enumerate(frames, start=1):
            mattes = frame_mattes(results, recipe, frame)
            for name in set(names) - set(mattes):
                absent[name].append(frame)
            writer.write(frame, mattes)
            if show is not None:
                show(frame, mattes)
            progress("write", done, len(frames))
    files = dict.fromkeys(path for frame in frames for path in writer.paths(frame).values())
    previews = (output / MOVIE, output / SHEET) if preview else ()
    return Rendered(tuple(files), previews, {name: tuple(found) for name, found in absent.items()})


def _check(results: Results, names: list[str]) -> None:
    if not names:
        raise ShotError("the shot has no visible object; mark one, or show one with 'sam2-roto shot set'")
    missing = {name: count for name, count in results.missing().items() if name in names}
    waiting = [name for name in names if name not in missing and not _answered(results, name)]
    if missing or waiting:
        told = [f"{count} of '{name}'" for name, count in missing.items()] + [f"'{name}'" for name in waiting]
        raise ShotError(f"frames are not tracked yet ({', '.join(told)}); give 'sam2-roto shot track' first")


def _answered(results: Results, name: str) -> bool:
    """Whether an object has keyframes, and none of them awaits an answer."""
    entry = results.document.object(name)
    return bool(entry.keyframes) and not pending(entry, results.network.key, results.document.range)


def _provenance(results: Results) -> Mapping[str, str]:
    """Header attributes that tell what a matte was made with."""
    return {
        "sam2_roto/version": __version__,
        "sam2_roto/model": results.network.name,
        "sam2_roto/network": results.network.key,
        "sam2_roto/shot": results.folder.name,
    }


def write_overlay(results: Results, footage: Footage, path: Path, frame: int) -> None:
    """Draw the visible objects over the plate of one frame, as a PNG. Raises OutputError."""
    recipe = MatteRecipe.from_json(results.document.recipe)
    found = frame_mattes(results, recipe, frame)
    empty = np.zeros((footage.height, footage.width), np.float32)
    names = [entry.name for entry in results.document.objects if entry.visible]
    picture = overlay(footage.view(frame), [found.get(name, empty) for name in names])
    with replacing(path) as hidden:
        Image.fromarray(picture).save(hidden, format="PNG")
