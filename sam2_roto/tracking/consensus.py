"""Consensus: what several looks at a click agree on.

One click leaves open how large the thing is that was meant, and a small network answers differently from look to look.
So the click is shown to it in windows of several sizes about it, small, as they are for a first idea alone. Of all
masks that it answers, the one is taken that the others agree with most: the expected IoU with what was meant, if the
network's own predicted IoU says how likely each of them is to be that (minimum Bayes risk, as in decoding of speech and
translation: Kumar and Byrne 2004). Each look's nearest mask then has a say in the logits.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sam2_roto.model import SAM2, ImageFeatures

from .prompts import FramePrompt
from .source import prepare
from .twins import twin
from .window import Window, window_about

LOOKS = 4
"""Sizes of windows: that of the widest, and each by √2 smaller than the one before."""

_SURENESS = 0.2
"""Temperature of the predicted IoU: how much likelier the surer masks are to be meant."""

_LOYALTY = 8.0
"""How fast a mask loses its say where it agrees less with the one that was taken: by e for each 1 / 8 of IoU."""

_LEAST = -10.0
"""Logit of what a look did not show: sure that it is outside, and no surer."""


def windows_about(prompt: FramePrompt, widest: Window, plate: tuple[int, int], side: int) -> list[Window]:
    """The widest window, and smaller ones about the positive clicks that hold all of them well inside.

    ``plate`` is its width and height, ``side`` that of the network's picture.
    """
    xs, ys = zip(*((x, y) for x, y, positive in prompt.points if positive), strict=True)
    zoom = max(widest.width, widest.height) / side
    found = [widest]
    for step in range(1, LOOKS):
        window = window_about((min(xs), min(ys), max(xs), max(ys)), zoom * 2 ** (-step / 2), plate, side)
        if all(window.shows(x, y, plate) for x, y in zip(xs, ys, strict=True)):
            found.append(window)
    return found


@torch.inference_mode()
def glimpses(model: SAM2, view: NDArray[np.uint8], windows: Sequence[Window]) -> ImageFeatures:
    """What windows of the plate (uint8 RGB ``[H, W, 3]``) show to a model at its ``look_size``, a row for each."""
    side, device = model.config.look_size, model.no_obj_ptr.device
    pictures = [prepare(_reduced(window.taken(view), side), side, device) for window in windows]
    features: ImageFeatures = _seen_small(model).encode_image(torch.cat(pictures))
    return features


@torch.inference_mode()
def agreed(
    model: SAM2, seen: ImageFeatures, prompt: FramePrompt, windows: Sequence[Window], plate: tuple[int, int]
) -> Tensor:
    """Logits ``[C, C]`` over the first of ``windows``, which holds the others, of what their looks agree on.

    Args:
        model: the network; it looks at pictures of its ``look_size``.
        seen: what it sees there, as ``glimpses`` gives it.
        prompt: clicks in pixels of the plate.
        windows: as ``windows_about`` gives them.
        plate: its width and height.
    """
    logits, iou = _answers(_seen_small(model), seen, prompt, windows)
    widest = windows[0]
    cells = round(logits.shape[-1] * widest.width / min(window.width for window in windows))
    laid = [window.seen_through(widest, masks, cells, plate) for window, masks in zip(windows, logits, strict=True)]
    return consensus(torch.stack(laid).clamp(min=_LEAST), iou)


def consensus(logits: Tensor, iou: Tensor) -> Tensor:
    """Of the answers ``logits [L, M, C, C]`` of ``L`` looks, with predicted ``iou [L, M]``, what they agree on.

    Gives logits ``[C, C]``.
    """
    looks, masks = iou.shape
    overlap = _overlaps((logits.flatten(0, 1) > 0).flatten(1).float())
    taken = int((overlap @ torch.softmax(iou.flatten() / _SURENESS, dim=0)).argmax())
    nearness, nearest = overlap[taken].view(looks, masks).max(dim=1)
    say = torch.softmax(_LOYALTY * nearness, dim=0)
    return torch.einsum("l,lhw->hw", say, logits[torch.arange(looks), nearest])


def _overlaps(masks: Tensor) -> Tensor:
    """IoU ``[N, N]`` of masks ``[N, P]`` of zeros and ones; 0 of two empty ones."""
    common, areas = masks @ masks.T, masks.sum(dim=1)
    return common / (areas[:, None] + areas[None] - common).clamp(min=1)


def _answers(small: SAM2, seen: ImageFeatures, prompt: FramePrompt, windows: Sequence[Window]) -> tuple[Tensor, Tensor]:
    """What is answered in each window: logits ``[L, M, S/4, S/4]`` and predicted IoU ``[L, M]``, on the CPU."""
    side, device = small.config.image_size, small.no_obj_ptr.device
    said = [window.prompt(prompt).tokens(window.width, window.height, side) for window in windows]
    coords, labels = (torch.cat(parts).to(device) for parts in zip(*said, strict=True))
    found = small.answer(small.condition(seen.top, None), seen, (coords, labels), None, prompt.ambiguous)
    return found.logits.float().cpu(), found.iou.float().cpu()


def _reduced(view: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """A picture as a square; averages are as good as cubics for a first idea, and come sooner."""
    method = cv2.INTER_AREA if min(view.shape[:2]) > side else cv2.INTER_CUBIC
    return cv2.resize(view, (side, side), interpolation=method).astype(np.uint8, copy=False)


def _seen_small(model: SAM2) -> SAM2:
    return twin(model, model.config.look_size)
