"""``sam2-roto export-annotations``: a finished rotoscope becomes training data."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from sam2_roto.cli.parser import Subparsers
from sam2_roto.cli.progress import ProgressBar
from sam2_roto.errors import StoreError

_DESCRIPTION = """Write the masks that 'sam2-roto rotoscope' made as training data.

DIR is the output folder of rotoscope. The masks are made from the stored logits at the plate's size; feather and choke
play no part in them. SA-V and COCO keep objects that overlap, a DAVIS map gives each pixel to the surer object."""

_EXAMPLES = """examples:
  palette PNG for every frame, with the frames as JPEG: a data set that 'train' and 'evaluate' read
      sam2-roto export-annotations mattes -o dataset --format davis --pictures
  one JSON file in the layout of SA-V, six annotated frames per second
      sam2-roto export-annotations mattes -o dataset --format sav
"""


def add_parser(subparsers: Subparsers) -> None:
    """Describe ``export-annotations`` and its options."""
    parser = subparsers.add_parser(
        "export-annotations",
        help="turn finished mattes into training data (SA-V, DAVIS, COCO)",
        description=_DESCRIPTION,
        epilog=_EXAMPLES,
    )
    add = parser.add_argument
    add("folder", type=Path, metavar="DIR", help="output folder of 'sam2-roto rotoscope'")
    add("-o", "--output", type=Path, required=True, metavar="OUT", help="folder for the data set; more clips can join")
    add("--format", choices=("sav", "davis", "coco"), default="davis", help="layout (default: davis)")
    add("--name", metavar="NAME", help="name of the clip in the data set (default: the footage's)")
    add("--pictures", action="store_true", help="write the frames too: JPEG, or a movie for SA-V")
    add("--json", action="store_true", help="print what was written as JSON")


def run(args: argparse.Namespace) -> int:
    """Export, and tell what was written."""
    from compositing.footage.numbering import stem
    from sam2_roto.export.dataset import export_dataset
    from sam2_roto.masklets import MaskletStore
    from sam2_roto.rotoscoping import MASKLETS

    if not args.folder.is_dir():
        raise StoreError(f"there is no folder {args.folder}; give the output folder of 'sam2-roto rotoscope'")
    with MaskletStore.load(args.folder / MASKLETS) as store, ProgressBar(args.quiet) as progress:
        name = stem(Path(store.job["footage"])) if args.name is None else args.name
        paths = export_dataset(store, args.output, args.format, name, pictures=args.pictures, progress=progress)
    print(json.dumps({"name": name, "written": list(map(str, paths))}, indent=2) if args.json else _lines(paths))
    return 0


def _lines(paths: list[Path]) -> str:
    return "\n".join(map(str, paths))
