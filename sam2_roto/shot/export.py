"""From a shot to everything that is delivered of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from compositing.footage import Footage
from sam2_roto import __version__
from sam2_roto.deliverables import Deliverables
from sam2_roto.delivery import Delivered, Delivery
from sam2_roto.errors import ShotError
from sam2_roto.export.files import replacing
from sam2_roto.export.preview import overlay
from sam2_roto.job import Progress
from sam2_roto.mattes import MatteRecipe
from sam2_roto.rendering import stem

from .pictures import read_mask
from .results import Results
from .streams import pending, settled

Mattes = dict[str, NDArray[Any]]


def frame_mattes(results: Results, recipe: MatteRecipe, frame: int) -> tuple[Mattes, dict[str, Tensor]]:
    """Mattes of the visible objects on a frame, float32 ``[H, W]``, and the logits that they are made of.

    Objects that are not there are left out. A frame that was painted has the artist's mask itself, with the recipe's
    steps.
    """
    footage = results.document.footage
    mattes: Mattes = {}
    logits: dict[str, Tensor] = {}
    for entry in results.document.objects:
        result = results.read(entry.name, frame) if entry.visible else None
        said = settled(entry, results.network.key).get(frame)
        if result is None:
            continue
        if said is not None and said.exact is not None:
            mattes[entry.name] = _painted(read_mask(results.folder, said.exact), recipe)
            logits[entry.name] = result.logits
        elif result.present:
            mattes[entry.name] = recipe.apply(result.logits, (footage.height, footage.width)).numpy()
            logits[entry.name] = result.logits
    return mattes, logits


def export(
    results: Results,
    footage: Footage,
    output: Path,
    what: Deliverables | None = None,
    progress: Progress = lambda _stage, _done, _total: None,
) -> Delivered:
    """Write ``what`` of all visible objects, on every frame of the shot, into the folder ``output``.

    ``footage`` is read in other threads, for this alone. Raises ShotError where the shot is not wholly tracked,
    ExportError or OutputError where it cannot be written.
    """
    names = [entry.name for entry in results.document.objects if entry.visible]
    _check(results, names)
    recipe = MatteRecipe.from_json(results.document.recipe)
    frames = list(results.document.range)
    delivery = Delivery(
        output, stem(footage.path), names, footage, frames, what or Deliverables(), notes=_provenance(results)
    )
    with delivery:
        for done, frame in enumerate(frames, start=1):
            delivery.write(frame, *frame_mattes(results, recipe, frame))
            progress("write", done, len(frames))
        return delivery.close()


def write_overlay(results: Results, footage: Footage, path: Path, frame: int) -> None:
    """Draw the visible objects over the plate of one frame, as a PNG. Raises OutputError."""
    recipe = MatteRecipe.from_json(results.document.recipe)
    found, _ = frame_mattes(results, recipe, frame)
    empty = np.zeros((footage.height, footage.width), np.float32)
    names = [entry.name for entry in results.document.objects if entry.visible]
    picture = overlay(footage.view(frame), [found.get(name, empty) for name in names])
    with replacing(path) as hidden:
        Image.fromarray(picture).save(hidden, format="PNG")


def _painted(mask: NDArray[np.float32], recipe: MatteRecipe) -> NDArray[Any]:
    alpha = torch.from_numpy(mask)
    for step in recipe.steps:
        alpha = step.apply(alpha)
    return alpha.numpy()


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
