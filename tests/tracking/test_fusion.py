"""Fusing two passes between keyframes."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from sam2_roto.tracking.fusion import Drift, disagreement, forward_leads, fuse, fuse_frames, fuse_scores, missed
from sam2_roto.tracking.objects import ObjectFrame


def square(left: int, inside: float = 6.0) -> Tensor:
    """Logits ``[16, 16]`` of a square of 6 cells."""
    logits = torch.full((16, 16), -inside)
    logits[5:11, left : left + 6] = inside
    return logits


def frame(logits: Tensor, score: float = 5.0, iou: float = 0.9, prompted: bool = False) -> ObjectFrame:
    return ObjectFrame(logits, score, iou, torch.full((4,), score), prompted)


def test_keyframes_are_exact_whatever_the_other_pass_says() -> None:
    forward, backward = square(2, 30.0), square(8)
    assert torch.equal(fuse(forward, backward, 0.0, 0.1, 9.0), forward)
    assert torch.equal(fuse(forward, backward, 1.0, 9.0, -9.0), backward)


def test_the_nearer_pass_wins_where_both_are_sure() -> None:
    forward, backward = square(2), square(8)
    assert torch.equal(fuse(forward, backward, 0.3, 5, 5) > 0, forward > 0)
    assert torch.equal(fuse(forward, backward, 0.7, 5, 5) > 0, backward > 0)


def test_the_surer_pass_wins_half_way() -> None:
    forward, backward = square(2), square(8)
    fused = fuse(forward, backward, 0.5, 5, 5, forward_iou=0.9, backward_iou=0.4)
    assert torch.equal(fused > 0, forward > 0)


@pytest.mark.parametrize(
    ("first", "second", "ahead"),
    [
        (Drift(0, 0.3), Drift(0, 0.9), True),
        (Drift(0, 0.9), Drift(0, 0.3), False),
        (Drift(0, 0.06), Drift(0, 0.02), True),  # both are good: the nearer one
        (Drift(0.3, 0.5), Drift(0, 0.5), False),
    ],
)
def test_the_pass_of_less_error_wins_half_way(first: Drift, second: Drift, ahead: bool) -> None:
    forward, backward = frame(square(2)), frame(square(8))
    lead = forward if ahead else backward
    fused = fuse_frames(forward, backward, 0.45, (first, second))
    assert torch.equal(fused.logits > 0, lead.logits > 0)
    assert forward_leads(forward, backward, 0.45, (first, second)) == ahead


def test_a_pass_that_went_astray_is_not_asked_whether_the_object_is_there() -> None:
    forward, backward = frame(square(2)), frame(torch.full((16, 16), -1024.0), -5.0)
    assert not fuse_frames(forward, backward, 0.6).present
    assert fuse_frames(forward, backward, 0.6, (Drift(0, 0.2), Drift(0, 1))).present


def test_a_miss_is_one_less_iou() -> None:
    gone = frame(torch.full((16, 16), -1024.0), -5.0)
    assert missed(frame(square(5)), frame(square(2))) == pytest.approx(1 - 18 / 54)
    assert missed(gone, frame(square(2))) == missed(frame(square(2)), gone) == 1
    assert missed(gone, gone) == 0


def test_overconfident_logits_have_no_special_weight() -> None:
    fused = fuse(square(2, 200.0), square(8, 8.0), 0.7, 5, 5)
    assert torch.equal(fused > 0, square(8) > 0)


def test_a_pass_that_lost_the_object_near_its_end_is_overruled() -> None:
    lost = torch.full((16, 16), -1024.0)
    assert torch.equal(fuse(lost, square(8), 0.8, -6, 6), square(8))
    assert (fuse(lost, square(8), 0.2, -6, 6) == -1024).all()
    assert (fuse(lost, lost, 0.5, -6, -3) == -1024).all()


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="one shape"):
        fuse(square(2), torch.zeros(8, 8), 0.5, 1, 1)
    with pytest.raises(ValueError, match=r"0\.\.1"):
        fuse(square(2), square(2), 1.5, 1, 1)


@given(st.floats(0, 1), st.floats(-20, 20), st.floats(-20, 20), st.integers(0, 2**31))
def test_time_reversed_gives_the_same(position: float, first: float, second: float, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    forward, backward = (torch.randn(8, 8, generator=generator) * 6 for _ in range(2))
    there = fuse(forward, backward, position, first, second)
    back = fuse(backward, forward, 1 - position, second, first)
    # Far down, 1 - position rounds to 1, which is a keyframe.
    if position == 0 or 1 - position < 1:
        torch.testing.assert_close(there, back, atol=1e-4, rtol=1e-4)


@given(st.floats(0, 1), st.floats(0.1, 20), st.floats(0.1, 20))
def test_scores_stay_between_those_of_the_passes(position: float, first: float, second: float) -> None:
    fused = fuse_scores(position, first, second)
    assert min(first, second, 8) - 1e-9 <= fused <= max(first, second) + 1e-9


def test_frames_keep_what_the_artist_gave() -> None:
    given_answer = frame(square(2), prompted=True)
    assert fuse_frames(given_answer, frame(square(8)), 0.7) is given_answer
    assert fuse_frames(frame(square(8)), given_answer, 0.2) is given_answer


def test_frames_that_disagree_are_trusted_less() -> None:
    alike = fuse_frames(frame(square(2)), frame(square(2)), 0.5)
    apart = fuse_frames(frame(square(2)), frame(square(10)), 0.5)
    assert alike.iou == pytest.approx(0.9)
    assert apart.iou < 0.5
    assert fuse_frames(frame(square(2), 3), frame(square(2), 7), 0.6).pointer[0] == 7


def test_disagreement_is_one_less_iou() -> None:
    assert disagreement(square(2), square(2)) == 0
    assert disagreement(square(2), square(5)) == pytest.approx(1 - 18 / 54)
    assert disagreement(-square(2).abs(), -square(2).abs()) == 0


@given(
    st.floats(0.01, 0.99),
    st.tuples(st.floats(-9, 9), st.floats(0, 1)),
    st.tuples(st.floats(-9, 9), st.floats(0, 1)),
)
def test_nothing_comes_from_beside_the_window_of_the_pass_that_leads(
    position: float, first: tuple[float, float], second: tuple[float, float]
) -> None:
    forward, backward = frame(square(2, 30.0), *first), frame(square(10, 30.0), *second)
    fused = fuse_frames(forward, backward, position).logits > 0
    lead = forward if forward_leads(forward, backward, position) else backward
    assert not (fused & (lead.logits < 0)).any()
