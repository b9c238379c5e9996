"""How much of a teacher's features ours tell."""

from __future__ import annotations

import torch

from sam2_roto.training.distil import Distillation


def test_features_that_tell_all_leave_nothing_untold() -> None:
    generator = torch.Generator().manual_seed(0)
    distillation = Distillation()
    ours = torch.randn(4, 8, 6, 6, generator=generator)
    mixing = torch.randn(16, 8, generator=generator)
    theirs = torch.einsum("dc,nchw->ndhw", mixing, ours) + 3.0
    assert float(distillation.loss(ours, theirs)) < 1e-3


def test_features_that_tell_half_leave_half_untold() -> None:
    generator = torch.Generator().manual_seed(0)
    distillation = Distillation()
    for _ in range(20):
        known, hidden = torch.randn(2, 8, 8, 12, 12, generator=generator)
        untold = distillation.loss(known, torch.cat([known, hidden], dim=1))
    assert 0.45 < float(untold) < 0.55


def test_gradients_reach_our_features_and_lessen_what_is_untold() -> None:
    generator = torch.Generator().manual_seed(0)
    theirs = torch.randn(4, 8, 6, 6, generator=generator)
    ours = torch.randn(4, 8, 6, 6, generator=generator).requires_grad_()
    distillation = Distillation()
    optimiser = torch.optim.Adam([ours], 0.05)
    first = last = 0.0
    for step in range(60):
        untold = distillation.loss(ours, theirs)
        optimiser.zero_grad()
        untold.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        first, last = (untold.item(), last) if step == 0 else (first, untold.item())
    assert last < 0.6 * first


def test_another_one_goes_on_from_its_moments() -> None:
    generator = torch.Generator().manual_seed(0)
    batches = [torch.randn(2, 4, 8, 6, 6, generator=generator) for _ in range(3)]
    whole, broken = Distillation(), Distillation()
    expected = [float(whole.loss(ours, theirs)) for ours, theirs in batches][-1]
    for ours, theirs in batches[:2]:
        broken.loss(ours, theirs)
    assert float(Distillation(broken.moments).loss(*batches[2])) == expected
