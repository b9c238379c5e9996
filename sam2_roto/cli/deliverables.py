"""The options that say what is written, alike for every command that delivers."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import get_args

from sam2_roto.deliverables import Compression, Deliverables, Layout, MatteFormat, MovieKind
from sam2_roto.errors import ExportError


def add_deliverables(parser: argparse.ArgumentParser) -> None:
    """The options."""
    add = parser.add_argument_group("what is written").add_argument
    known = ", ".join(get_args(Compression))
    yes_no = argparse.BooleanOptionalAction
    add("--format", choices=get_args(MatteFormat), default="exr", help="file type of the mattes (default: exr)")
    add("--layout", choices=get_args(Layout), default="layers", help="how several objects share EXR files")
    add("--compression", metavar="C", help=f"of EXR files: {known}, or with a level, zip:4 (default)")
    add("--no-crop", dest="crop_windows", action="store_false", help="keep data windows whole (default: the matte's)")
    add("--rgba", action="store_true", help="also the plate under the matte, premultiplied RGBA, as EXR")
    add("--cryptomatte", action="store_true", help="also a Cryptomatte of all objects")
    add("--alpha-movie", choices=get_args(MovieKind), help="also a movie with alpha of each object")
    add("--trimap", type=float, metavar="PX", help="also trimaps, whose unknown band is PX pixels wide")
    add("--confidence", action="store_true", help="also how sure the network was, as grey pictures")
    add("--splines", type=Path, metavar="FILE", help="also roto splines: .json, .py (Nuke), .mlt or .svg")
    add("--preview", action=yes_no, default=True, help="overlay movie and contact sheet (default: yes)")


def deliverables_of(args: argparse.Namespace) -> Deliverables:
    """What the options say; raises ExportError where they contradict one another."""
    if args.compression is not None and args.format != "exr" and not (args.rgba or args.cryptomatte):
        raise ExportError("--compression is of EXR files, and none are asked for; leave it out, or give --format exr")
    return Deliverables(
        format=args.format,
        layout=args.layout,
        compression=args.compression or Deliverables.compression,
        crop=args.crop_windows,
        rgba=args.rgba,
        cryptomatte=args.cryptomatte,
        movie=args.alpha_movie,
        trimap=args.trimap,
        confidence=args.confidence,
        splines=args.splines,
        preview=args.preview,
    )
