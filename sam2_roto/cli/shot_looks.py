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
from sam2_roto.cli.progress import ProgressBar
from sam2_roto.errors import PromptError
from sam2_roto.export.files import replacing
from sam2_roto.export.preview import overlay
from sam2_roto.mattes.alpha import alpha_from_logits
from sam2_roto.shot.session import Session
from sam2_roto.shot.shot import Shot
from sam2_roto.shot.suggestions import accept, draw, numbered, usual
from sam2_roto.shot.suggestions import suggest as find


def suggest(args: argparse.Namespace) -> int:
    """List candidate objects of a frame, draw them, and accept those that were chosen."""
    if args.points < 1:
        raise PromptError(f"--points {args.points} makes no grid; give 1 or more")
    with Shot(args.shot, read_only=not args.accept) as shot, Session(shot, device=args.device) as session:
        settings = usual(session.network.name, args.points, args.iou, args.stability)
        with ProgressBar(args.quiet, unit="click") as progress:
            found = find(session, args.frame, settings, progress)
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
        shown = session.preview(name, frame, [(click.x, click.y, click.positive) for click in args.prompts])
        size = (session.footage.height, session.footage.width)
        alpha = alpha_from_logits(shown.logits, size).numpy() if shown.present else np.zeros(size, np.float32)
        if args.output is not None:
            _write(args.output, overlay(session.footage.view(frame), [alpha]))
    box = _box(alpha > 0.5)
    if args.json:
        told = {"name": name, "frame": frame, "present": shown.present, "predicted_iou": shown.iou, "box": box}
        print(json.dumps(told))
        return 0
    words = f"box {','.join(map(str, box))}, predicted IoU {shown.iou:.2f}" if box else "nothing"
    print(f"{name} on frame {frame}: {words}")
    return 0


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


def _box(mask: NDArray[np.bool_]) -> list[int] | None:
    """Left, top, right and bottom edge of a mask; ``None`` where it is empty."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return [int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1] if rows.size else None


def _write(path: Path, picture: NDArray[np.uint8]) -> None:
    with replacing(path) as hidden:
        Image.fromarray(picture).save(hidden, format="PNG")
