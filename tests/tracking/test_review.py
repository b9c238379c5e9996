"""Evidence of trouble, confidence, and where a click helps."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from sam2_roto.tracking.objects import ObjectFrame
from sam2_roto.tracking.review import (
    SIGNS,
    WEIGHTS,
    WORDS,
    Evidence,
    confidence,
    expected_gains,
    gather,
    rank,
    suggest,
)

SIDE = 32


def disc(column: float, row: float = 16, radius: float = 6) -> Tensor:
    """Logits of a disc with an edge of one cell."""
    rows, columns = torch.meshgrid(torch.arange(SIDE), torch.arange(SIDE), indexing="ij")
    distance = ((rows - row) ** 2 + (columns - column) ** 2).sqrt()
    return ((radius - distance) * 4).clamp(-10, 10)


def result(logits: Tensor, iou: float = 0.95, score: float = 8.0, prompted: bool = False) -> ObjectFrame:
    return ObjectFrame(logits, score, iou, torch.zeros(4), prompted)


def steady(count: int = 20) -> list[tuple[int, ObjectFrame, float | None]]:
    """A disc that moves evenly, prompted on the first frame."""
    return [(frame, result(disc(8 + 0.5 * frame), prompted=frame == 0), 0.02) for frame in range(count)]


def test_every_sign_has_a_weight_and_words() -> None:
    assert set(WEIGHTS) == set(SIGNS) == set(WORDS)
    assert max(WEIGHTS.values()) <= 0


def test_an_even_pass_is_trusted() -> None:
    found = gather(steady())
    assert [evidence.frame for evidence in found] == list(range(20))
    assert confidence(found[0]) == 1
    assert min(confidence(evidence) for evidence in found) > 0.7
    assert max(evidence.area for evidence in found) < 0.1
    assert max(evidence.chatter for evidence in found) < 0.2


@pytest.mark.parametrize(
    ("sign", "spoiled", "said"),
    [
        ("doubt", result(disc(13), iou=0.3), 0.02),
        ("presence", result(disc(13), score=0.2), 0.02),
        ("absent", result(torch.full((SIDE, SIDE), -1024.0), score=-5), 0.02),
        ("disagreement", result(disc(13)), 0.9),
        ("area", result(disc(13, radius=11)), 0.02),
        ("motion", result(disc(25)), 0.02),
        ("chatter", result(disc(13) * 0 - 5 + 10 * (torch.arange(SIDE) % 4 == 0)), 0.02),
        ("softness", result(disc(13) * 0.1), 0.02),
    ],
)
def test_each_trouble_shows_as_its_sign(sign: str, spoiled: ObjectFrame, said: float) -> None:
    shots = steady()
    before = gather(shots)
    shots[10] = (10, spoiled, said)
    after = gather(shots)
    assert getattr(after[10], sign) > getattr(before[10], sign) + 0.3
    assert getattr(after[5], sign) == getattr(before[5], sign)


def test_trust_falls_with_distance_from_the_prompt() -> None:
    drifts = [evidence.drift for evidence in gather(steady())]
    assert drifts[0] == 0
    assert drifts == sorted(drifts)
    assert all(evidence.drift == 1 for evidence in gather(steady()[1:]))


def evidence(frame: int, doubt: float, prompted: bool = False) -> Evidence:
    return Evidence(frame, float(prompted), doubt, *[0.0] * (len(SIGNS) - 1))


def test_the_worst_come_first_and_neighbours_are_one_suspect() -> None:
    first = [evidence(frame, 0.9 if frame in (10, 11) else 0.1, frame == 0) for frame in range(30)]
    second = [evidence(frame, 0.6 if frame == 11 else 0.1, frame == 0) for frame in range(30)]
    suspects = rank({"a": first, "b": second}, most=3)
    assert [(suspect.name, suspect.frame) for suspect in suspects[:2]] == [("a", 10), ("b", 11)]
    assert suspects[0].reason == WORDS["doubt"]
    assert len(suspects) == 3
    assert suspects[0].confidence < suspects[1].confidence < suspects[2].confidence


def test_the_click_goes_to_the_first_of_the_longest_run_of_bad_frames() -> None:
    lone = {3: 0.95}
    lost = dict.fromkeys(range(25, 40), 0.9)
    short = dict.fromkeys(range(14, 17), 0.95)
    found = [evidence(frame, {**lone, **short, **lost}.get(frame, 0.05), frame in (0, 10)) for frame in range(40)]
    assert suggest(found) == 25


def test_a_pass_backward_saves_what_was_lost_before() -> None:
    found = [evidence(frame, 0.9 if frame < 20 else 0.05, frame == 39) for frame in range(40)]
    assert suggest(found) == 19


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
