"""What a job's options mean, with every path held within the opened folders.

The service makes a plan when a job is asked for, to refuse at once what cannot be; the worker makes it again when the
job begins, because a link may have been moved since.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from compositing.background_job import PRESETS, Background, CompositeJob
from compositing.errors import CompositingError
from compositing.footage.frames import FrameRange
from sam2_roto.deliverables import Deliverables
from sam2_roto.shot.document import FootageReference

from .faults import Refused
from .paths import Folders

Json = dict[str, Any]

_WORDS = ("transparent", "plate")


@dataclass(frozen=True)
class ExportPlan:
    """Where mattes go, and which."""

    output: Path
    what: Deliverables
    track: bool


@dataclass(frozen=True)
class CompositePlan:
    """A composite, whose plate and mattes come from the shot, and where the mattes go."""

    job: CompositeJob
    mattes: Path
    track: bool


def export_plan(options: Json, folders: Folders) -> ExportPlan:
    """Raises ExportError, Refused."""
    output = folders.inside(options["output"], "output")
    words = dict(options.get("deliverables") or {})
    if words.get("splines"):
        words["splines"] = folders.inside(words["splines"], "spline file")
    if options.get("format"):
        words["format"] = options["format"]
    return ExportPlan(output, Deliverables(**words), bool(options.get("track", True)))


def composite_plan(options: Json, footage: FootageReference, plate: Path, folders: Folders) -> CompositePlan:
    """Raises CompositingError where an option is not possible, Refused where a path is outside."""
    output = folders.inside(options["output"], "output")
    mattes = output.parent / f"{output.name.split('.')[0]}_mattes"
    known = {entry.name for entry in fields(CompositeJob)}
    given = {key: value for key, value in options.items() if key in known and value is not None}
    words = {**PRESETS.get(options.get("preset") or "", {}), **given}
    if options.get("background") is not None:
        words["background"] = background(options["background"], folders)
    if "background" not in words:
        raise CompositingError("no background is given; name one, or choose a preset")
    if words.get("sound") is not None:
        words["sound"] = folders.inside(words["sound"], "sound file")
    if options.get("range"):
        words["frames"] = FrameRange(*options["range"])
    for name in ("size", "objects"):
        if words.get(name) is not None:
            words[name] = tuple(words[name])
    words.update(output=output, matte=mattes, plate=plate, start=footage.start, color_space=footage.color_space)
    return CompositePlan(CompositeJob(**words), mattes, bool(options.get("track", True)))


def background(text: str, folders: Folders) -> Background:
    """What comes behind the object: a word, a colour, or footage within the opened folders."""
    if text in _WORDS or text.startswith("blur:"):
        return Background.parse(text)
    if Path(text).is_absolute():
        return Background("footage", path=folders.footage(text))
    if text.startswith("#") or text.isalpha():
        found = Background.parse(text)
        if found.kind == "color":
            return found
    raise Refused(
        400, "path", f"'{text}' is no background; give an absolute path, a colour, blur:PX, transparent or plate"
    )
