"""Knowing a shot's footage again: by name, size and a digest, wherever it has been moved to."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from hashlib import sha256
from pathlib import Path

from compositing.errors import FootageError, MissingFrameError
from compositing.footage import Footage, numbering, open_footage
from compositing.footage.frames import summarise
from sam2_roto.errors import ShotError

from .document import FootageReference

_SAMPLES = 16
_BLOCK = 1 << 16


def refer(path: Path, folder: Path, *, start: int | None = None, color_space: str | None = None) -> FootageReference:
    """The reference to the footage at ``path`` from a shot in ``folder``. Raises FootageError, MissingFrameError."""
    with open_footage(path, start=start, color_space=color_space) as footage:
        if footage.missing:
            raise MissingFrameError(
                f"{footage.path.name} has no frame {summarise(footage.missing)}; a shot needs all of them: supply "
                "the files, or move those of another take away"
            )
        files = _files(footage)
        return FootageReference(
            path=_spell(path, folder),
            name=footage.path.name,
            size=sum(file.stat().st_size for file in files),
            digest=_digest(files),
            width=footage.width,
            height=footage.height,
            first=footage.first,
            last=footage.last,
            start=start,
            color_space=color_space,
            rate=str(footage.rate) if footage.rate else None,
        )


def locate(reference: FootageReference, folder: Path) -> Path:
    """Where the footage is: as the shot says, or of the same name beside the shot. Raises FootageError."""
    told = folder / reference.path
    for place in (told, folder.parent / reference.name):
        if place.exists() or numbering.is_pattern(place):
            return place
    raise FootageError(
        f"the footage {reference.name} of {folder.name} is not at {told}; give 'sam2-roto shot relink' its new place"
    )


def open_reference(reference: FootageReference, folder: Path) -> Footage:
    """The footage, open. Raises FootageError where it is gone, ShotError where it is another than the shot's."""
    footage = open_footage(locate(reference, folder), start=reference.start, color_space=reference.color_space)
    found = (footage.width, footage.height, footage.first, footage.last, _bytes(footage))
    known = (reference.width, reference.height, reference.first, reference.last, reference.size)
    if found != known:
        footage.close()
        raise ShotError(
            f"{footage.path} is not the footage that {folder.name} was made with (other size or frames); "
            "give 'sam2-roto shot relink' the right one"
        )
    return footage


@contextmanager
def offered(reference: FootageReference, folder: Path) -> Iterator[Footage | None]:
    """The footage for those who can do without it: ``None`` where it is gone, or another than the shot's."""
    footage: Footage | None = None
    with suppress(FootageError, ShotError):
        footage = open_reference(reference, folder)
    with footage or nullcontext():
        yield footage


def relinked(old: FootageReference, path: Path, folder: Path, *, replace: bool = False) -> FootageReference:
    """The reference to the footage at its new place.

    Raises ShotError where it is other footage, unless ``replace``: then the shot goes over to it, and is tracked anew.
    """
    found = refer(path, folder, start=old.start, color_space=old.color_space)
    same = (found.digest, found.size) == (old.digest, old.size)
    if not same and not replace:
        raise ShotError(
            f"{path} is not the footage that {folder.name} was made with ({old.name}); "
            "to go over to it, and track it anew, give --replace"
        )
    size = (found.width, found.height, found.first, found.last)
    if size != (old.width, old.height, old.first, old.last):
        raise ShotError(f"{path} has other frames or another size than {old.name}; make a new shot of it")
    return found


def _spell(path: Path, folder: Path) -> str:
    """From the shot's folder to the footage where one path leads there, else the whole path."""
    whole = path.expanduser().resolve()
    try:
        return Path(os.path.relpath(whole, folder.resolve())).as_posix()
    except ValueError:  # another drive
        return whole.as_posix()


def _files(footage: Footage) -> Sequence[Path]:
    movie = footage.path.is_file() and footage.path.suffix.lower() not in numbering.PICTURES
    return [footage.path] if movie else list(numbering.find(footage.path).files.values())


def _bytes(footage: Footage) -> int:
    return sum(file.stat().st_size for file in _files(footage))


def _digest(files: Sequence[Path]) -> str:
    """SHA-256 of samples: blocks from the beginning, middle and end of files spread over the footage, and all sizes.

    All of a 4K plate would take longer to read than to track.
    """
    digest = sha256()
    sizes = [file.stat().st_size for file in files]
    digest.update(repr(sizes).encode())
    chosen = sorted({place * (len(files) - 1) // (_SAMPLES - 1) for place in range(_SAMPLES)})
    blocks = _SAMPLES if len(files) == 1 else 3
    for place in chosen:
        with files[place].open("rb") as file:
            for part in range(blocks):
                file.seek(max(0, sizes[place] - _BLOCK) * part // (blocks - 1))
                digest.update(file.read(_BLOCK))
    return digest.hexdigest()
