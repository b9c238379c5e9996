"""Frame ranges: reading them, walking through them, spelling them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compositing.errors import FrameRangeError
from compositing.footage.frames import FrameRange, gaps, runs, spell, summarise


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [("1001-1060", 1001, 1060), ("7", 7, 7), ("-5-20", -5, 20), ("-9--3", -9, -3), (" 1 - 2 ", 1, 2), ("-4", -4, -4)],
)
def test_ranges_are_read_as_people_write_them(text: str, first: int, last: int) -> None:
    assert FrameRange.parse(text) == FrameRange(first, last)


@pytest.mark.parametrize("text", ["", "a-b", "1-", "-", "1-2-3", "1..5", "1.5", "10-5", "--5"])
def test_other_words_are_refused_in_one_sentence(text: str) -> None:
    with pytest.raises(FrameRangeError) as caught:
        FrameRange.parse(text)
    assert "\n" not in str(caught.value)


@given(st.integers(-5000, 5000), st.integers(0, 5000))
def test_a_range_survives_being_written_and_read(first: int, more: int) -> None:
    there = FrameRange(first, first + more)
    assert FrameRange.parse(str(there)) == there
    assert len(there) == more + 1


def test_a_range_holds_its_ends_and_nothing_beyond() -> None:
    there = FrameRange(-1, 2)
    assert list(there) == [-1, 0, 1, 2]
    assert -1 in there
    assert 2 in there
    assert 3 not in there
    assert "1" not in there


@given(st.sets(st.integers(-60, 60), min_size=1))
def test_runs_and_gaps_together_are_everything_between(frames: set[int]) -> None:
    ordered = sorted(frames)
    assert [frame for run in runs(ordered) for frame in run] == ordered
    left_out = [frame for gap in gaps(ordered) for frame in gap]
    assert sorted([*ordered, *left_out]) == list(range(ordered[0], ordered[-1] + 1))


def test_many_ranges_are_cut_short() -> None:
    assert summarise([1, 2, 3, 7]) == "1-3, 7"
    assert spell(runs(range(0, 40, 2)), most=2) == "0, 2 and 18 more"
    assert summarise([]) == ""
