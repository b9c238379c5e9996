"""A project of Kdenlive, Shotcut or plain MLT: its clips, and the same project with a matte on one of them."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from compositing.apart import place_of
from host_adapters.mlt.document import Document, Element, row
from host_adapters.mlt.errors import ProjectError
from host_adapters.mlt.forms import Filter, alpha_filters, effect_filters, spline_filters
from host_adapters.mlt.timeline import Clip, Flavor, clips_of, flavor_of
from host_adapters.mlt.times import Profile
from sam2_roto.export.files import replacing
from sam2_roto.mattes.shapes import Spline

ENDINGS = (".mlt", ".kdenlive")

_NUMBERED = re.compile(r"filter(\d+)")
_SPEED = re.compile(r"^-?\d+(?:[.,]\d+)?:")


@dataclass(frozen=True)
class Project:
    """A project as read from ``path``. Editing gives a new one; the file is not touched until it is written.

    ::

        project = Project.read("edit.kdenlive")
        project.with_matte("V1:2", "mattes/dog.mlt").write("edit_dog.kdenlive")
    """

    path: Path
    document: Document
    profile: Profile

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Project:
        """Read a project. Raises ProjectError where there is none, or it cannot be understood."""
        place = Path(path)
        try:
            data = place.read_bytes()
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise ProjectError(f"the project {place} cannot be read ({reason}); check the path") from error
        document = Document(data, place.name)
        found = document.root.all("profile")
        return cls(place.absolute(), document, Profile.of(found[0] if found else None, place.name))

    @cached_property
    def flavor(self) -> Flavor:
        """Whose project it is."""
        return flavor_of(self.document)

    @cached_property
    def clips(self) -> list[Clip]:
        """The clips of footage that can be seen, from the lowest track up."""
        return clips_of(self.document, self.profile, self.flavor)

    @property
    def root(self) -> Path:
        """The folder that names in the project start from."""
        return self.path.parent / (self.document.root.get("root") or "")

    def clip(self, id: str) -> Clip:
        """The clip of that id. Raises ProjectError where there is none."""
        for clip in self.clips:
            if clip.id == id:
                return clip
        known = ", ".join(clip.id for clip in self.clips[:12]) or "none"
        raise ProjectError(
            f"{self.path.name} has no clip '{id}'; its clips are {known}{' …' if len(self.clips) > 12 else ''}"
        )

    def with_matte(self, id: str, matte: str | os.PathLike[str], effects: Sequence[Filter] = ()) -> Project:
        """The project with a matte on a clip.

        Args:
            id: of the clip.
            matte: a file that ``write_matte`` made for it, or any with alpha that MLT plays in the clip's positions.
            effects: apply these where the matte is; without them the matte becomes the clip's alpha.
        """
        name = self._named(Path(matte))
        made = effect_filters(name, effects, self.flavor) if effects else alpha_filters(name, self.flavor)
        return self.with_filters(id, made)

    def with_splines(self, id: str, spline: Spline, feather: int = 0) -> Project:
        """The project with editable splines as a clip's alpha; their frames are the clip's positions."""
        clip = self.clip(id)
        return self.with_filters(id, spline_filters(spline, clip.positions, self.flavor, feather))

    def with_filters(self, id: str, filters: Sequence[Filter]) -> Project:
        """The project with filters ahead of all others of a clip, in this order."""
        holder = self.clip(id).holder
        rows = [
            row("filter", {"id": name}, one.all_properties())
            for name, one in zip(self._free(len(filters)), filters, strict=True)
        ]
        present: list[Element] = holder.all("filter")
        splice = self.document.insert(holder, present[0] if present else None, rows)
        edited = Document(self.document.spliced([splice]), self.path.name)
        return Project(self.path, edited, self.profile)

    def write(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
        """Write the project; everything that was not edited is as it was, byte by byte.

        Raises as ``check_output``, and OutputError where the disk refuses.
        """
        place = self.check_output(path, overwrite=overwrite)
        with replacing(place) as hidden:
            hidden.write_bytes(self.document.data)
        return place

    def check_output(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
        """The place in full, where a project may be written.

        Raises ProjectError where the name is not a project's, where this would replace the project that was read, a
        file that it refers to, or another file without ``overwrite``, or where names in the project would no longer
        lead to their files.
        """
        place = Path(path).absolute()
        if place.suffix.lower() not in ENDINGS:
            raise ProjectError(f"{place.name} is no project's name; give one that ends in {' or '.join(ENDINGS)}")
        if place.resolve() == self.path.resolve():
            raise ProjectError(f"{place.name} is the project itself, which is kept; choose another name")
        self.check_unused(place)
        if place.exists() and not overwrite:
            raise ProjectError(f"there is a file {place} already; choose another name, or allow it with --overwrite")
        moved = place.parent.resolve() != self.path.parent.resolve()
        if moved and not Path(self.document.root.get("root") or "").is_absolute():
            raise ProjectError(f"{place.name} must lie beside {self.path.name}, whose names start from its folder")
        return place

    def check_unused(self, file: Path) -> None:
        """Raises ProjectError where the project refers to a file, which would be replaced."""
        place = place_of(file)
        if place is not None and place in self._used:
            raise ProjectError(f"{file} is used in {self.path.name} and would be replaced; choose another name")

    @cached_property
    def _used(self) -> set[tuple[int, int]]:
        """The files that any property names, whatever it is called: footage, proxies, mattes, pictures."""
        texts = {element.text for element in self.document.root.walk() if element.tag == "property"}
        names = {name for text in texts for name in (text, _SPEED.sub("", text))}
        return {place for name in names if (place := place_of(self.root / name))}

    def _named(self, file: Path) -> str:
        """A file as the project names it: from its root where that is above, else in full."""
        full = file if file.is_absolute() else Path.cwd() / file
        if not full.is_file():
            raise ProjectError(f"there is no matte {file}; write it first")
        try:
            return full.resolve().relative_to(self.root.resolve()).as_posix()
        except ValueError:
            return full.resolve().as_posix()

    def _free(self, count: int) -> list[str]:
        """Ids that no filter has."""
        taken = [int(found[1]) for id in self.document.ids() if (found := _NUMBERED.fullmatch(id))]
        begin = max(taken, default=-1) + 1
        return [f"filter{begin + index}" for index in range(count)]
