"""Shot: the project document ``NAME.roto``, opened, edited, undone and closed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from compositing.footage.frames import FrameRange
from sam2_roto.errors import ShotError
from sam2_roto.job import Progress, silent

from . import edits, journal
from .document import Corners, Cut, Document, Keyframe, Point, ShotObject, Stroke, TrackingSettings
from .document_file import DocumentFile, plain

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sam2_roto.deliverables import Deliverables
    from sam2_roto.delivery import Delivered

    from .review import Review
    from .session import TrackReport

ENDING = ".roto"


class Shot(DocumentFile):
    """A shot on disk. Every edit is a transaction: when the call returns, a crash cannot lose it.

    Use it as a context manager, or call ``close``. One process at a time may edit a shot; ``read_only`` opens one that
    is in use. All edits raise ShotError or PromptError, one sentence, where they are not possible.

    >>> with Shot.new("sh010.roto", "plates/sh010.mov") as shot:      # doctest: +SKIP
    ...     shot.add_click("dog", 0, 410, 250)
    ...     shot.undo()
    """

    @classmethod
    def new(
        cls,
        folder: Path | str,
        footage: Path | str,
        *,
        frames: FrameRange | None = None,
        start: int | None = None,
        color_space: str | None = None,
        settings: TrackingSettings | None = None,
        recipe: dict[str, Any] | None = None,
    ) -> Self:
        """Make a shot of ``footage`` in ``folder``, whose name gets the ending ``.roto`` where it lacks it.

        Raises ShotError where the folder is there already, FootageError where the footage cannot be read.
        """
        from .footage import refer

        place = Path(folder)
        place = place if place.suffix == ENDING else place.with_name(place.name + ENDING)
        if (place / journal.SHOT).exists():
            raise ShotError(f"there is a shot {place} already; open it, or choose another name")
        reference = refer(Path(footage), place, start=start, color_space=color_space)
        document = Document(reference, recipe=recipe or {}, settings=settings or TrackingSettings())
        document = edits.set_range(document, frames)
        try:
            place.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ShotError(f"the folder {place} cannot be made: {error.strerror}; choose another") from error
        journal.create(place, plain(document))
        return cls(place)

    @property
    def name(self) -> str:
        """The folder's name without its ending."""
        return self.folder.name.removesuffix(ENDING)

    def object(self, name: str) -> ShotObject:
        """The object of that name; ShotError where there is none."""
        return self.document.object(name)

    def add_object(self, name: str, colour: str | None = None) -> None:
        """A new object without prompts; ``colour`` is ``#rrggbb``."""
        self.edit(f"add {name}", lambda old: edits.add_object(old, name, colour))

    def remove_object(self, name: str) -> None:
        """Take an object out of the shot."""
        self.edit(f"remove {name}", lambda old: edits.remove_object(old, name))

    def set_object(
        self,
        name: str,
        *,
        rename: str | None = None,
        colour: str | None = None,
        visible: bool | None = None,
        locked: bool | None = None,
    ) -> None:
        """Rename, colour, show or hide, lock or unlock an object."""
        words = {"rename": rename, "colour": colour, "visible": visible, "locked": locked}
        label = f"set {name} " + " ".join(f"{key}={value}" for key, value in words.items() if value is not None)
        self.edit(
            label,
            lambda old: edits.set_object(old, name, rename=rename, colour=colour, visible=visible, locked=locked),
        )

    def add_click(self, name: str, frame: int, x: float, y: float, positive: bool = True) -> None:
        """A click on an object, or beside it; a new name makes a new object."""
        self.add_points(name, frame, ((x, y, positive),))

    def add_points(self, name: str, frame: int, points: Iterable[Point]) -> None:
        """Several clicks as one edit."""
        given = tuple(points)
        self.edit(
            f"click {name} {frame}", lambda old: edits.add_points(edits.with_object(old, name), name, frame, given)
        )

    def add_box(self, name: str, frame: int, box: Corners) -> None:
        """A box round an object, by two opposite corners: x, y, x, y."""
        self.edit(f"box {name} {frame}", lambda old: edits.set_box(edits.with_object(old, name), name, frame, box))

    def add_mask(self, name: str, frame: int, mask: NDArray[Any] | Path | str) -> None:
        """A painted mask, bool or coverage 0..1 ``[H, W]``, or a picture file; it is the matte of that frame."""
        from sam2_roto.maskfile import read_mask

        from .pictures import keep_mask

        values = read_mask(Path(mask)) if isinstance(mask, Path | str) else mask
        edits.set_mask(edits.with_object(self.document, name), name, frame, "")  # refuses before a file is written
        digest = keep_mask(self.folder, values, (self.document.footage.width, self.document.footage.height))
        self.edit(f"mask {name} {frame}", lambda old: edits.set_mask(edits.with_object(old, name), name, frame, digest))

    def add_strokes(self, name: str, frame: int, strokes: Iterable[Stroke]) -> None:
        """Brush strokes over what is seen on a frame; the result is the matte of that frame."""
        self.edit(
            f"paint {name} {frame}", lambda old: edits.add_strokes(edits.with_object(old, name), name, frame, strokes)
        )

    def add_scribble(self, name: str, frame: int, lines: Sequence[tuple[Sequence[tuple[float, float]], bool]]) -> None:
        """Lines drawn over an object, or beside it where the second of a pair is false, as a few clicks along them."""
        from sam2_roto.tracking.gestures import stroke_prompt

        self.add_points(name, frame, stroke_prompt(lines).points)

    def add_lasso(self, name: str, frame: int, outline: Sequence[tuple[float, float]]) -> None:
        """A closed outline, in pixels of the plate; what it holds is the matte of that frame, its edge antialiased."""
        from .pictures import enclosed

        size = (self.document.footage.height, self.document.footage.width)
        self.add_mask(name, frame, enclosed(outline, size))

    def clear(self, name: str, frame: int) -> None:
        """Take back all that was said about an object on a frame."""
        self.edit(f"clear {name} {frame}", lambda old: edits.clear_keyframe(old, name, frame))

    def unlock(self, name: str, frame: int) -> None:
        """Let a locked frame be edited and tracked again."""
        self.edit(f"unlock {name} {frame}", lambda old: edits.unlock_frame(old, name, frame))

    def set_range(self, frames: FrameRange | None) -> None:
        """In and out; ``None`` is all of the footage."""
        self.edit(f"range {frames or 'all'}", lambda old: edits.set_range(old, frames))

    def set_recipe(self, recipe: dict[str, Any]) -> None:
        """How mattes are made of logits, as ``MatteRecipe.to_json`` gives it."""
        self.edit("recipe", lambda old: replace(old, recipe=recipe))

    def set_tracking(self, settings: TrackingSettings) -> None:
        """Another model, size or policy; the shot is tracked anew with it, and locked frames stay."""
        self.edit("tracking", lambda old: replace(old, settings=settings))

    def relink(self, footage: Path | str, *, replace_footage: bool = False) -> None:
        """Tell where the footage is now; other footage is refused, unless the shot shall go over to it."""
        from .footage import relinked

        found = relinked(self.document.footage, Path(footage), self.folder, replace=replace_footage)
        self.edit(f"relink {found.name}", lambda old: replace(old, footage=found))

    def set_cuts(self, cuts: Iterable[Cut] | None) -> None:
        """The shot list; ``None`` has cuts looked for anew when the shot is tracked next."""
        self.edit("cuts", lambda old: edits.set_cuts(old, cuts))

    def open_cut(self, frame: int, passes: bool = True) -> None:
        """Let tracking go through the cut before ``frame``, or stop there again."""
        self.edit(f"cut {frame} {'open' if passes else 'closed'}", lambda old: edits.open_cut(old, frame, passes))

    def keyframe(self, name: str, frame: int) -> Keyframe | None:
        """What was said about an object on a frame."""
        return self.object(name).keyframes.get(frame)

    def track(self, progress: Progress | None = None, *, device: str = "auto") -> TrackReport:
        """Answer what awaits it and track what the shot lacks; see ``Session``, which keeps the network loaded."""
        from .session import Session

        with Session(self, device=device) as session:
            return session.track(progress or silent)

    def review(self, progress: Progress | None = None) -> Review:
        """What to look at, from what is tracked."""
        from .footage import offered
        from .results import opened
        from .review import review

        with opened(self) as results, offered(self.document.footage, self.folder) as footage:
            return review(results, footage, progress or silent)

    def export(
        self, output: Path | str, what: Deliverables | None = None, progress: Progress | None = None
    ) -> Delivered:
        """Write the mattes of all visible objects, and ``what`` else is wanted, into the folder ``output``."""
        from .export import export
        from .footage import open_reference
        from .results import opened

        with opened(self) as results, open_reference(self.document.footage, self.folder) as footage:
            return export(results, footage, Path(output), what, progress or silent)
