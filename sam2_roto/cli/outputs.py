"""The files that options name to be written, looked at before the work starts. Light to import."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryFile

from compositing.errors import OutputError


def png(text: str) -> Path:
    """The path of a picture that is written as PNG; OutputError where its name says otherwise."""
    path = Path(text)
    if path.suffix.lower() != ".png":
        raise OutputError(f"{path} is to be a picture in PNG; give a name that ends in .png.")
    return path


def check_file(option: str, path: Path | None) -> None:
    """Raise OutputError where the file that an option names could not be written in the end; nothing is made."""
    if path is None:
        return
    if path.is_dir():
        raise OutputError(f"{option} {path} is a folder; give the name of a file.")
    check_folder(option, path.parent)


def check_folder(option: str, folder: Path | None) -> None:
    """Raise OutputError where a folder could not be made, or not be written to; nothing is made."""
    if folder is None:
        return
    there = next(place for place in (folder, *folder.parents) if place.exists())
    try:
        with TemporaryFile(dir=there):
            pass
    except OSError as error:
        raise OutputError(
            f"{option} cannot be written to {folder} ({(error.strerror or str(error)).lower()}); choose another place."
        ) from error
