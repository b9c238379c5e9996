"""SMPTE timecode (ST 12-1): text, binary-coded words and counting, with dropped numbers at 29.97 and 59.94."""

from __future__ import annotations

import re
from fractions import Fraction

_TEXT = re.compile(r"(\d{1,2}):(\d{2}):(\d{2})([:;.,])(\d{2,3})")


def advance(text: str, frames: int, rate: Fraction) -> str | None:
    """The timecode ``frames`` after ``text`` at ``rate``, wrapping at 24 hours; None where ``text`` is no timecode."""
    match = _TEXT.fullmatch(text.strip())
    if match is None or rate <= 0:
        return None
    hours, minutes, seconds, frame = (int(match[group]) for group in (1, 2, 3, 5))
    drop = match[4] in ";.,"
    base = round(rate)
    dropped = round(base / 15) if drop else 0
    minute = hours * 60 + minutes
    count = (minute * 60 + seconds) * base + frame - dropped * (minute - minute // 10) + frames
    return _spell(count % (24 * 6 * (base * 600 - 9 * dropped)), base, dropped)


def _spell(count: int, base: int, dropped: int) -> str:
    """Numbers 0 and 1 (0 to 3 at 59.94) of each minute are skipped, but not of every tenth."""
    ten_minutes, minute = base * 600 - 9 * dropped, base * 60 - dropped
    tens, rest = divmod(count, ten_minutes)
    count += dropped * (9 * tens + max(0, rest - dropped) // minute)
    seconds, frame = divmod(count, base)
    mark = ";" if dropped else ":"
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{mark}{frame:02}"


def unpack(word: int) -> str:
    """Text of the binary-coded 32-bit word of EXR and DPX headers: hours in the highest byte, bit 6 is drop frame."""
    hours, minutes, seconds = (_decimal(word >> shift & mask) for shift, mask in ((24, 0x3F), (16, 0x7F), (8, 0x7F)))
    mark = ";" if word & 0x40 else ":"
    return f"{hours:02}:{minutes:02}:{seconds:02}{mark}{_decimal(word & 0x3F):02}"


def pack(text: str) -> int:
    """The binary-coded word of ``HH:MM:SS:FF``; the opposite of ``unpack``. Raises ValueError for other text."""
    match = _TEXT.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not a timecode of the form HH:MM:SS:FF")
    word = 0
    for group in (1, 2, 3, 5):
        tens, ones = divmod(int(match[group]), 10)
        word = word << 8 | tens << 4 | ones
    return word | (0x40 if match[4] in ";.," else 0)


def _decimal(byte: int) -> int:
    return (byte >> 4) * 10 + (byte & 15)
