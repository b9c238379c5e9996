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


def test_above_30_a_word_counts_pairs() -> None:
    assert pack("10:11:12:29", Fraction(30)) == 0x10111229
    assert pack("10:11:12:47", Fraction(48)) == 0x10111223 | 0x8000
    assert pack("00:00:01;58", Fraction(60000, 1001)) == 0x00000129 | 0x40
    assert unpack(0x00000129 | 0x8040, Fraction(60000, 1001)) == "00:00:01;59"
    assert unpack(0x00000129 | 0x8040, NTSC) == "00:00:01;29"


@given(st.integers(0, 5_000_000), st.sampled_from([(24, ":"), (25, ":"), (30, ";"), (48, ":"), (60, ";"), (60, ":")]))
def test_words_come_back(count: int, kind: tuple[int, str]) -> None:
    rate = Fraction(kind[0])
    text = advance(f"00:00:00{kind[1]}00", count, rate)
    assert text is not None
    assert unpack(pack(text, rate), rate) == text


@pytest.mark.parametrize("text", ["00:00:00:40", "00:00:00:59", "45:00:00:00", "00:90:00:00"])
def test_numbers_that_a_word_cannot_hold_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="does not fit"):
        pack(text)


@pytest.mark.parametrize("text", ["", "noon", "1:2:3:4:5", "00:00:00"])
def test_what_is_no_timecode_has_no_successor(text: str) -> None:
    assert advance(text, 1, PAL) is None
    with pytest.raises(ValueError, match="HH:MM:SS:FF"):
        pack(text)
