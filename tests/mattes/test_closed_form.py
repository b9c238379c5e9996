"""Hair solved from the plate: strands that a blurred matte has lost come back, and what is sure stays."""

from __future__ import annotations

import builtins
from typing import Any

import numpy as np
import pytest
import torch

from sam2_roto.errors import ExportError
from sam2_roto.mattes import Hair, Picture
from sam2_roto.mattes.bands import trimap
from sam2_roto.mattes.closed_form import closed_form_alpha
from sam2_roto.mattes.scene import Moment, Scene


def combed() -> tuple[torch.Tensor, torch.Tensor, Picture]:
    """A block with thin teeth: the truth, the matte that blurs them, and the plate."""
    truth = torch.zeros(70, 90)
    truth[30:60, 15:75] = 1
    for column in range(18, 74, 6):
        truth[16:30, column : column + 2] = 1
    rough = torch.nn.functional.avg_pool2d(truth[None, None], 7, 1, 3)[0, 0]
    color = truth.numpy()[..., None] * [200, 170, 40] + (1 - truth.numpy()[..., None]) * [30, 60, 120]
    noise = np.random.default_rng(0).normal(0, 2, color.shape)
    return truth, rough, Picture(np.clip(color + noise, 0, 255).astype(np.uint8))


def test_trimap_widths() -> None:
    alpha = torch.zeros(40, 60)
    alpha[:, 30:] = 1
    found = trimap(alpha, inner=5, outer=8)[20]
    assert (found[35:] == 1).all()
    assert (found[:22] == 0).all()
    assert (found[22:35] == 0.5).all()


def test_strands_come_back() -> None:
    pytest.importorskip("pymatting", reason="PyMatting is not installed")
    truth, rough, picture = combed()
    solved = closed_form_alpha(rough, picture, 3, 3, trust=1e-3)
    assert (solved - truth).square().mean() < 0.2 * (rough - truth).square().mean()
    assert (solved[40:54, 25:65] == 1).all()
    assert (solved[:8] == 0).all()


def test_the_step_needs_the_plate() -> None:
    pytest.importorskip("pymatting", reason="PyMatting is not installed")
    _, rough, picture = combed()
    assert Hair().apply(rough) is rough
    scene = Scene((Moment(0, rough, picture, cell=3.0),), 0)
    assert torch.equal(Hair(4.5, 6).apply(rough, scene), Hair().apply(rough, scene))
    empty = torch.zeros(70, 90)
    assert torch.equal(Hair().apply(empty, Scene((Moment(0, empty, picture),), 0)), empty)


def test_without_the_package_one_sentence_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    load = builtins.__import__

    def refuse(name: str, *rest: Any) -> Any:
        if name.startswith("pymatting"):
            raise ImportError(name)
        return load(name, *rest)

    monkeypatch.setattr(builtins, "__import__", refuse)
    _, rough, picture = combed()
    with pytest.raises(ExportError, match=r"sam2-roto\[hair\]") as caught:
        closed_form_alpha(rough, picture, 3, 3)
    assert "\n" not in str(caught.value)
