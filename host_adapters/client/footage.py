"""Whether a shot is of the plate that a host means."""

from __future__ import annotations

import os
import re

_PRINTF = re.compile(r"%0?\d*d")
_HASHES = re.compile(r"#+|@+")
_NUMBER = re.compile(r"(?:(?<![0-9A-Za-z])-)?\d+(?=\.[^.]+$)")

TYPE_CHECKING = False  # importing typing takes longer than importing this client
if TYPE_CHECKING:
    Path = str | os.PathLike[str]


def same_footage(told: Path, plate: Path) -> bool:
    """Whether the footage that the service tells of a shot is the plate of a host.

    Links are followed. A sequence may be meant by a pattern of any width (``name.%04d.exr``, ``name.####.exr``), its
    folder or one of its files. True, too, where the told footage is gone: the service says so, and what to do.
    """
    told, plate = os.path.abspath(told), os.path.abspath(plate)
    if not os.path.exists(os.path.dirname(told) if _is_pattern(told) else told):
        return True
    if _is_pattern(told) and _is_pattern(plate):
        return _filled(told, "#") == _filled(plate, "#") and _is_same(os.path.dirname(told), os.path.dirname(plate))
    if _is_pattern(told):
        return _is_of(plate, told)
    return _is_of(told, plate) if _is_pattern(plate) else _is_same(told, plate)


def _is_of(path: str, pattern: str) -> bool:
    """Whether a file is one of the sequence, or a folder the one that holds it."""
    number = _NUMBER.search(os.path.basename(path))
    spelled = os.path.join(os.path.dirname(pattern), _filled(pattern, number[0] if number else ""))
    return _is_same(os.path.dirname(pattern), path) or _is_same(spelled, path)


def _is_pattern(path: str) -> bool:
    name = os.path.basename(path)
    return any(form.search(name) for form in (_PRINTF, _HASHES)) and not os.path.exists(path)


def _filled(pattern: str, number: str) -> str:
    """The name of a file of a sequence, as the system compares names."""
    name = os.path.basename(pattern)
    place = _PRINTF if _PRINTF.search(name) else _HASHES
    return os.path.normcase(place.sub(number, name, count=1))


def _is_same(one: str, other: str) -> bool:
    try:
        return os.path.samefile(one, other)
    except OSError:
        return False
