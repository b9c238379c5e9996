"""What a person judges a run by: an overlay movie and a contact sheet, made as the mattes are."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import cast

from compositing.footage import Footage
from sam2_roto.export.contact import ContactSheet, spread
from sam2_roto.export.exr import Matte
from sam2_roto.export.files import remove_leftovers
from sam2_roto.export.preview import OverlayMovie, View

MOVIE, SHEET = "overlay.mp4", "contact_sheet.png"

CELLS = 12
"""Most frames on the contact sheet."""

Add = Callable[[int, Mapping[str, Matte]], None]
"""Shows a frame with its mattes by object; objects left out are absent."""


@contextmanager
def write_previews(folder: Path, footage: Footage, frames: Sequence[int], objects: Sequence[str]) -> Iterator[Add]:
    """Write ``overlay.mp4`` and ``contact_sheet.png`` into ``folder``; both appear when the block ends well.

    Gives a function that is to be called once for each of ``frames``, in their order. Raises OutputError.
    """
    chosen = set(spread(frames, CELLS))
    sheet = ContactSheet(footage.path.name, objects, pixel_aspect=footage.pixel_aspect)
    remove_leftovers(folder, SHEET)
    views = cast("Generator[tuple[int, View]]", footage.views(frames))
    with OverlayMovie(folder / MOVIE, objects, footage.rate) as movie, closing(views):

        def add(frame: int, mattes: Mapping[str, Matte]) -> None:
            picture = movie.write(next(views)[1], mattes)
            if frame in chosen:
                sheet.add(str(frame), picture)

        yield add
    sheet.write(folder / SHEET)
