"""Paths that clients name, held within the folders that the user opened.

Symbolic links are followed before a path is compared, and the path that was found is the one used from then on.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from .faults import Refused


class Folders:
    """The opened folders, as resolved paths, and ``own``: those of the service itself, where it keeps shots."""

    def __init__(self, opened: Iterable[str | Path] = (), own: Iterable[Path] = ()) -> None:
        self.opened = [Path(folder) for folder in opened]
        self.own = [folder.resolve() for folder in own]

    def inside(self, text: str | Path, what: str = "path") -> Path:
        """The real path of ``text``, whose last parts need not exist.

        Raises Refused where it is not absolute, cannot be looked up, or leads out of the opened folders.
        """
        path = resolved(text, what)
        if not any(path.is_relative_to(folder) for folder in (*self.opened, *self.own)):
            raise Refused(403, "path", f"the {what} {text} is not within an opened folder; open its folder first")
        return path

    def footage(self, text: str | Path) -> Path:
        """The path of a movie, folder, pattern or frame; every file of a sequence is within the opened folders."""
        path = self.inside(text, "footage")
        if path.is_file() and _names_others(path):
            raise Refused(403, "path", f"{text} is a list that names other files; name the movie itself")
        for file in _frames(path):
            self.inside(file, "frame")
        return path

    def shot(self, text: str | Path) -> Path:
        """The path of a shot's folder, nothing in which leads out of the opened folders."""
        path = self.inside(text, "shot")
        for entry in _entries(path) if path.is_dir() else ():
            self.inside(entry, "part of a shot")
        return path


def openable(text: str) -> Path:
    """The real path of a folder that the user wants to open. Raises Refused where it is none, or holds everything."""
    path = resolved(text, "folder")
    if not path.is_dir():
        raise Refused(400, "path", f"there is no folder {text}; check the path")
    if path.parent == path:
        raise Refused(403, "path", f"{text} is all of the disk; open a folder in it")
    return path


def resolved(text: str | Path, what: str) -> Path:
    """The real path of ``text``. Raises Refused where it is not absolute, or no path at all."""
    try:
        path = Path(text)
        if path.is_absolute():
            path = path.resolve()
            path.exists()  # says what the system does not take
            return path
    except (OSError, ValueError, RuntimeError) as error:  # a zero in it, a loop of links, too long
        raise Refused(400, "path", f"the {what} cannot be looked up ({error})") from error
    raise Refused(400, "path", f"the {what} '{text}' is not absolute; give it from the root of the disk on")


def _names_others(path: Path) -> bool:
    """Whether a file is a playlist or a manifest, which leads a decoder to wherever it says (HLS, DASH, IMF, ffconcat).

    All of them are text; no movie and no picture begins so.
    """
    try:
        with path.open("rb") as file:
            head = file.read(64)
    except OSError as error:
        raise Refused(400, "path", f"{path} cannot be read: {error.strerror}; check its permissions") from error
    return head.removeprefix(b"\xef\xbb\xbf").lstrip().lower().startswith((b"#extm3u", b"<", b"ffconcat"))


def _entries(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError as error:
        raise Refused(400, "path", f"{folder} cannot be read: {error.strerror}; check its permissions") from error


def _frames(path: Path) -> list[Path]:
    """The picture files that a folder, a pattern or a frame stands for; none for a movie."""
    from compositing.footage import numbering

    if path.is_file() and path.suffix.lower() not in numbering.PICTURES:
        return []
    try:
        return list(numbering.find(path).files.values())
    except OSError as error:
        raise Refused(400, "path", f"{path} cannot be read: {error.strerror}; check its permissions") from error
