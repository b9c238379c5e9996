"""The steps of ``sam2-roto shot`` that edit the document, which needs no network."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from sam2_roto.errors import PromptError, ShotError
from sam2_roto.job import check_edge
from sam2_roto.shot.document import Document, TrackingSettings
from sam2_roto.shot.edits import add_points, add_strokes, set_box, set_object, set_range, with_object
from sam2_roto.shot.shot import Shot

if TYPE_CHECKING:
    from sam2_roto.shot.session import Session


def new(args: argparse.Namespace) -> int:
    """Make a shot."""
    settings = _settings(TrackingSettings(), args)
    shot = Shot.new(
        args.shot,
        args.footage,
        frames=args.frames,
        start=args.start,
        color_space=args.color_space,
        settings=settings,
        recipe=_recipe(args) or {},
    )
    with shot:
        footage = shot.document.footage
        print(f"{shot.folder}: {footage.name}, {footage.width}×{footage.height}, frames {shot.document.range}")
    return 0


def add_click(args: argparse.Namespace) -> int:
    """Clicks, as one edit."""

    def change(document: Document) -> Document:
        for click in args.prompts:
            document = with_object(document, click.name)
            document = add_points(document, click.name, click.frame, [(click.x, click.y, click.positive)])
        return document

    return _prompt(args, "click", change)


def add_box(args: argparse.Namespace) -> int:
    """Boxes, as one edit."""

    def change(document: Document) -> Document:
        for box in args.prompts:
            document = with_object(document, box.name)
            document = set_box(document, box.name, box.frame, (box.x0, box.y0, box.x1, box.y1))
        return document

    return _prompt(args, "box", change)


def add_stroke(args: argparse.Namespace) -> int:
    """Strokes, as one edit."""

    def change(document: Document) -> Document:
        for drawn in args.prompts:
            document = add_strokes(with_object(document, drawn.name), drawn.name, drawn.frame, [drawn.stroke])
        return document

    return _prompt(args, "paint", change)


def add_mask(args: argparse.Namespace) -> int:
    """Painted masks, an edit each."""
    with Shot(args.shot) as shot:
        for mask in args.prompts:
            shot.add_mask(mask.name, mask.frame, mask.path)
        _tell(args, shot)
    return 0


def add_scribble(args: argparse.Namespace) -> int:
    """Clicks along lines, as one edit; lines on one object's frame are taken together."""
    from sam2_roto.tracking.gestures import stroke_prompt

    lines: dict[tuple[str, int], list[tuple[tuple[tuple[float, float], ...], bool]]] = {}
    for line in args.prompts:
        lines.setdefault((line.name, line.frame), []).append((line.points, line.positive))

    def change(document: Document) -> Document:
        for (name, frame), drawn in lines.items():
            document = add_points(with_object(document, name), name, frame, stroke_prompt(drawn).points)
        return document

    return _prompt(args, "scribble", change)


def add_lasso(args: argparse.Namespace) -> int:
    """Outlines, an edit each."""
    if not all(line.positive for line in args.prompts):
        raise PromptError("a lasso holds the object, and takes no '-'; take away with 'shot add-stroke'")
    with Shot(args.shot) as shot:
        for line in args.prompts:
            shot.add_lasso(line.name, line.frame, line.points)
        _tell(args, shot)
    return 0


def clear(args: argparse.Namespace) -> int:
    """Take back a keyframe."""
    with Shot(args.shot) as shot:
        shot.clear(args.place.name, _frame_of(args))
        print(_keyframes(shot, [args.place.name]))
    return 0


def remove(args: argparse.Namespace) -> int:
    """Take an object out."""
    with Shot(args.shot) as shot:
        shot.remove_object(args.name)
    return 0


def lock(args: argparse.Namespace) -> int:
    """Lock an object, or one of its frames as it is now."""
    name, frame = args.place
    with Shot(args.shot) as shot:
        if frame is None:
            shot.set_object(name, locked=True)
        else:
            from sam2_roto.shot.session import Session

            with Session(shot) as session:
                session.lock(name, frame)
    return 0


def unlock(args: argparse.Namespace) -> int:
    """Unlock an object, or one of its frames."""
    name, frame = args.place
    with Shot(args.shot) as shot:
        if frame is None:
            shot.set_object(name, locked=False)
        else:
            shot.unlock(name, frame)
    return 0


def set(args: argparse.Namespace) -> int:
    """Change an object, the range, the network or the edge, as one edit."""
    about = (args.rename, args.colour, args.visible)
    if args.name is None and any(value is not None for value in about):
        raise ShotError("--rename, --colour and --visible need the NAME of an object after the shot")
    recipe = _recipe(args)

    def change(document: Document) -> Document:
        if args.name is not None:
            document = set_object(document, args.name, rename=args.rename, colour=args.colour, visible=args.visible)
        if args.frames is not None:
            document = set_range(document, args.frames)
        document = replace(document, settings=_settings(document.settings, args))
        return document if recipe is None else replace(document, recipe=recipe)

    with Shot(args.shot) as shot:
        shot.edit("set", change)
    return 0


def undo(args: argparse.Namespace) -> int:
    """Take the latest edit back."""
    with Shot(args.shot) as shot:
        label = shot.undo()
    print(f"undone: {label}" if label else "there is nothing to undo")
    return 0


def redo(args: argparse.Namespace) -> int:
    """Make an undone edit again."""
    with Shot(args.shot) as shot:
        label = shot.redo()
    print(f"redone: {label}" if label else "there is nothing to redo")
    return 0


def merge(args: argparse.Namespace) -> int:
    """Bring in another copy's objects."""
    from sam2_roto.shot.merge import merge as merge_shots

    with Shot(args.shot) as shot:
        report = merge_shots(shot, args.other, dict(args.take))
    done = {"added": report.added, "changed": report.changed, "removed": report.removed}
    lines = [f"{what}: {', '.join(names)}" for what, names in done.items() if names]
    lines += [f"'{there}' is called '{here}' here" for there, here in report.renamed.items()]
    print("\n".join(lines) or "there was nothing to bring in")
    return 0


def relink(args: argparse.Namespace) -> int:
    """Tell where the footage is."""
    with Shot(args.shot) as shot:
        shot.relink(args.footage, replace_footage=args.replace)
        print(f"{shot.folder}: {shot.document.footage.path}")
    return 0


def _prompt(args: argparse.Namespace, what: str, change: Callable[[Document], Document]) -> int:
    first = args.prompts[0]
    with Shot(args.shot) as shot:
        shot.edit(f"{what} {first.name} {first.frame}", change)
        _tell(args, shot)
    return 0


def _tell(args: argparse.Namespace, shot: Shot) -> None:
    """Say which keyframes there are, and draw the masks where that was asked for."""
    if args.preview is not None:
        from sam2_roto.shot.session import Session

        with Session(shot, device=args.device) as session:
            session.answer()
            _draw(session, args.preview, args.prompts[-1].frame)
    print(_keyframes(shot, dict.fromkeys(prompt.name for prompt in args.prompts)))


def _draw(session: Session, path: Path, frame: int) -> None:
    from sam2_roto.shot.export import write_overlay

    write_overlay(session.results, session.footage, path, frame)


def _keyframes(shot: Shot, names: Iterable[str]) -> str:
    found = {name: shot.object(name).keyframes for name in names}
    return "\n".join(f"{name}: keyframes {', '.join(map(str, frames)) or 'none'}" for name, frames in found.items())


def _frame_of(args: argparse.Namespace) -> int:
    if args.place.frame is None:
        raise ShotError(f"say which frame of '{args.place.name}'; write it like {args.place.name}:150")
    return int(args.place.frame)


def _settings(old: TrackingSettings, args: argparse.Namespace) -> TrackingSettings:
    """The settings with what the options say; a network that is not there is refused before anything is kept."""
    words = ("model", "image_size", "policy", "precision", "crop")
    said = {key: getattr(args, key) for key in words if getattr(args, key) is not None}
    settings = replace(old, **said)
    if said:
        from sam2_roto.shot.network import check, check_model

        check(settings)
        if args.model is not None:
            check_model(args.model)
    return settings


def _recipe(args: argparse.Namespace) -> dict[str, object] | None:
    if args.feather is None and args.choke is None and args.preset is None:
        return None
    from sam2_roto.mattes import MatteRecipe

    check_edge(args.feather or 0.0, args.choke or 0.0)
    made = MatteRecipe.from_options(
        preset=args.preset or "default", feather=args.feather or 0.0, choke=args.choke or 0.0
    )
    return made.to_json()
