"""How image sequences are named on disk: one file per frame, the frame's number in the name."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from compositing.errors import FootageError

PICTURES = frozenset(
    {".exr", ".dpx", ".cin", ".png", ".jpg", ".jpeg", ".tif", ".tiff", ".tga", ".bmp", ".hdr"}
    | {".webp", ".jp2", ".ppm", ".pgm", ".sgi"}
)

_PRINTF = re.compile(r"%0?(\d*)d")
_HASHES = re.compile(r"#+|@+")
_LAST_NUMBER = re.compile(r"^(?P<head>.*?)(?P<number>(?:(?<![0-9A-Za-z])-)?\d+)(?P<tail>\.(?:(?i:jp2)|[^.\d]*))$")
_VERSION = re.compile(r"(^|[^A-Za-z])[vV]$")


@dataclass(frozen=True, slots=True)
class Sequence:
    """The files of one sequence by frame number; ``pattern`` is its name with ``%04d`` for the number."""

    pattern: str
    files: dict[int, Path]

    @property
    def name(self) -> str:
        return Path(self.pattern).name


def is_pattern(path: Path) -> bool:
    """Whether the last part of the path stands for many files: ``name.%04d.exr``, ``name.####.exr``."""
    return bool(_PRINTF.search(path.name) or _HASHES.search(path.name))


def find(path: Path) -> Sequence:
    """The sequence that a folder, a pattern or one of its files stands for.

    A single picture without a number is a sequence of one frame, 0. Raises FootageError where there is nothing, or
    more than one sequence in a folder.
    """
    if path.is_dir():
        return _in_folder(path)
    if is_pattern(path) and not path.exists():
        return _of_pattern(path)
    if not path.exists():
        raise FootageError(f"There is no file or folder {path}; check the path.")
    key = _key(path)
    if key is None:
        return Sequence(path.name, {0: path})
    sequence = _gather(path.parent, key)[key]
    return Sequence(path.name, {0: path}) if len(sequence.files) == 1 and _is_name(path, key) else sequence


def sequences(folder: Path) -> list[Sequence]:
    """All sequences of a folder."""
    return list(_gather(folder).values())


def stem(path: Path) -> str:
    """What the names of files made of footage begin with: its own name without the ending.

    A picture of a sequence is named without its number too: ``plate.1001.exr`` and ``plate.%04d.exr`` give ``plate``.
    The folder ``sh010`` and the movie ``m6.mp4`` keep their numbers.
    """
    if path.is_dir():
        return path.resolve().name or "plate"
    head = _head(path) if path.suffix.lower() in PICTURES else None
    return path.stem if head is None else head.rstrip("._-") or "plate"


def _head(path: Path) -> str | None:
    """What stands before the number in a picture's name, None where there is none."""
    if not path.exists() and (place := _PRINTF.search(path.name) or _HASHES.search(path.name)):
        return path.name[: place.start()]
    key = _key(path)
    named = key is None or (path.exists() and find(path).name == path.name)
    return None if key is None or named else key[0]


def _in_folder(folder: Path) -> Sequence:
    found = list(_gather(folder).values())
    loose = [path for path in _pictures(folder) if _key(path) is None]
    if not found and len(loose) == 1:
        return Sequence(loose[0].name, {0: loose[0]})
    if not found and not loose:
        raise FootageError(f"The folder {folder} holds no pictures; name a folder with an image sequence.")
    if len(found) != 1:
        names = ", ".join(sorted([sequence.name for sequence in found] + [path.name for path in loose])[:6])
        raise FootageError(f"The folder {folder} holds more than one sequence ({names}); name one of them.")
    return found[0]


def _of_pattern(path: Path) -> Sequence:
    text = path.name
    match = _PRINTF.search(text) or _HASHES.search(text)
    if match is None:
        raise FootageError(f"{path} has no place for a frame number; write it as name.%04d.exr.")
    digits = int(match[1] or 1) if match.re is _PRINTF else len(match[0])
    # As printf counts: a sign is one of the digits.
    number = rf"(\d{{{digits},}}|-\d{{{max(digits - 1, 1)},}})"
    wanted = re.compile(re.escape(text[: match.start()]) + number + re.escape(text[match.end() :]))
    if not path.parent.is_dir():
        raise FootageError(f"There is no folder {path.parent}; check the path.")
    files = {int(hit[1]): entry for entry in sorted(path.parent.iterdir()) if (hit := wanted.fullmatch(entry.name))}
    if not files:
        raise FootageError(f"No file matches {path}; check the folder, the name and the number of digits.")
    return Sequence(text, dict(sorted(files.items())))


def _gather(folder: Path, only: tuple[str, str] | None = None) -> dict[tuple[str, str], Sequence]:
    """Numbered pictures of a folder, by what stands before and after the number: all of them, or one group only."""
    groups: dict[tuple[str, str], dict[int, Path]] = {}
    for path in _pictures(folder):
        key = _key(path)
        if key is None or only not in (None, key):
            continue
        files = groups.setdefault(key, {})
        number = _number(path, key)
        if int(number) in files:
            raise FootageError(f"{files[int(number)].name} and {path.name} are both frame {int(number)}; keep one.")
        files[int(number)] = path
    return {key: Sequence(_pattern(key, files), dict(sorted(files.items()))) for key, files in groups.items()}


def _pictures(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in PICTURES and path.name[0] != ".")


def _key(path: Path) -> tuple[str, str] | None:
    """What stands before and after the frame number; None where there is none, or where it is a version (``_v2``)."""
    match = _LAST_NUMBER.match(path.name)
    if match is None or _VERSION.search(match["head"]):
        return None
    return match["head"], match["tail"]


def _is_name(path: Path, key: tuple[str, str]) -> bool:
    """Whether digits without padding, right behind a letter, are part of a name as in ``Rec709.exr``."""
    return key[0][-1:].isalpha() and _number(path, key)[0] != "0"


def _number(path: Path, key: tuple[str, str]) -> str:
    return path.name[len(key[0]) : len(path.name) - len(key[1])]


def _pattern(key: tuple[str, str], files: dict[int, Path]) -> str:
    numbers = [_number(path, key) for path in files.values()]
    padded = any(number.lstrip("-")[0] == "0" and len(number) > 1 for number in numbers)
    width = min(map(len, numbers))
    same = width > 1 and (padded or len(set(map(len, numbers))) == 1)
    return f"{key[0]}%0{width}d{key[1]}" if same else f"{key[0]}%d{key[1]}"
