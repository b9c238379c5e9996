"""Signs of trouble: each shows what it is for, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from sam2_roto.tracking.evidence import gather
from sam2_roto.tracking.objects import ObjectFrame
from sam2_roto.tracking.review import confidence

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


def test_nothing_tracked_is_no_evidence() -> None:
    assert gather([]) == []


def test_trust_falls_with_distance_from_the_prompt() -> None:
    drifts = [evidence.drift for evidence in gather(steady())]
    assert drifts[0] == 0
    assert drifts == sorted(drifts)
    assert all(evidence.drift == 1 for evidence in gather(steady()[1:]))


@pytest.mark.parametrize(("sign", "iou", "moved"), [("doubted", 0.3, 0.0), ("jumped", 0.95, 12.0)])
def test_what_went_wrong_on_the_way_is_not_forgotten(sign: str, iou: float, moved: float) -> None:
    shots = steady()
    shots[10] = (10, result(disc(13), iou=iou), None)
    for frame in range(10, 20):
        shots[frame] = (frame, result(disc(8 + 0.5 * frame + moved), iou=iou if frame == 10 else 0.95), None)
    values = [getattr(item, sign) for item in gather(shots)]
    assert max(values[:10]) < 0.3
    assert min(values[10:]) > 0.6


@pytest.mark.parametrize("broken", [6, 14])
def test_the_better_of_two_ways_counts(broken: int) -> None:
    shots = steady()
    shots[19] = (19, result(disc(17.5), prompted=True), None)
    shots[broken] = (broken, result(disc(8 + 0.5 * broken), iou=0.2), None)
    doubts = [item.doubted for item in gather(shots)]
    assert doubts[0] == doubts[19] == 0
    assert doubts[broken] == pytest.approx(0.8)
    assert [frame for frame, doubt in enumerate(doubts) if doubt > 0.5] == [broken]


def plate(_frame: int) -> NDArray[np.uint8]:
    """Red on the left, blue on the right, at twice the grid."""
    view = np.zeros((2 * SIDE, 2 * SIDE, 3), np.uint8)
    view[:, :SIDE, 0] = view[:, SIDE:, 2] = 200
    return view


def test_colours_tell_what_went_over_to_something_else() -> None:
    shots = [(0, result(disc(7, radius=4), prompted=True), None), (1, result(disc(7, 18, radius=4)), None)]
    shots += [(2, result(disc(16, radius=4)), None), (3, result(disc(25, radius=4)), None)]
    shots += [(4, result(torch.full((SIDE, SIDE), -1024.0), score=-5), None)]
    colours = [item.colours for item in gather(shots, plate)]
    assert colours[:2] == [0, 0]
    assert colours[2] == pytest.approx(0.5, abs=0.1)
    assert colours[3] == 1
    assert colours[4] == 0  # there is nothing to compare
    assert [item.colours for item in gather(shots)] == [0] * 5
