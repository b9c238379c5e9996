"""Opening footage: a movie, an image sequence or a still, by its path alone."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path

from compositing.errors import FootageError
from compositing.footage import numbering
from compositing.footage.footage import Footage
from compositing.footage.rates import parse_rate
from compositing.footage.sequence import SequenceFootage
from compositing.footage.video import VideoFootage


def open_footage(
    path: str | os.PathLike[str],
    *,
    start: int | None = None,
    color_space: str | None = None,
    rate: Fraction | float | str | None = None,
    layer: str | None = None,
) -> Footage:
    """The footage at ``path``.

    ``path`` is a movie, a folder with one image sequence, a pattern (``plate.%04d.exr``, ``plate.####.exr``), one
    file of a sequence (which opens all of it), or a still. ``start`` numbers the first frame: a movie begins at 0, a
    sequence at the number in its first file's name. ``color_space`` is a name of the OCIO config and overrides what
    the file says, as does ``rate`` (24, 23.976, "24000/1001"). ``layer`` chooses a layer, part or channel of an EXR.

    Raises FootageError where the path is no footage, ColorError for an unknown colour space.
    """
    place = Path(path)
    exact = parse_rate(rate)
    pictures = place.is_dir() or place.suffix.lower() in numbering.PICTURES
    if pictures or (numbering.is_pattern(place) and not place.exists()):
        return SequenceFootage(place, start=start, color_space=color_space, rate=exact, layer=layer)
    if not place.exists():
        raise FootageError(f"There is no file or folder {place}; check the path.")
    if layer is not None:
        raise FootageError(f"{place.name} is a movie, which has no layers; leave layer={layer!r} out.")
    return VideoFootage(place, start=start or 0, color_space=color_space, rate=exact)
