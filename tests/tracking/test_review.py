"""Confidence, the frames to look at, and where a click helps."""

from __future__ import annotations

import pytest

from sam2_roto.tracking.evidence import SIGNS, Evidence
from sam2_roto.tracking.review import WEIGHTS, WORDS, confidence, expected_gains, rank, suggest


def test_every_sign_has_a_weight_and_words() -> None:
    assert set(WEIGHTS) == set(SIGNS) == set(WORDS)
    assert max(WEIGHTS.values()) <= 0


def evidence(frame: int, doubt: float, prompted: bool = False) -> Evidence:
    """What is seen of a frame that is reached with so much doubt."""
    return Evidence(frame, float(prompted), *[0.0] * len(SIGNS))._replace(doubted=4 * doubt)


def test_the_worst_come_first_and_neighbours_are_one_suspect() -> None:
    first = [evidence(frame, 0.9 if frame in (10, 11) else 0.1, frame == 0) for frame in range(30)]
    second = [evidence(frame, 0.6 if frame == 11 else 0.1, frame == 0) for frame in range(30)]
    suspects = rank({"a": first, "b": second}, most=3)
    assert [(suspect.name, suspect.frame) for suspect in suspects[:2]] == [("a", 10), ("b", 11)]
    assert suspects[0].reason == WORDS["doubted"]
    assert len(suspects) == 3
    assert suspects[0].confidence < suspects[1].confidence < suspects[2].confidence


def test_the_click_goes_to_the_start_of_the_longest_run_of_bad_frames() -> None:
    lone = {3: 0.95}
    lost = dict.fromkeys(range(25, 40), 0.9)
    short = dict.fromkeys(range(14, 17), 0.95)
    found = [evidence(frame, {**lone, **short, **lost}.get(frame, 0.05), frame in (0, 10)) for frame in range(40)]
    assert suggest(found) == 27  # as early as its neighbours are bad, too


def test_a_pass_backward_saves_what_was_lost_before() -> None:
    found = [evidence(frame, 0.9 if frame < 20 else 0.05, frame == 39) for frame in range(40)]
    assert suggest(found) == 17


def test_the_better_of_two_passes_is_kept_between_prompted_frames() -> None:
    ahead = [evidence(frame, 0.02 + 0.02 * frame, frame == 0) for frame in range(21)]
    between = [*ahead[:-1], evidence(20, 0.42, prompted=True)]
    assert min(expected_gains(between)) >= 0
    assert expected_gains(between)[10] != expected_gains(ahead)[10]


def test_a_prompted_frame_bounds_what_a_click_reaches() -> None:
    found = [evidence(frame, 0.8, frame == 10) for frame in range(21)]
    gains = expected_gains(found)
    assert gains[10] == 0
    mended = [evidence(frame, 0.8 if frame < 10 else 0.0, frame == 10) for frame in range(21)]
    assert gains[5] == pytest.approx(expected_gains(mended)[5])


def test_nothing_to_suggest_where_all_is_prompted() -> None:
    assert suggest([evidence(0, 0.5, prompted=True)]) is None
    assert suggest([]) is None


def test_a_click_that_did_not_help_sends_the_next_one_elsewhere() -> None:
    found = [evidence(frame, 0.9 if 20 <= frame < 30 else 0.2, frame == 0) for frame in range(40)]
    first = suggest(found)
    assert first is not None
    second = suggest(found, [first])
    assert second is not None
    assert abs(second - first) >= 5
    assert suggest(found[:3], [1]) == 2  # nearer where there is no other


def test_a_click_beside_a_keyframe_is_not_asked_for() -> None:
    found = [evidence(frame, 0.9 if 8 <= frame < 18 else 0.1, frame in (0, 10)) for frame in range(40)]
    first = suggest(found)
    assert first is not None
    assert abs(first - 10) >= 5
    assert suggest(found[8:12]) == 8  # as far from it as there is room


def test_confidence_is_that_of_the_signs_and_certain_where_prompted() -> None:
    trusts = [confidence(evidence(1, doubt)) for doubt in (0.0, 0.2, 0.5, 0.9)]
    assert trusts == sorted(trusts, reverse=True)
    assert 0 < trusts[-1] < 0.2
    assert trusts[0] > 0.9
    assert confidence(evidence(1, 0.9, prompted=True)) == 1
