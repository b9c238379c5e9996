"""Timecode: counting with and without dropped numbers, and the words of EXR and DPX headers."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compositing.footage.timecode import advance, pack, unpack

NTSC, PAL = Fraction(30000, 1001), Fraction(25)


@pytest.mark.parametrize(
    ("start", "frames", "rate", "expected"),
    [
        ("01:00:00:00", 25, PAL, "01:00:01:00"),
        ("23:59:59:24", 1, PAL, "00:00:00:00"),
        ("00:00:59;29", 1, NTSC, "00:01:00;02"),
        ("00:09:59;29", 1, NTSC, "00:10:00;00"),
        ("00:00:00;00", 17982, NTSC, "00:10:00;00"),
        ("00:00:59;59", 1, Fraction(60000, 1001), "00:01:00;04"),
        ("00:00:59:29", 1, NTSC, "00:01:00:00"),
        ("23:59:59;29", 1, NTSC, "00:00:00;00"),
    ],
)
def test_counting(start: str, frames: int, rate: Fraction, expected: str) -> None:
    assert advance(start, frames, rate) == expected


def test_numbers_0_and_1_of_a_minute_are_dropped_but_for_every_tenth() -> None:
    seen = [advance("00:00:00;00", frame, NTSC) or "" for frame in range(20_000)]
    assert len(set(seen)) == len(seen)
    assert seen == sorted(seen)
    assert not [text for text in seen if text[6:] in ("00;00", "00;01") and text[4] != "0"]


@given(st.integers(0, 100_000), st.integers(0, 100_000), st.sampled_from(["00:00:00;00", "00:00:00:00"]))
def test_counting_in_two_steps_is_counting_in_one(one: int, two: int, start: str) -> None:
    middle = advance(start, one, NTSC)
    assert middle is not None
    assert advance(middle, two, NTSC) == advance(start, one + two, NTSC)


def test_words_of_headers() -> None:
    assert pack("12:34:56:23") == 0x12345623
    assert pack("12:34:56;23") == 0x12345663
    assert unpack(0x12345663) == "12:34:56;23"


@pytest.mark.parametrize("text", ["", "noon", "1:2:3:4:5", "00:00:00"])
def test_what_is_no_timecode_has_no_successor(text: str) -> None:
    assert advance(text, 1, PAL) is None
    with pytest.raises(ValueError, match="HH:MM:SS:FF"):
        pack(text)
