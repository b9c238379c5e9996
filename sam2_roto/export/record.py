"""The record of what was delivered into a folder: what it names is ours to replace, and nothing else is.

It is a file in the folder, ``sam2_roto.json``::

    {"format": 1, "files": {"sh010_matte.1001.exr": "rotoscope 5f0c2a", "overlay.mp4": "rotoscope 5f0c2a"}}

Each file has a word for its maker. Names start from the folder; files elsewhere are named in full. It is written before
the first of its files, so that what a killed run left is known, too.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path

from compositing.apart import place_of
from compositing.errors import OutputError
from sam2_roto.export.files import replacing

FORMAT = 1
"""Version of the layout."""

NAME = "sam2_roto.json"


class Record:
    """The files that were written into ``folder``, by name, with their makers. A damaged record names none."""

    def __init__(self, folder: Path) -> None:
        self._folder = Path(os.path.abspath(folder))
        self._makers = _read(self._folder / NAME)

    def check(self, files: Iterable[Path], maker: str, advice: str) -> None:
        """Raises OutputError where a file is there that this maker has not written; ``advice`` ends the sentence."""
        for path in files:
            known = self._makers.get(self._name(path))
            if known != maker and os.path.lexists(path):
                whose = "was written by another job" if known else "is there already, and sam2-roto did not write it"
                raise OutputError(f"{path} {whose}; {advice}.")

    def made(self, path: Path, maker: str) -> bool:
        """Whether this maker has written a file."""
        return self._makers.get(self._name(path)) == maker

    def add(self, files: Iterable[Path], maker: str) -> None:
        """Note what a maker is about to write. Raises OutputError."""
        self._makers = _read(self._folder / NAME)  # another process may have written
        self._save(self._makers | {self._name(path): maker for path in files})

    def remove_others(self, maker: str, spare: Iterable[Path] = ()) -> None:
        """Delete what others of the maker's kind, its first word, wrote into the folder, but ``spare`` some files.

        Raises OutputError.
        """
        kind, spared = maker.split()[0], {place_of(path) for path in spare}
        others = {name for name, word in self._makers.items() if word != maker and word.split()[:1] == [kind]}
        for name in others:
            path = self._folder / name
            inside = not Path(name).is_absolute() and ".." not in Path(name).parts
            if inside and path.is_file() and place_of(path) not in spared:
                _unlink(path)
        self._save({name: word for name, word in self._makers.items() if name not in others})

    def _name(self, path: Path) -> str:
        whole = Path(os.path.abspath(path))
        return (whole.relative_to(self._folder) if whole.is_relative_to(self._folder) else whole).as_posix()

    def _save(self, makers: dict[str, str]) -> None:
        if makers == _read(self._folder / NAME):
            return
        self._makers = makers
        with replacing(self._folder / NAME) as hidden:
            hidden.write_text(json.dumps({"format": FORMAT, "files": makers}, indent=0), encoding="utf-8")


def _read(path: Path) -> dict[str, str]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        files = found["files"] if found["format"] == FORMAT else {}
        return {str(name): str(maker) for name, maker in files.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _unlink(path: Path) -> None:
    try:
        path.unlink()
    except OSError as error:
        raise OutputError(f"{path} cannot be removed ({error.strerror}); check its permissions.") from error
