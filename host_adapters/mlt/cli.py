"""``sam2-roto mlt``: mattes, masked effects and splines on the clips of a Kdenlive, Shotcut or MLT project."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from compositing.errors import CompositingError
from host_adapters.mlt.errors import ProjectError
from sam2_roto.cli.parser import Subparsers
from sam2_roto.cli.progress import ProgressBar
from sam2_roto.cli.prompts import parse_box, parse_click, parse_mask
from sam2_roto.job import Preset

if TYPE_CHECKING:  # torch comes with it, and help should be instant
    from host_adapters.mlt.project import Project
    from host_adapters.mlt.timeline import Clip

_DESCRIPTION = """Rotoscope a clip inside a project of Kdenlive, Shotcut or plain MLT.

The project is written anew beside the original, which is kept. Only the frames that the clip shows are tracked; its
trim, its speed and the project's size and rate are respected. FRAME is a frame of the clip's footage, counted from 0
in a movie, and X,Y are pixels of the footage: --list tells which frames a clip shows."""

_EXAMPLES = """examples:
  which clips there are
      sam2-roto mlt edit.kdenlive --list
  the dog in the second clip of the first track becomes its alpha
      sam2-roto mlt edit.kdenlive --clip V1:2 --click dog:120:410,250
  blur what is marked, and nothing else
      sam2-roto mlt edit.mlt --clip V2:1 --box sign:48:100,80,220,160 --as effect:frei0r.IIRblur,0=0.4
  splines that the editor can change, under a name of your own
      sam2-roto mlt edit.kdenlive --clip V1:2 --click dog:120:410,250 --as splines -o edit_roto.kdenlive
"""


def add_parser(subparsers: Subparsers) -> None:
    """Describe ``mlt`` and its options."""
    parser = subparsers.add_parser(
        "mlt",
        help="rotoscope a clip of a Kdenlive, Shotcut or MLT project",
        description=_DESCRIPTION,
        epilog=_EXAMPLES,
    )
    add = parser.add_argument
    add("project", type=Path, metavar="PROJECT", help="a .kdenlive or .mlt file")
    add("--list", action="store_true", help="tell the clips, with the frames that they show")
    add("--clip", metavar="ID", help="the clip to rotoscope, as --list names it")
    add(
        "--as",
        dest="form",
        default="alpha",
        metavar="HOW",
        help="alpha (default), splines, or effect:FILTER,NAME=VALUE",
    )
    add("-o", "--output", type=Path, metavar="FILE", help="the new project (default: PROJECT_roto beside PROJECT)")
    add("--mattes", type=Path, metavar="DIR", help="folder for mattes and tracking (default: beside the new project)")
    add("--overwrite", action="store_true", help="replace the new project, and what another run left in the folder")
    add("--json", action="store_true", help="print clips, or what was written, as JSON")
    _add_marks(parser)
    _add_network(parser)


def _add_marks(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("marking what is wanted").add_argument
    marks: dict[str, Any] = {"dest": "prompts", "action": "append"}
    add("--click", type=parse_click, metavar="NAME:FRAME:X,Y[-]", help="a point on it; with '-', beside it", **marks)
    add("--box", type=parse_box, metavar="NAME:FRAME:X0,Y0,X1,Y1", help="a box: left, top, right, bottom", **marks)
    add("--mask", type=parse_mask, metavar="NAME:FRAME:FILE", help="a picture of the footage's size", **marks)


def _add_network(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("network and mattes").add_argument
    add("--model", metavar="M", help="a model's name or a weights file (default: the best that is here)")
    add("--image-size", type=int, metavar="S", help="side of the square that the network sees, a multiple of 32")
    add("--device", default="auto", metavar="D", help="cpu, cuda, cuda:1, mps or auto (default: auto)")
    add("--preset", choices=get_args(Preset), default="default", help="how logits become mattes (default: default)")
    add("--feather", type=float, default=0.0, metavar="PX", help="width of the soft edge in pixels (default: 0)")
    add("--choke", type=float, default=0.0, metavar="PX", help="move the edge inwards; negative: outwards (default: 0)")


def run(args: argparse.Namespace) -> int:
    """List the clips, or rotoscope one."""
    from host_adapters.mlt.project import Project

    project = Project.read(args.project)
    if args.list:
        print(_listed(project, args.json))
        return 0
    if not args.clip:
        raise ProjectError(
            f"no clip is named; choose one with --clip: 'sam2-roto mlt {args.project} --list' tells them"
        )
    return _rotoscope(project, args)


def _rotoscope(project: Project, args: argparse.Namespace) -> int:
    from host_adapters.mlt.roto import Placed, rotoscope_clip

    placed = Placed.parse(args.form, feather=args.feather)
    output = args.output or args.project.with_stem(f"{args.project.stem}_roto")
    project.check_output(output, overwrite=args.overwrite)
    folder = args.mattes or output.with_name(f"{output.stem}_mattes") / args.clip.replace("/", "_").replace(":", "_")
    settings = {name: getattr(args, name) for name in ("model", "image_size", "device", "preset", "choke", "overwrite")}
    settings["feather"] = args.feather
    with ProgressBar(args.quiet) as progress:
        done = rotoscope_clip(project, args.clip, args.prompts or (), folder, placed, settings, progress)
    done.project.write(output, overwrite=args.overwrite)
    told = {"project": str(output), "matte": str(done.matte) if done.matte else None, "frames": str(done.frames)}
    if args.json:
        print(json.dumps({**told, "clip": args.clip, "as": args.form, "notes": done.notes}, indent=2))
    else:
        words = f"{args.clip} with {done.result.model} at {done.result.image_size}, frames {done.frames}"
        print("\n".join([words, *([told["matte"]] if told["matte"] else []), str(output), *done.notes]))
    return 0


def _listed(project: Project, as_json: bool) -> str:
    """The clips as a table or as JSON; footage that cannot be read is told in its row."""
    rows = [_described(project, clip) for clip in project.clips]
    if as_json:
        return json.dumps(rows, indent=2)
    heads = {"id": "clip", "name": "name", "track": "track", "start": "at", "frames": "shows frames", "speed": "speed"}
    table = [list(heads.values()), *([str(row[key]) for key in heads] for row in rows)]
    widths = [max(len(line[column]) for line in table) for column in range(len(heads))]
    return "\n".join(
        "  ".join(word.ljust(width) for word, width in zip(line, widths, strict=True)).rstrip() for line in table
    )


def _described(project: Project, clip: Clip) -> dict[str, object]:
    from host_adapters.mlt.timeline import source_frames

    told: dict[str, object] = {"id": clip.id, "name": clip.name, "track": clip.track, "start": clip.start}
    told |= {"in": clip.first, "out": clip.last, "speed": 1.0, "file": None}
    try:
        source = clip.source(project.root, project.profile.rate)
        told |= {"speed": "remapped" if source.remap else source.speed, "file": str(source.path)}
        with source.open() as footage:
            shown = source_frames(clip, source, footage, project.profile.rate)
        told["frames"] = f"{shown[0]}-{shown[-1]}"
    except CompositingError as error:
        told["frames"] = f"({error})"
    return told
