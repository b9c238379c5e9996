"""``sam2-roto review``: the frames of a shot to look at; the same as ``sam2-roto shot review``."""

from __future__ import annotations

import argparse
from pathlib import Path

from sam2_roto.cli.parser import Subparsers
from sam2_roto.cli.shot import add_review

_DESCRIPTION = """List the frames of a shot that are to be trusted least, worst first, and draw them as a timeline. The
confidence is the overlap with the truth that is to be expected, told from what tracking left behind: predicted IoU,
presence, jumps of area, place and shape on the way from the nearest keyframe, and the object's colours."""

_EXAMPLES = """examples:
  sam2-roto review sh010.roto
  sam2-roto review sh010.roto --fix --timeline review.png
"""


def add_parser(subparsers: Subparsers) -> None:
    """Describe ``review`` and its options."""
    parser = subparsers.add_parser(
        "review", help="the frames of a shot to look at", description=_DESCRIPTION, epilog=_EXAMPLES
    )
    parser.add_argument("shot", type=Path, metavar="SHOT", help="the shot's folder, NAME.roto")
    add_review(parser)


def run(args: argparse.Namespace) -> int:
    """List, and draw where that is asked for."""
    from sam2_roto.cli.shot_steps import review

    return review(args)
