"""What is delivered from a shot, as plain data: kinds of files and how they are laid out. Light to import."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from sam2_roto.errors import ExportError

MatteFormat = Literal["exr", "png", "tiff"]
"""File types of the mattes."""

Layout = Literal["layers", "parts", "objects"]
"""How several objects share EXR files: layers of one part, parts of one file, a sequence each."""

Compression = Literal["none", "rle", "zips", "zip", "piz", "pxr24", "dwaa", "dwab"]
"""Compressions of EXR that every host reads."""

MovieKind = Literal["prores4444", "ffv1", "png", "vp9"]
"""Movies with alpha."""

LOSSLESS = ("none", "rle", "zips", "zip", "piz")
"""Those that keep 32-bit floats as they are."""

LEVELS = {"zip": range(1, 10), "zips": range(1, 10), "dwaa": range(1, 1001), "dwab": range(1, 1001)}
"""Levels of the compressions that have any."""

SPLINE_FILES = (".json", ".py", ".mlt", ".svg")

_MOVIE_ENDINGS = {"prores4444": ".mov", "ffv1": ".mkv", "png": ".mov", "vp9": ".webm"}


@dataclass(frozen=True)
class Deliverables:
    """The files that a run writes beside the mattes, and the mattes' own kind.

    Attributes:
        format: of the mattes.
        layout: of the mattes' EXR files.
        compression: of EXR files, optionally with a level after a colon. Cryptomatte needs a lossless one;
            where this is lossy it is written with zip.
        crop: crop data windows to the mattes.
        rgba: premultiplied RGBA of plate and matte as EXR, a sequence for each object.
        cryptomatte: Cryptomatte 1.2 of all objects.
        movie: a movie with alpha of each object, of this kind.
        trimap: a trimap of each object, whose unknown band has this width in pixels, half of it on each side.
        confidence: how sure the network was, as a grey picture of each object.
        splines: roto splines of each object; the ending is the format. Several objects get files of their own, with
            the object's name before the ending.
        preview: overlay movie and contact sheet.

    Raises ExportError where a value is not one of those, or where two contradict one another.
    """

    format: MatteFormat = "exr"
    layout: Layout = "layers"
    compression: str = "zip:4"
    crop: bool = True
    rgba: bool = False
    cryptomatte: bool = False
    movie: MovieKind | None = None
    trimap: float | None = None
    confidence: bool = False
    splines: Path | None = None
    preview: bool = True

    def __post_init__(self) -> None:
        _check_choice("format", self.format, get_args(MatteFormat))
        _check_choice("layout", self.layout, get_args(Layout))
        check_compression(self.compression)
        if self.movie is not None:
            _check_choice("alpha movie", self.movie, get_args(MovieKind))
        if self.format != "exr" and self.layout != "layers":
            raise ExportError(f"the layout '{self.layout}' is one of EXR files, not of {self.format}; leave it out")
        if self.trimap is not None and not (math.isfinite(self.trimap) and self.trimap > 0):
            raise ExportError(f"a trimap's band of {self.trimap:g} px is not possible; give a width above 0")
        if self.splines is not None and self.splines.suffix.lower() not in SPLINE_FILES:
            raise ExportError(
                f"splines cannot be written to {self.splines.name}; give a name that ends in {', '.join(SPLINE_FILES)}"
            )

    @property
    def cryptomatte_compression(self) -> str:
        """The compression of Cryptomatte files, which must be lossless."""
        return self.compression if self.compression.split(":")[0] in LOSSLESS else "zip:4"

    @property
    def movie_ending(self) -> str:
        """The ending of the alpha movie's name."""
        return _MOVIE_ENDINGS[self.movie or "prores4444"]

    @property
    def needs_plate(self) -> bool:
        """Whether the plate itself is part of what is written."""
        return self.rgba or self.movie is not None


def check_compression(text: str) -> None:
    """Raises ExportError for a compression that is not known, or a level that it has not."""
    name, colon, level = text.partition(":")
    _check_choice("compression", name, get_args(Compression))
    if not colon:
        return
    if name not in LEVELS:
        raise ExportError(f"the compression {name} has no level; leave ':{level}' out")
    known = LEVELS[name]
    if not (level.isascii() and level.isdecimal() and int(level) in known):
        raise ExportError(
            f"the level '{level}' of the compression {name} is not possible; give {known[0]} to {known[-1]}, or none"
        )


def _check_choice(what: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise ExportError(f"the {what} '{value}' is not one of {', '.join(known)}")
