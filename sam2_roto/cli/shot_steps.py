"""The steps of ``sam2-roto shot`` that track, review and deliver."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from typing import Any

from compositing.errors import CompositingError
from compositing.footage.frames import summarise
from sam2_roto.cli.deliverables import deliverables_of
from sam2_roto.cli.outputs import check_file
from sam2_roto.cli.progress import ProgressBar
from sam2_roto.errors import ShotError
from sam2_roto.shot.cuts import detect
from sam2_roto.shot.document import Document, ShotObject
from sam2_roto.shot.edits import check_marked
from sam2_roto.shot.export import export as export_shot
from sam2_roto.shot.footage import offered, open_reference
from sam2_roto.shot.results import Results, opened
from sam2_roto.shot.review import Review, write_timeline
from sam2_roto.shot.review import review as review_shot
from sam2_roto.shot.schema import to_json
from sam2_roto.shot.session import Session
from sam2_roto.shot.shot import Shot
from sam2_roto.shot.streams import pending


def track(args: argparse.Namespace) -> int:
    """Track what the shot lacks."""
    with Shot(args.shot) as shot:
        check_marked(shot.document)
        with Session(shot, device=args.device) as session, ProgressBar(args.quiet) as progress:
            report = session.track(progress)
            name, size = session.network.name, session.network.config.image_size
    if args.json:
        print(json.dumps({**asdict(report), "model": name, "image_size": size}))
        return 0
    for who, count in report.tracked.items():
        print(f"{who}: {count} frames tracked with {name} at {size}")
    if not report.tracked:
        print("every frame was tracked already")
    return 0


def review(args: argparse.Namespace) -> int:
    """List the frames to look at."""
    if args.most < 1:
        raise ShotError(f"--most {args.most} lists nothing; give 1 or more")
    check_file("--timeline", args.timeline)
    with (
        Shot(args.shot, read_only=True) as shot,
        opened(shot) as results,
        offered(shot.document.footage, shot.folder) as footage,
        ProgressBar(args.quiet) as progress,
    ):
        strange = [frame for frame in args.tried if frame not in shot.document.range]
        if strange:
            raise ShotError(f"--tried {strange[0]} is no frame of the shot, which has {shot.document.range}")
        if footage is None:
            print("the footage is not where the shot has it, so colours are not compared", file=sys.stderr)
        found = review_shot(results, footage, progress)
        if args.timeline is not None:
            write_timeline(args.timeline, results, found)
    print(json.dumps(_as_json(found, args)) if args.json else _in_words(found, args))
    return 0


def export(args: argparse.Namespace) -> int:
    """Write the mattes."""
    what = deliverables_of(args)
    check_file("--splines", args.splines)
    with (
        Shot(args.shot, read_only=True) as shot,
        opened(shot) as results,
        open_reference(shot.document.footage, shot.folder) as footage,
        ProgressBar(args.quiet) as progress,
    ):
        done = export_shot(results, footage, args.output, what, progress)
    if args.json:
        print(json.dumps({"files": dict(done.files), "absent": dict(done.absent)}, default=str, indent=2))
        return 0
    for paths in done.files.values():
        print(f"{paths[0]}" + (f" to {paths[-1].name}, {len(paths)} files" if len(paths) > 1 else ""))
    for name, frames in done.absent.items():
        if frames:
            print(f"'{name}' is not seen on {summarise(frames)}")
    return 0


def cuts(args: argparse.Namespace) -> int:
    """List the shot's cuts and takes, after looking for them, opening or closing one."""
    changes = args.find or args.open is not None or args.close is not None
    with Shot(args.shot, read_only=not changes) as shot, ProgressBar(args.quiet) as bar:
        if args.find:
            with open_reference(shot.document.footage, shot.folder) as footage:
                found = detect(footage, shot.document.range, bar)
            shot.set_cuts(found)
        for frame, passes in ((args.open, True), (args.close, False)):
            if frame is not None:
                shot.open_cut(frame, passes)
        document = shot.document
    if document.cuts is None:
        print("no one has looked for cuts yet; give --find, or track the shot")
        return 0
    for cut in document.cuts:
        print(f"{cut.kind} before frame {cut.frame}{', open' if cut.open else ''}")
    print(f"takes: {', '.join(map(str, document.takes))}")
    return 0


def info(args: argparse.Namespace) -> int:
    """Tell what is in the shot."""
    with Shot(args.shot, read_only=True) as shot:
        todo, trouble = _todo(shot)
        if args.json:
            words = {"undo": shot.history.undoable, "redo": shot.history.redoable, "to_track": todo, "trouble": trouble}
            print(json.dumps({**to_json(shot.document), **words}))
        else:
            print("\n".join(_describe(shot, todo, trouble)))
    return 0


def _todo(shot: Shot) -> tuple[dict[str, str], str | None]:
    """By object, what is to be done; and why that cannot be told, where the network is not to be had."""
    try:
        with opened(shot) as results:
            return {entry.name: _state(results, entry) for entry in shot.document.objects}, None
    except CompositingError as error:
        return {}, str(error)


def _state(results: Results, entry: ShotObject) -> str:
    waiting = pending(entry, results.network.key, results.document.range)
    missing = sum(map(len, results.todo(entry).values()))
    parts = [f"{len(waiting)} keyframes to answer"] * bool(waiting) + [f"{missing} frames to track"] * bool(missing)
    if not entry.keyframes:
        return "not marked"
    return ", ".join(parts) or "tracked"


def _describe(shot: Shot, todo: dict[str, str], trouble: str | None) -> list[str]:
    document: Document = shot.document
    footage, settings = document.footage, document.settings
    lines = [
        f"{shot.folder}",
        f"footage  {footage.path}, {footage.width}×{footage.height}, {footage.first}-{footage.last}",
        f"frames   {document.range}",
        f"network  {settings.model or 'the best that is here'}, policy {settings.policy}, crop {settings.crop}",
    ]
    if document.cuts is not None:
        lines.append(f"takes    {', '.join(map(str, document.takes))}")
    for entry in document.objects:
        state = ("", "hidden, ")[not entry.visible] + ("", "locked, ")[entry.locked] + todo.get(entry.name, "")
        keyframes = ", ".join(f"{frame}{'*' if said.locked else ''}" for frame, said in entry.keyframes.items())
        lines.append(f"object   {entry.name} {entry.colour}: {state}; keyframes {keyframes or 'none'}")
    lines += [f"undo     {shot.history.undoable}"] * bool(shot.history.undoable)
    lines += [f"redo     {shot.history.redoable}"] * bool(shot.history.redoable)
    return lines + [f"trouble  {trouble}"] * bool(trouble)


def _in_words(found: Review, args: argparse.Namespace) -> str:
    suspects = found.suspects(args.most)
    lines = [f"nothing of '{name}' is tracked yet; give 'sam2-roto shot track' first" for name in found.untracked]
    width = max((len(suspect.name) for suspect in suspects), default=0)
    lines += [f"{s.name:<{width}}  frame {s.frame:>5}  expected J {s.confidence:.2f}  {s.reason}" for s in suspects]
    if args.fix:
        fix = found.fix(args.tried)
        lines += [f"one more click helps most on frame {fix.frame} of '{fix.name}'"] if fix else []
    return "\n".join(lines) or "every frame that is tracked is a keyframe; there is nothing to look at"


def _as_json(found: Review, args: argparse.Namespace) -> dict[str, Any]:
    suspects = [suspect._asdict() for suspect in found.suspects(args.most)]
    fix = found.fix(args.tried) if args.fix else None
    return {"suspects": suspects, "fix": fix._asdict() if fix else None, "untracked": list(found.untracked)}
