"""A project with all that we put into one, and what must be in it still when an editor has saved it again."""

from __future__ import annotations

import shutil
from pathlib import Path

from host_adapters.mlt.forms import Filter
from host_adapters.mlt.project import Project
from host_adapters.mlt.timeline import Clip
from mlt_helpers.editors import LENGTH
from mlt_helpers.melt import over, render, worst
from mlt_helpers.scenes import BACK, RATE, SIZE, matte, picture, plate, put_matte
from sam2_roto.mattes.shapes_fit import fit_spline

LIMIT = 4.0
FRAMES = 27

KEPT = ("resource", "filter.resource", "use_luminance", "use_mix", "filter.use_mix", "alpha_operation", "transition")


def lay_out(edit: Path, text: str) -> Path:
    """Write that project and its footage, and put all that we can into it; a copy that may be saved over."""
    folder = edit.parent
    plate(folder / "plate.mkv", SIZE, RATE, LENGTH)
    edit.write_text(text, encoding="utf-8")
    project, _ = put_matte(Project.read(edit), "V2:1", folder / "effect", (Filter("invert"),))
    project, _ = put_matte(project, "V2:1", folder / "alpha")
    clip = project.clip("V2:2")
    spline = fit_spline("disc", [matte(frame, SIZE) for frame in clip.positions], first=clip.first)
    ours = project.with_splines("V2:2", spline, feather=1).write(edit.with_stem("ours"))
    return Path(shutil.copy(ours, edit.with_stem("saved")))


def is_saved(path: Path) -> bool:
    """Whether an editor has written the copy anew, to its end."""
    data = path.read_bytes() if path.exists() else b""
    return data != path.with_stem("ours").read_bytes() and data.rstrip().endswith(b"</mlt>")


def check(path: Path) -> None:
    """The clips of the saved copy, their filters and the picture are as we wrote them."""
    ours, saved = path.with_stem("ours"), path
    told = [(clip.id, services(clip)) for clip in Project.read(saved).clips]
    assert told == [(clip.id, services(clip)) for clip in Project.read(ours).clips]
    assert [id for id, filters in told if filters] == ["V2:1", "V2:2"]
    before, after = render(ours, FRAMES), render(saved, FRAMES)
    assert max(worst(frame, want) for frame, want in zip(after, before, strict=True)) <= LIMIT
    front, alpha = picture(5, SIZE), matte(5, SIZE)
    shown = over(255 - front, alpha, over(front, alpha, BACK))  # the effect lies over the clip, which is cut out
    assert worst(after[3], shown) <= LIMIT


def services(clip: Clip) -> list[tuple[str, dict[str, str]]]:
    """The filters of a clip: service, and the properties that a matte depends on."""
    return [
        (one.property("mlt_service") or "", {name: value for name in KEPT if (value := one.property(name)) is not None})
        for one in clip.holder.all("filter")
    ]
