"""From stored masklets to mattes and previews on disk."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from compositing.footage import Footage
from sam2_roto.export.metadata import PlateMetadata
from sam2_roto.export.previews import MOVIE, SHEET, write_previews
from sam2_roto.export.sequence import SequenceWriter
from sam2_roto.job import Progress, RotoscopeJob
from sam2_roto.masklets import MaskletStore
from sam2_roto.mattes import MatteRecipe


@dataclass(frozen=True)
class Rendered:
    """The files that were written, and the frames on which an object is not seen."""

    mattes: tuple[Path, ...]
    previews: tuple[Path, ...]
    absent: dict[str, tuple[int, ...]]


def render_mattes(
    job: RotoscopeJob, footage: Footage, store: MaskletStore, notes: Mapping[str, str], progress: Progress
) -> Rendered:
    """Derive the mattes of every frame in ``store``, in the clip's order, with the previews beside them.

    ``notes`` go into the mattes' headers. Raises ExportError or OutputError.
    """
    names = job.object_names
    recipe = MatteRecipe.from_options(feather=job.feather, choke=job.choke)
    absent: dict[str, list[int]] = {name: [] for name in names}
    display = footage.read(store.frames[0]).display  # it need not begin at 0, 0
    writer = SequenceWriter(
        job.output,
        f"{stem(footage.path)}_matte",
        names,
        metadata=lambda frame: PlateMetadata.of(footage, frame, display=display, notes=notes),
        format=job.format,
    )
    with ExitStack() as stack:
        stack.enter_context(writer)
        preview = stack.enter_context(write_previews(job.output, footage, store.frames, names)) if job.preview else None
        for done, frame in enumerate(store.frames, start=1):
            found = {name: store.read(name, frame) for name in names}
            logits = {name: result.logits for name, result in found.items() if result and result.present}
            mattes = {
                name: recipe.apply(rows, (footage.height, footage.width)).numpy() for name, rows in logits.items()
            }
            for name in names:
                if name not in mattes:
                    absent[name].append(frame)
            writer.write(frame, mattes)
            if preview is not None:
                preview(frame, mattes)
            progress("write", done, len(store.frames))
    files = dict.fromkeys(path for frame in store.frames for path in writer.paths(frame).values())
    previews = (job.output / MOVIE, job.output / SHEET) if job.preview else ()
    return Rendered(tuple(files), previews, {name: tuple(frames) for name, frames in absent.items()})


def stem(path: Path) -> str:
    """The footage's name without number and ending: ``plate.1001.exr`` and ``plate.%04d.exr`` give ``plate``."""
    name = path.name if path.is_dir() else path.stem
    return re.sub(r"[._-]?(\d+|%0?\d*d|#+|\*)$", "", name) or "plate"
