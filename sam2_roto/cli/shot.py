"""``sam2-roto shot``: a shot that is corrected step by step, kept in a folder NAME.roto."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Callable
from pathlib import Path

from compositing.footage.frames import FrameRange
from sam2_roto.cli.deliverables import add_deliverables
from sam2_roto.cli.outputs import png
from sam2_roto.cli.parser import Parser, Subparsers
from sam2_roto.cli.prompts import parse_click, parse_mask
from sam2_roto.cli.shot_words import (
    parse_accepted,
    parse_corners,
    parse_frame,
    parse_line,
    parse_point,
    parse_stroke,
    parse_take,
)

_DESCRIPTION = """Work on a shot in steps: mark objects, track, look at what is doubtful, correct, and track again. Only
the frames that a correction touches are tracked again. The shot is a folder NAME.roto; every edit is kept at once, can
be undone, and survives a crash. Frames are numbered as in the footage, coordinates are pixels of the plate."""

_EXAMPLES = """examples:
  sam2-roto shot new sh010.roto plates/sh010.mov
  sam2-roto shot add-click sh010.roto dog:0:410,250 dog:0:395,402-
  sam2-roto shot track sh010.roto
  sam2-roto shot review sh010.roto --fix --timeline review.png
  sam2-roto shot add-click sh010.roto dog:150:388,240 --preview frame150.png
  sam2-roto shot track sh010.roto
  sam2-roto shot export sh010.roto -o mattes

'sam2-roto shot STEP --help' tells what a step can do.
"""

_Add = Callable[[Parser], None]


def add_parser(subparsers: Subparsers) -> None:
    """Describe ``shot`` and its steps."""
    parser = subparsers.add_parser(
        "shot",
        help="work on a shot in steps: mark, track, review, correct",
        description=_DESCRIPTION,
        epilog=_EXAMPLES,
    )
    steps: Subparsers = parser.add_subparsers(metavar="STEP", title="steps", required=True, dest="step")
    for name, (purpose, add) in _STEPS.items():
        step = steps.add_parser(name, help=purpose, description=purpose[0].upper() + purpose[1:] + ".")
        step.add_argument("shot", type=Path, metavar="SHOT", help="the shot's folder, NAME.roto")
        add(step)
        # Left out, they must not hide what was said before the step's name.
        step.add_argument("--quiet", "-q", action="store_true", default=argparse.SUPPRESS, help="no progress")
        step.add_argument("--debug", action="store_true", default=argparse.SUPPRESS, help="show tracebacks")


def run(args: argparse.Namespace) -> int:
    """Do the step, in the module that knows it."""
    home = _HOMES.get(args.step, "sam2_roto.cli.shot_edits")
    step: Callable[[argparse.Namespace], int] = getattr(importlib.import_module(home), args.step.replace("-", "_"))
    return step(args)


def _new(step: Parser) -> None:
    add = step.add_argument
    add("footage", type=Path, metavar="FOOTAGE", help="movie, folder, or one picture of a sequence")
    add("--range", dest="frames", type=FrameRange.parse, metavar="A-B", help="in and out (default: all frames)")
    add("--start", type=int, metavar="N", help="number of a movie's first frame (default: 0)")
    add("--color-space", metavar="SPACE", help="the plates' colour space (default: what the files say)")
    _tracking(step)
    _recipe(step)


def _tracking(step: Parser) -> None:
    add = step.add_argument
    add("--model", metavar="M", help="a model's name or a weights file (default: the best that is here)")
    add("--image-size", type=int, metavar="S", help="side of the square that the network sees, a multiple of 32")
    add("--policy", metavar="P", help="what is remembered: plain, distractor or motion (default: distractor)")
    add("--crop", metavar="C", help="auto: small objects in windows of their own; none: all on the whole plate")
    add("--precision", metavar="P", help="float32, or bfloat16 where the processor has it (default: float32)")


def _recipe(step: Parser) -> None:
    add = step.add_argument
    add("--preset", metavar="P", help="how mattes are made: default, hard, soft, hair or motion")
    add("--feather", type=float, metavar="PX", help="width of the soft edge in pixels")
    add("--choke", type=float, metavar="PX", help="move the edge inwards; negative: outwards")


def _click(step: Parser) -> None:
    words = "a point on the object; with '-' at the end, a point beside it"
    step.add_argument("prompts", nargs="+", type=parse_click, metavar="NAME:FRAME:X,Y[-]", help=words)
    _preview(step)


def _box(step: Parser) -> None:
    words = "a box round the object, by two opposite corners"
    step.add_argument("prompts", nargs="+", type=parse_corners, metavar="NAME:FRAME:X0,Y0,X1,Y1", help=words)
    _preview(step)


def _mask(step: Parser) -> None:
    words = "a picture of the plate's size, bright on the object; it is the matte of that frame"
    step.add_argument("prompts", nargs="+", type=parse_mask, metavar="NAME:FRAME:FILE", help=words)
    _preview(step)


def _stroke(step: Parser) -> None:
    words = "a round brush of that radius, drawn through the points; with '-' at the end it takes away"
    step.add_argument("prompts", nargs="+", type=parse_stroke, metavar="NAME:FRAME:RADIUS:X,Y;X,Y[-]", help=words)
    _preview(step)


def _scribble(step: Parser) -> None:
    words = "a line over the object, taken as a few clicks along it; with '-' at the end, a line beside it"
    step.add_argument("prompts", nargs="+", type=parse_line, metavar="NAME:FRAME:X,Y;X,Y[-]", help=words)
    _preview(step)


def _lasso(step: Parser) -> None:
    words = "a closed outline round the object; what it holds is the matte of that frame"
    step.add_argument("prompts", nargs="+", type=parse_line, metavar="NAME:FRAME:X,Y;X,Y;X,Y", help=words)
    _preview(step)


def _preview(step: Parser) -> None:
    step.add_argument("--preview", type=png, metavar="PNG", help="draw the masks of these frames now")
    _device(step)


def _device(step: Parser) -> None:
    step.add_argument("--device", default="auto", metavar="D", help="cpu, cuda, mps or auto (default: auto)")


def _hover(step: Parser) -> None:
    words = "a point on the object; with '-' at the end, a point beside it; all of one object on one frame"
    step.add_argument("prompts", nargs="+", type=parse_click, metavar="NAME:FRAME:X,Y[-]", help=words)
    step.add_argument("-o", "--output", type=png, metavar="PNG", help="draw it")
    step.add_argument("--json", action="store_true", help="print it as JSON")
    _device(step)


def _suggest(step: Parser) -> None:
    add = step.add_argument
    add("frame", type=int, metavar="FRAME", help="the frame to look at")
    add("--points", type=int, metavar="N", help="clicks along each side of the grid (default: 16)")
    add("--iou", type=float, metavar="V", help="least predicted IoU (default: 0.8; for nano 0.5)")
    add("--stability", type=float, metavar="V", help="least stability score (default: 0.95; for nano 0.2)")
    add("--at", type=parse_point, metavar="X,Y", help="only the smallest suggestion under this point")
    add("--most", type=int, default=20, metavar="N", help="suggestions to list and draw (default: 20)")
    words = "accept the suggestion of that number in the list that was shown last; can be repeated"
    add("--accept", action="append", default=[], type=parse_accepted, metavar="NAME=NUMBER", help=words)
    words = "as what: a box or a click, which the network answers, or the mask itself (default: box)"
    add("--as", dest="kind", choices=("box", "mask", "click"), default="box", help=words)
    add("-o", "--output", type=png, metavar="PNG", help="draw the suggestions with their numbers")
    add("--json", action="store_true", help="print them as JSON")
    _device(step)


def _frame(step: Parser) -> None:
    step.add_argument("place", type=parse_frame, metavar="NAME:FRAME", help="an object on a frame")


def _lock(step: Parser) -> None:
    step.add_argument("place", type=parse_frame, metavar="NAME[:FRAME]", help="an object, or one of its frames")


def _remove(step: Parser) -> None:
    step.add_argument("name", metavar="NAME", help="the object")


def _set(step: Parser) -> None:
    add = step.add_argument
    add("name", nargs="?", metavar="NAME", help="the object that --rename, --colour and --visible are about")
    add("--rename", metavar="NEW", help="another name")
    add("--colour", metavar="#RRGGBB", help="its colour in overlays and timelines")
    add("--visible", action=argparse.BooleanOptionalAction, help="whether it is exported")
    add("--range", dest="frames", type=FrameRange.parse, metavar="A-B", help="in and out of the shot")
    _tracking(step)
    _recipe(step)


def _track(step: Parser) -> None:
    _device(step)
    step.add_argument("--json", action="store_true", help="print what was done as JSON")


def add_review(step: Parser) -> None:
    """Options of ``shot review`` and of ``review``."""
    add = step.add_argument
    add("--fix", action="store_true", help="suggest the frame where one more click helps most")
    add("--tried", type=int, nargs="+", default=[], metavar="FRAME", help="frames where a click did not help")
    add("--timeline", type=png, metavar="PNG", help="draw confidence by object and frame")
    add("--most", type=int, default=10, metavar="N", help="frames to list (default: 10)")
    add("--json", action="store_true", help="print the list as JSON")


def _export(step: Parser) -> None:
    add = step.add_argument
    add("-o", "--output", type=Path, required=True, metavar="DIR", help="folder for the mattes")
    add("--json", action="store_true", help="print what was written as JSON")
    add_deliverables(step)


def _info(step: Parser) -> None:
    step.add_argument("--json", action="store_true", help="print the document and what is to be tracked as JSON")


def _cuts(step: Parser) -> None:
    add = step.add_argument
    add("--find", action="store_true", help="look for cuts and dissolves (anew)")
    add("--open", type=int, metavar="FRAME", help="let tracking go through the cut before this frame")
    add("--close", type=int, metavar="FRAME", help="stop at the cut before this frame again")


def _merge(step: Parser) -> None:
    step.add_argument("other", type=Path, metavar="OTHER", help="another copy of the shot")
    words = "where both changed an object, whose counts: NAME=ours or NAME=theirs; can be repeated"
    step.add_argument("--take", action="append", default=[], type=parse_take, metavar="NAME=SIDE", help=words)


def _relink(step: Parser) -> None:
    step.add_argument("footage", type=Path, metavar="FOOTAGE", help="where the footage is now")
    step.add_argument("--replace", action="store_true", help="go over to other footage of the same size and frames")


def _nothing(step: Parser) -> None:
    """The step needs the shot alone."""
    step.epilog = None


_STEPS: dict[str, tuple[str, _Add]] = {
    "new": ("make a shot of a footage", _new),
    "suggest": ("find candidate objects on a frame, and accept some of them", _suggest),
    "hover": ("tell what clicks would select, without saying them", _hover),
    "add-click": ("mark an object by points, or correct it", _click),
    "add-box": ("mark an object by a box", _box),
    "add-mask": ("give an object's matte on a frame", _mask),
    "add-scribble": ("mark an object by lines drawn over it", _scribble),
    "add-lasso": ("give an object's matte on a frame by an outline", _lasso),
    "add-stroke": ("paint over an object's matte on a frame", _stroke),
    "clear": ("take back what was said about an object on a frame", _frame),
    "remove": ("take an object out of the shot", _remove),
    "lock": ("accept a frame, or an object, as it is", _lock),
    "unlock": ("let a frame, or an object, be changed again", _lock),
    "set": ("change names, colours, range, network or edge", _set),
    "cuts": ("list the shot's cuts, look for them, open or close one", _cuts),
    "track": ("track what the shot lacks", _track),
    "review": ("list the frames to look at", add_review),
    "export": ("write the mattes", _export),
    "info": ("tell what is in the shot and what is to be tracked", _info),
    "undo": ("take the latest edit back", _nothing),
    "redo": ("make the edit that was undone last again", _nothing),
    "merge": ("bring in the objects of another copy of the shot", _merge),
    "relink": ("tell where the footage is now", _relink),
}

_HOMES = {
    **dict.fromkeys(("cuts", "track", "review", "export", "info"), "sam2_roto.cli.shot_steps"),
    **dict.fromkeys(("suggest", "hover"), "sam2_roto.cli.shot_looks"),
}
"""The modules of the steps that do not edit the document alone."""
