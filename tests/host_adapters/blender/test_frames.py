"""Frame numbers between timeline, strip and file, without Blender."""

from __future__ import annotations

import pytest

from host_adapters.blender.extension.errors import SceneError
from host_adapters.blender.extension.frames import (
    FrameMap,
    SpeedEffect,
    StripTiming,
    clip_map,
    files_map,
    number_of,
    pattern_of,
    patterns_of,
    strip_map,
)


def test_a_map_goes_both_ways() -> None:
    times = FrameMap(101, (7, 8, 8, 9))
    assert [times.plate(frame) for frame in range(101, 105)] == [7, 8, 8, 9]
    assert times.timelines(8) == [102, 103]
    assert times.timelines(6) == []
    assert times.plate_range == (7, 9)
    assert (times.last, times.steady) == (104, False)


def test_a_frame_outside_the_strip_is_refused() -> None:
    with pytest.raises(SceneError, match="Frame 100 is outside the strip, which lasts from 101 to 103"):
        FrameMap(101, (1, 2, 3)).plate(100)


def test_a_strip_of_no_frames_is_refused() -> None:
    with pytest.raises(SceneError, match="no frame of its file"):
        clip_map(1, 1, 0)


def test_a_movie_of_another_rate_is_shown_at_its_own_pace() -> None:
    # Seen in 4.5: fifty frames at 30 fps in a scene of 24, four of them trimmed off for good.
    timing = StripTiming(start=101, first=106, end=137, length=36, content=46, skipped=4, rate=1.25)
    times = strip_map(timing)
    assert times.plates[:7] == (10, 12, 13, 14, 15, 17, 18)
    assert times.plates[-2:] == (47, 48)


def test_a_movie_of_another_rate_runs_backwards() -> None:
    timing = StripTiming(start=101, first=106, end=137, length=36, content=46, skipped=4, rate=1.25, reverse=True)
    assert strip_map(timing).plates[:7] == (42, 40, 39, 38, 37, 35, 34)


def test_places_between_two_numbers_share_what_was_read_first() -> None:
    # Seen in 5.0: 24 frames at 70 percent.
    timing = StripTiming(start=101, first=101, end=111, length=34, content=24, keys=(101, 135), shares=True)
    assert strip_map(timing).plates == (0, 0, 1, 2, 2, 4, 4, 4, 6, 6)


def test_a_speed_that_changes_along_the_strip_is_refused() -> None:
    timing = StripTiming(start=1, first=1, end=9, length=8, content=8, keys=(1, 4, 9))
    with pytest.raises(SceneError, match="speed changes along the way"):
        strip_map(timing)


def test_an_unknown_speed_control_is_refused() -> None:
    timing = StripTiming(start=1, first=1, end=9, length=8, content=8)
    with pytest.raises(SceneError, match="'WARP' is not known"):
        strip_map(timing, SpeedEffect(1, 9, "WARP"))


def test_the_first_frame_of_a_file_may_have_any_number() -> None:
    timing = StripTiming(start=11, first=13, end=15, length=8, content=8)
    assert strip_map(timing, file_first=1001).plates == (1003, 1004)


def test_image_strips_say_their_numbers_by_their_files() -> None:
    assert files_map(5, ["a.0010.exr", "a.0012.exr"]) == FrameMap(5, (10, 12))


@pytest.mark.parametrize(
    ("name", "number", "pattern"),
    [
        ("plate.0101.exr", 101, "plate.%04d.exr"),
        ("sh010_v2.1001.png", 1001, "sh010_v2.%04d.png"),
        ("plate-0007.png", 7, "plate-%04d.png"),
        ("00012.dpx", 12, "%05d.dpx"),
        ("plate.-012.exr", -12, "plate.%04d.exr"),
        ("plate.2.jp2", 2, "plate.%d.jp2"),
    ],
)
def test_numbers_are_read_from_names(name: str, number: int, pattern: str) -> None:
    assert number_of(name) == number
    assert pattern_of(name) == pattern
    assert pattern % number == name


@pytest.mark.parametrize(
    ("numbers", "place"),
    [
        (("98", "99", "100"), "%d"),
        (("9", "10"), "%d"),
        (("0", "9", "10"), "%d"),
        (("-1", "0", "10"), "%d"),
        (("098", "099", "100"), "%03d"),
        (("0999", "1000", "10000"), "%04d"),
        (("1001", "1002"), "%04d"),
        (("-001", "0000"), "%04d"),
    ],
)
def test_the_width_of_a_sequence_is_that_of_all_its_numbers(numbers: tuple[str, ...], place: str) -> None:
    names = [f"plate.{number}.exr" for number in numbers]
    assert patterns_of(names) == {f"plate.{place}.exr"}
    assert patterns_of(names[:1], ["title.exr", "other.1.exr", *names]) == {f"plate.{place}.exr"}
    assert {f"plate.{place}.exr" % number_of(name) for name in names} == set(names)


def test_several_sequences_are_told_apart() -> None:
    assert patterns_of(["a.1.exr", "a.12.exr", "b.01.exr"]) == {"a.%d.exr", "b.%02d.exr"}


def test_a_name_without_a_number_is_refused() -> None:
    with pytest.raises(SceneError, match=r"plate\.exr has no frame number"):
        pattern_of("plate.exr")
