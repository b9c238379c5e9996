"""What is written stays apart from what is read."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from compositing.errors import OutputError
from compositing.footage import Footage


def check_files(written: Iterable[Path], read: Iterable[Path], work: str) -> None:
    """Raises OutputError where a file that is read for this ``work`` would be written over; links are followed."""
    known = {place for path in read if (place := place_of(path))}
    for path in written:
        if place_of(path) in known:
            raise OutputError(f"{path} is read for this {work} and would be overwritten; choose another output.")


def check_folder(folder: Path, footage: Footage, work: str) -> None:
    """Raises OutputError where pictures would come to lie in the folder of a sequence that is read.

    A folder with two sequences stands for neither of them, so that what names it as footage would fail from then on.
    """
    home = footage.files[0].parent
    sequence = footage.path.is_dir() or len(footage.files) > 1
    if sequence and place_of(folder) == place_of(home):
        raise OutputError(
            f"{folder} holds the pictures that are read for this {work} ({footage.files[0].name} …), which no other "
            "sequence may join; choose another folder for the output."
        )


def place_of(path: Path) -> tuple[int, int] | None:
    """Where a file lies on the disks, however it is named; None where there is none."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino
