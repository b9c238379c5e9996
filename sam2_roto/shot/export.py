"""From a shot to everything that is delivered of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from compositing.footage import Footage, numbering
from sam2_roto import __version__
from sam2_roto.deliverables import Deliverables
from sam2_roto.delivery import Delivered, Delivery, check_apart, delivery_files
from sam2_roto.errors import ShotError
from sam2_roto.export.files import make_folder, replacing
from sam2_roto.export.preview import overlay
from sam2_roto.export.record import Record
from sam2_roto.job import Progress, silent
from sam2_roto.mattes import MatteRecipe
from sam2_roto.rendering import FrameMattes, frame_mattes, single_frame_mattes
from sam2_roto.tracking.source import FrameSource

from .document import Document
from .footage import open_reference
from .pictures import read_mask
from .results import Results
from .streams import pending, settled

_MAKER = "shot"
"""In the record of what was delivered: shots replace each other's files, which are made anew whenever one is mended."""


def recipe_of(document: Document) -> MatteRecipe:
    """The shot's recipe, the default one where it says nothing. Raises ExportError."""
    return MatteRecipe.from_json(document.recipe) if document.recipe else MatteRecipe.preset("default")


def shot_mattes(results: Results, footage: FrameSource, frames: Sequence[int], start: int = 0) -> Iterator[FrameMattes]:
    """Mattes of the visible objects on ``frames``, float32 ``[H, W]``; objects that are not there are left out.

    Frames before the place ``start`` are only looked at, by the recipe's steps over time.

    A painted frame has the artist's mask itself, with the recipe's choke and feather. A locked one is made from what
    was locked and the plate alone: the recipe's steps over time leave it as it is.
    """
    recipe, size = recipe_of(results.document), (footage.height, footage.width)
    names = visible(results.document)
    for made in frame_mattes(results, frames, names, recipe, size, footage, start):
        for entry in results.document.objects:
            said = settled(entry, results.network.key).get(made.frame)
            if said is None or not entry.visible:
                continue
            if said.exact is not None:
                made.mattes[entry.name] = _painted(read_mask(results.folder, said.exact), recipe)
            elif said.locked and entry.name in made.mattes:
                still = replace(recipe, steps=tuple(step for step in recipe.steps if not step.radius))
                alone = single_frame_mattes(results, [made.frame], [entry.name], still, size, made.frame, footage)
                made.mattes.update(alone.mattes)
        yield made


def visible(document: Document) -> list[str]:
    """Names of the objects that are delivered."""
    return [entry.name for entry in document.objects if entry.visible]


def export(
    results: Results,
    footage: Footage,
    output: Path,
    what: Deliverables | None = None,
    progress: Progress = silent,
) -> Delivered:
    """Write ``what`` of all visible objects, on every frame of the shot, into the folder ``output``.

    ``footage`` is read in other threads, for this alone. Raises ShotError where the shot is not wholly tracked,
    ExportError or OutputError where it cannot be written, or would replace what it must not.
    """
    names = visible(results.document)
    _check(results, names)
    frames, what = list(results.document.range), what or Deliverables()
    stem = numbering.stem(footage.path)
    _claim(output, delivery_files(output, stem, names, frames, what), footage)
    delivery = Delivery(output, stem, names, footage, frames, what, notes=_provenance(results))
    with delivery, open_reference(results.document.footage, results.folder) as plates:
        for done, made in enumerate(shot_mattes(results, plates, frames), start=1):
            delivery.write(made.frame, made.mattes, made.logits)
            progress("write", done, len(frames))
        return delivery.close()


def _claim(output: Path, files: list[Path], footage: Footage) -> None:
    """Refuse to replace what no shot has written, and note what this one will write."""
    check_apart(output, files, footage)
    record = Record(output)
    record.check(files, _MAKER, "move it away, or choose another output")
    make_folder(output)
    record.add(files, _MAKER)


def write_overlay(results: Results, footage: Footage, path: Path, frame: int) -> None:
    """Draw the visible objects over the plate of one frame, as a PNG. Raises OutputError."""
    mattes = next(iter(shot_mattes(results, footage, [frame]))).mattes
    empty = np.zeros((footage.height, footage.width), np.float32)
    picture = overlay(footage.view(frame), [mattes.get(name, empty) for name in visible(results.document)])
    with replacing(path) as hidden:
        Image.fromarray(picture).save(hidden, format="PNG")


def _painted(mask: NDArray[np.float32], recipe: MatteRecipe) -> NDArray[np.float32]:
    alpha = torch.from_numpy(mask)
    for step in recipe.steps:
        alpha = step.apply(alpha)  # those that look at the plate or at other frames leave it as it is
    painted: NDArray[np.float32] = alpha.numpy()
    return painted


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
