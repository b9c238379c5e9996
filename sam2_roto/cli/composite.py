"""``sam2-roto composite``: an object cut out by its mattes, before another background."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

from compositing.errors import CompositingError
from compositing.footage.frames import FrameRange, runs
from sam2_roto.cli.parser import Subparsers
from sam2_roto.cli.progress import ProgressBar

if TYPE_CHECKING:
    from compositing.background_job import CompositeJob, CompositeResult
    from sam2_roto.shot.document import Document

SHOT = ".roto"
"""Ending of a shot's folder."""

_DESCRIPTION = """Put an object before another background, in linear light and without a fringe.

PLATE is a movie, a folder of pictures, or one picture of a sequence; the mattes carry its frame numbers, as those of
'sam2-roto rotoscope' do. Those of a shot (NAME.roto) are written beside the output first. The background is a picture,
a movie or a sequence, which begins with the plate; a colour (white, '#ffcc00'); blur:PX, the plate itself out of focus;
transparent; or plate, the plate as it is. The name of the output decides what is written: name.mp4 (H.264), name.mov
(ProRes), name.mkv, name.####.exr, .png, .tif or .jpg, or a folder, which gets EXR. Movies keep the plate's sound."""

_EXAMPLES = """examples:
  a dog on another beach, its edge lit by it
      sam2-roto composite dog.mp4 --matte mattes --background beach.mp4 -o out.mp4 --wrap 0.5 --match 0.4
  a background that is shorter than the plate, or a picture
      sam2-roto composite dog.mp4 --matte mattes --background clouds.mov --background-time loop -o out.mov
      sam2-roto composite dog.mp4 --matte dog.roto --background park.jpg -o out.mp4
  mattes that are hazy round the object
      sam2-roto composite dog.mp4 --matte mattes --background park.jpg -o out.mp4 --clip 0.3-0.7
  cut out: EXR sequence, ProRes 4444 with alpha, on white with a soft shadow
      sam2-roto composite dog.mp4 --matte mattes --background transparent -o cut/dog.####.exr
      sam2-roto composite dog.mp4 --matte mattes --background transparent -o dog.mov
      sam2-roto composite shoe.jpg --matte shoe_matte.png --preset cutout -o shoe_white.jpg
  portrait blur; upright, the frame following the object
      sam2-roto composite talk.mp4 --matte mattes --background blur:14 -o out.mp4
      sam2-roto composite talk.mp4 --matte mattes --preset vertical -o upright.mp4

Picture files that are there from the same command are kept: a run that was stopped goes on where it was.
"""

_PRESETS = ("cutout", "portrait", "vertical")


def add_parser(subparsers: Subparsers) -> None:
    """Describe ``composite`` and its options."""
    parser = subparsers.add_parser(
        "composite",
        help="put an object before another background",
        description=_DESCRIPTION,
        epilog=_EXAMPLES,
    )
    add = parser.add_argument
    add("plate", type=Path, metavar="PLATE", help="movie, folder, or one picture of a sequence")
    add("--matte", type=Path, required=True, metavar="DIR", help="mattes: folder, one of a sequence, movie, or shot")
    add("--background", metavar="WHAT", help="picture, movie, colour, blur:PX, transparent or plate")
    add("-o", "--output", type=Path, required=True, metavar="OUT", help="movie, picture files, or folder for EXR")
    add("--preset", choices=_PRESETS, help="cutout: on white with a shadow; portrait: blur; vertical: 9:16, following")
    _add_footage(parser)
    _add_background(parser)
    _add_edge(parser)
    _add_output(parser)
    add("--json", action="store_true", help="print what was written as JSON")


def _add_footage(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("plate and mattes").add_argument
    add("--range", dest="frames", type=FrameRange.parse, metavar="A-B", help="these frames alone (default: all)")
    add("--start", type=int, metavar="N", help="number of a movie's first frame (default: 0)")
    add("--rate", metavar="FPS", help="frame rate of a sequence that does not tell it")
    add("--color-space", metavar="SPACE", help="the plate's colour space (default: what the files say)")
    add("--object", dest="objects", action="append", metavar="NAME", help="which object of the mattes; can be repeated")


def _add_background(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("background").add_argument
    add("--fit", choices=("fill", "fit", "stretch"), help="cut what stands over, show all with bars, or distort")
    add(
        "--background-time",
        dest="timing",
        choices=("once", "still", "loop", "hold"),
        help="from its beginning (default), its first frame alone, over and over, or its last frame held",
    )
    add("--background-offset", dest="offset", type=int, metavar="N", help="begin N frames into the background")
    add("--retime", action="store_true", default=None, help="show the nearest frames of a background of another rate")
    add("--background-space", metavar="SPACE", help="its colour space (default: what the files say)")


def _add_edge(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("object and edge").add_argument
    add("--clip", type=parse_clip, metavar="LOW-HIGH", help="alpha up to LOW is made 0, from HIGH on 1 (default: 0-1)")
    add("--choke", type=float, metavar="PX", help="move the edge inwards; negative: outwards (default: 0)")
    add("--despill", dest="screen", choices=("green", "blue"), help="take the light of a screen off the object")
    add("--wrap", type=float, metavar="AMOUNT", help="light of the background on the edge (default: 0, full: 1)")
    add("--wrap-size", type=float, metavar="PX", help="how deep that light goes (default: 1/120 of the width)")
    add("--match", type=float, metavar="AMOUNT", help="light the object as the background is lit, 0 to 1 (default: 0)")
    add("--shadow", type=float, metavar="DENSITY", help="a soft shadow behind the object, 0 to 1 (default: 0)")
    add(
        "--no-foreground",
        dest="estimate",
        action="store_false",
        default=None,
        help="keep the old background's colour in soft edges",
    )


def _add_output(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("output").add_argument
    add("--size", type=parse_size, metavar="WxH", help="another size, cut from the middle of the plate")
    add("--follow", action="store_true", default=None, help="move that frame with the object")
    add("--smooth", type=float, metavar="SECONDS", help="how slowly it follows (default: 0.7)")
    add("--codec", choices=("h264", "h265", "prores", "prores4444", "ffv1"), help="of a movie (default: by its name)")
    add("--depth", type=int, choices=(8, 16, 32), help="bits of pictures (default: 8; EXR 16)")
    add("--sound", type=Path, metavar="FILE", help="sound of another file, from the plate's first frame on")
    add("--silent", action="store_true", default=None, help="leave sound out")
    add("--working-space", metavar="SPACE", help="linear space to work in (default: the plate's, or Rec.709)")
    add("--output-space", metavar="SPACE", help="colour space of the output (default: as the plate is shown)")
    add("--save-graph", dest="graph", type=Path, metavar="FILE", help="keep the graph as JSON")
    add("--device", metavar="D", help="cpu, cuda, cuda:1 or mps (default: cpu)")


def parse_size(text: str) -> tuple[int, int]:
    """``"1080x1920"`` as width and height."""
    width, _, height = text.lower().partition("x")
    try:
        return int(width), int(height)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no size; write it as 1080x1920") from error


def parse_clip(text: str) -> tuple[float, float]:
    """``"0.2-0.8"`` as two numbers."""
    low, _, high = text.partition("-")
    try:
        return float(low), float(high)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no pair of numbers; write it as 0.2-0.8") from error


def job_of(args: argparse.Namespace) -> CompositeJob:
    """The job that the options describe, those of its preset where they are not given."""
    from compositing.background_job import PRESETS, Background, CompositeJob

    known = {field.name for field in fields(CompositeJob)}
    given = {name: value for name, value in vars(args).items() if name in known and value is not None}
    if args.background is not None:
        given["background"] = Background.parse(args.background)
    if args.objects:
        given["objects"] = tuple(args.objects)
    settings = {**PRESETS.get(args.preset, {}), **given}
    if "background" not in settings:
        raise CompositingError("no background is given; name one with --background, or choose a --preset")
    return CompositeJob(**settings)


def run(args: argparse.Namespace) -> int:
    """Do the job, and tell what was written."""
    job = job_of(args)
    from compositing.background_run import composite  # torch comes with it, and a wrong word should be told before that

    with ProgressBar(args.quiet) as progress:
        if job.matte.suffix == SHOT:
            job = replace(job, matte=mattes_of(job, progress))
        result = composite(job, progress)
    print(json.dumps(asdict(result), default=str, indent=2) if args.json else describe(result))
    return 0


def mattes_of(job: CompositeJob, progress: ProgressBar) -> Path:
    """The folder beside the output that the shot's mattes are written to, all visible objects in one sequence."""
    from sam2_roto.deliverables import Deliverables
    from sam2_roto.shot import Shot

    folder = job.output.parent / f"{job.matte.stem}_mattes"
    with Shot(job.matte, read_only=True) as opened:
        _check_plate(job, opened.document)
        opened.export(folder, Deliverables(preview=False), progress)
    return folder


def _check_plate(job: CompositeJob, document: Document) -> None:
    """Raise CompositingError where the mattes of a shot would not lie on the plate; nothing is written yet."""
    from compositing import open_footage

    with open_footage(job.plate, start=job.start) as plate:
        size, frames = (plate.width, plate.height), job.frames or FrameRange(plate.first, plate.last)
    own = document.footage.width, document.footage.height
    if size != own:
        raise CompositingError(
            f"the plate {job.plate} is {size[0]}×{size[1]} pixels and {job.matte} was made of {own[0]}×{own[1]}; "
            "give the shot's own footage"
        )
    if not (frames.first in document.range and frames.last in document.range):
        both = runs(frame for frame in frames if frame in document.range)
        raise CompositingError(
            f"the frames {frames} of {job.plate} are wanted, and {job.matte} has {document.range}; "
            f"give {f'--range {both[0]}, or ' if both else ''}the shot's own footage"
        )


def describe(result: CompositeResult) -> str:
    """The result in words, a line for each thing that a person should know."""
    files = result.files
    told = f"{files[0]} to {files[-1].name}" if len(files) > 1 else str(files[0])
    count = f"{result.rendered} {'frame' if result.rendered == 1 else 'frames'}"
    kept = f", {result.found} were there" if result.found else ""
    return "\n".join([f"{count} rendered{kept}: {told}", *result.notes])
