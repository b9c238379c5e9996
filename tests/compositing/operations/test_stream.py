"""The compiled ``over`` gives what torch gives, wherever its pictures lie in memory."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from compositing.image import Image, Window
from compositing.operations import stream
from compositing.operations.merge import over


@pytest.fixture
def small_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "_LARGE", 1)


@pytest.fixture
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


compiled = pytest.mark.skipif(stream._stream is None, reason="no C compiler was there at installation")


def pixels(seed: int, width: int, height: int = 7) -> Tensor:
    return torch.rand(4, height, width, generator=torch.Generator().manual_seed(seed)) * 4 - 1


@compiled
@pytest.mark.usefixtures("small_is_large", "threads")
@pytest.mark.parametrize("threads", [1, 3], indirect=True)
@pytest.mark.parametrize("width", [2, 5, 17, 511, 512, 513, 1543])
@pytest.mark.parametrize("left", [0, 1, 6])
def test_it_is_the_formula_and_writes_nothing_beside(width: int, left: int) -> None:
    a, b, out = pixels(1, width + 3)[..., 3:], pixels(2, width + 8)[..., 8:], torch.full((4, 9, width + 10), 7.0)
    there = out[:, 1:8, left : left + width]
    assert stream.lay(a, b, a[3:], there)
    torch.testing.assert_close(there, a + b * (1 - a[3:]))
    there.fill_(7.0)
    assert bool((out == 7.0).all())


@compiled
@pytest.mark.usefixtures("small_is_large")
def test_over_takes_it() -> None:
    frame = Window.sized(40, 30)
    b = Image(pixels(1, 40, 30), ("R", "G", "B", "A"), frame, frame)
    a = Image(pixels(2, 20, 10), ("A", "R", "G", "B"), Window.sized(20, 10, 5, 5), frame)
    done = over(a, b)
    front = torch.zeros_like(b.pixels)
    front[:, 5:15, 5:25] = a.pixels[[1, 2, 3, 0]]
    torch.testing.assert_close(done.pixels, front + b.pixels * (1 - front[3:]))
    out = torch.full_like(b.pixels, float("nan"))
    assert torch.equal(over(a, b, out=out).pixels, done.pixels)


@pytest.mark.usefixtures("small_is_large")
def test_what_it_leaves_to_torch() -> None:
    a, b, out = pixels(1, 6), pixels(2, 6), torch.full((4, 7, 6), 7.0)
    assert not stream.lay(a, b, a[3:], b)
    assert not stream.lay(a.double(), b, a[3:], out)
    assert not stream.lay(a, b, torch.ones(1, 1, 1).expand(1, 7, 6), out)
    assert not stream.lay(pixels(1, 7).transpose(1, 2)[:, :7, :6], b, a[3:], out)
    assert bool((out == 7.0).all())


def test_without_the_compiled_part_torch_does_it(monkeypatch: pytest.MonkeyPatch, small_is_large: None) -> None:
    del small_is_large
    frame = Window.sized(40, 30)
    a, b = (Image(pixels(seed, 40, 30), ("R", "G", "B", "A"), frame, frame) for seed in (1, 2))
    whole = over(a, b).pixels
    monkeypatch.setattr(stream, "_stream", None)
    torch.testing.assert_close(over(a, b).pixels, whole)
