"""The steps of ``sam2-roto shot`` that look at one frame: suggestions, and what clicks would select."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sam2_roto.automatic import Proposal, pick
from sam2_roto.boxes import box_of
from sam2_roto.cli.outputs import check_file
from sam2_roto.cli.progress import ProgressBar
from sam2_roto.errors import PromptError
from sam2_roto.export.files import replacing
from sam2_roto.export.preview import overlay
from sam2_roto.mattes.alpha import alpha_from_logits
from sam2_roto.shot.session import Session
from sam2_roto.shot.shot import Shot
from sam2_roto.shot.suggestions import accept, draw, numbered, shown, usual
from sam2_roto.shot.suggestions import suggest as find

_MOST_POINTS = 128
"""Along each side of the grid: with more, the network is asked for hours."""


def suggest(args: argparse.Namespace) -> int:
    """List candidate objects of a frame, draw them, and accept those that were chosen."""
    _check(args)
    with Shot(args.shot, read_only=not args.accept) as shot, Session(shot, device=args.device) as session:
        _check_on_plate(session, args)
        with ProgressBar(args.quiet, unit="click") as progress:
            found = _found(session, args, progress)
        chosen = [(given.name, numbered(found, given.number)) for given in args.accept]
        numbers = _numbers(found, args)
        if args.output is not None:
            _write(args.output, draw(session.footage.view(args.frame), found, numbers))
        overlaps = {name: accept(session, name, args.frame, one, args.kind) for name, one in chosen}
    if args.json:
        rows = [{"number": number, **_as_json(found[number - 1])} for number in numbers]
        print(json.dumps({"frame": args.frame, "suggestions": rows, "accepted": overlaps}))
        return 0
    print("\n".join(_line(number, found[number - 1]) for number in numbers) or "nothing stands out on this frame")
    for name, overlap in overlaps.items():
        print(f"{name}: keyframe {args.frame}, as a {args.kind}; IoU with the suggestion {overlap:.2f}")
    return 0


def hover(args: argparse.Namespace) -> int:
    """Tell what clicks would select; the shot stays as it is."""
    places = {(click.name, click.frame) for click in args.prompts}
    if len(places) > 1:
        raise PromptError("'shot hover' looks at one object on one frame; give clicks of the same NAME and FRAME")
    ((name, frame),) = places
    with Shot(args.shot, read_only=True) as shot, Session(shot, device=args.device) as session:
        seen = session.preview(name, frame, [(click.x, click.y, click.positive) for click in args.prompts])
        size = (session.footage.height, session.footage.width)
        alpha = alpha_from_logits(seen.logits, size).numpy() if seen.present else np.zeros(size, np.float32)
        if args.output is not None:
            _write(args.output, overlay(session.footage.view(frame), [alpha]))
    box = box_of(alpha > 0.5)
    if args.json:
        told = {"name": name, "frame": frame, "present": seen.present, "predicted_iou": seen.iou, "box": box}
        print(json.dumps(told))
        return 0
    words = f"box {','.join(map(str, box))}, predicted IoU {seen.iou:.2f}" if box else "nothing"
    print(f"{name} on frame {frame}: {words}")
    return 0


def _check(args: argparse.Namespace) -> None:
    """Raise PromptError for a number that an option cannot have."""
    if args.points is not None and not 1 <= args.points <= _MOST_POINTS:
        raise PromptError(f"--points {args.points} makes no grid; give 1 to {_MOST_POINTS}")
    for option in ("iou", "stability"):
        value = getattr(args, option)
        if value is not None and not 0 <= value <= 1:
            raise PromptError(f"--{option} {value:g} is not possible; give 0 to 1")
    if args.most < 1:
        raise PromptError(f"--most {args.most} lists nothing; give 1 or more")
    check_file("--output", args.output)


def _check_on_plate(session: Session, args: argparse.Namespace) -> None:
    width, height = session.footage.width, session.footage.height
    if args.at is not None and not (0 <= args.at[0] < width and 0 <= args.at[1] < height):
        x, y = args.at
        raise PromptError(f"--at {x:g},{y:g} lies outside the plate of {width}×{height} pixels")


def _found(session: Session, args: argparse.Namespace, progress: ProgressBar) -> list[Proposal]:
    """What the options ask for; numbers that are accepted without them are those of the list that was shown last."""
    asked = args.points, args.iou, args.stability
    last = shown(session, args.frame) if args.accept and asked == (None, None, None) else None
    if last is not None:
        return last
    settings = usual(session.network.name, args.points or 16, args.iou, args.stability)
    return find(session, args.frame, settings, progress)


def _numbers(found: list[Proposal], args: argparse.Namespace) -> list[int]:
    """Those to be shown, from 1 on."""
    if args.at is None:
        return list(range(1, min(len(found), args.most) + 1))
    under = pick(found, *args.at)
    return [] if under is None else [next(n for n, one in enumerate(found, start=1) if one is under)]


def _line(number: int, one: Proposal) -> str:
    box = ",".join(map(str, one.box))
    return (
        f"{number:>3}  box {box:<20}  {one.area:>8} pixels  predicted IoU {one.iou:.2f}  stability {one.stability:.2f}"
    )


def _as_json(one: Proposal) -> dict[str, Any]:
    told = {"box": one.box, "area": one.area, "point": one.point}
    return {**told, "predicted_iou": round(one.iou, 4), "stability": round(one.stability, 4)}


def _write(path: Path, picture: NDArray[np.uint8]) -> None:
    with replacing(path) as hidden:
        Image.fromarray(picture).save(hidden, format="PNG")
