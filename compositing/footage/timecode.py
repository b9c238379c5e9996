"""SMPTE timecode (ST 12-1): text, binary-coded words and counting, with dropped numbers at 29.97 and 59.94."""

from __future__ import annotations

import re
from fractions import Fraction

_TEXT = re.compile(r"(\d{1,2}):(\d{2}):(\d{2})([:;.,])(\d{2,3})")
_DROP, _SECOND_OF_PAIR = 1 << 6, 1 << 15


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


def unpack(word: int, rate: Fraction | None = None) -> str:
    """Text of the binary-coded 32-bit word of EXR and DPX headers; the opposite of ``pack``.

    Hours stand in the highest byte; bit 6 marks drop frame. Above 30 frames per second the word counts pairs of
    frames, and bit 15 marks the second of a pair.
    """
    hours, minutes, seconds, frame = (
        _decimal(word >> shift & mask) for shift, mask in ((24, 0x3F), (16, 0x7F), (8, 0x7F), (0, 0x3F))
    )
    if _in_pairs(rate):
        frame = 2 * frame + (1 if word & _SECOND_OF_PAIR else 0)
    return f"{hours:02}:{minutes:02}:{seconds:02}{';' if word & _DROP else ':'}{frame:02}"


def pack(text: str, rate: Fraction | None = None) -> int:
    """The binary-coded word of ``HH:MM:SS:FF`` (ST 12-1, as OpenEXR and DPX keep it).

    The word has two bits for the tens of a frame, so that above 30 frames per second it counts pairs, with a mark on
    the second of each. Raises ValueError for text that is no timecode, or whose numbers such a word cannot hold: that
    of a frame beyond 39 where ``rate`` is 30 or less, or not known.
    """
    match = _TEXT.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not a timecode of the form HH:MM:SS:FF")
    hours, minutes, seconds, frame = (int(match[group]) for group in (1, 2, 3, 5))
    flags = _DROP if match[4] in ";.," else 0
    if _in_pairs(rate):
        flags |= _SECOND_OF_PAIR if frame % 2 else 0
        frame //= 2
    if hours > 39 or minutes > 79 or seconds > 79 or frame > 39:
        raise ValueError(f"{text!r} does not fit a header's timecode at {rate or 'an unknown rate'}")
    word = 0
    for number in (hours, minutes, seconds, frame):
        word = word << 8 | number // 10 << 4 | number % 10
    return word | flags


def _in_pairs(rate: Fraction | None) -> bool:
    return rate is not None and rate > 30


def _decimal(byte: int) -> int:
    return (byte >> 4) * 10 + (byte & 15)
