"""Looks: where on the plate the network is shown what a prompt marks.

A network answers best where the object fills a good part of its picture. A mask and a box say how large the object is.
A click does not. A published model answers it on the whole plate first, then in the window that suits what was found,
and so on. A small network looks around the click first, in windows of several sizes, and its answer in the window that
suits what those agree on starts from there. (To take the window of which it is surest would find parts of objects.)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sam2_roto.model import SAM2, ImageFeatures

from .consensus import agreed, glimpses, windows_about
from .kalman import mask_box
from .objects import ObjectFrame
from .prompts import FramePrompt
from .source import ArraySource, FrameSource
from .tracker import Tracker
from .window import OUTSIDE, Box, Window, extent_of, window_about, zoom_for

_LOOKS = 3  # at what a click marks, or rounds of them, each closer than the one before

Ask = Callable[[Window, FramePrompt], ObjectFrame]
"""What the network answers to a prompt, given in the window's pixels, of a window of the frame."""

Glance = Callable[[Sequence[Window]], ImageFeatures]
"""What the network sees of small pictures of windows of the frame."""


class Look(NamedTuple):
    """How an object's first prompt is put to the network."""

    window: Window | None
    """Where it looks; None where the whole plate is as good."""
    prompt: FramePrompt
    """What was said, in the plate's pixels, with what it may mean where that was found out."""


def first_look(
    model: SAM2,
    source: FrameSource,
    frame: int,
    prompt: FramePrompt,
    ask: Ask | None = None,
    glance: Glance | None = None,
) -> Look:
    """The window through which an object's first prompt is answered best, and what the answer starts from.

    ``ask`` and ``glance`` look for someone who keeps what was encoded for them.
    """
    if prompt.mask is not None:
        box = mask_box(prompt.mask)
        return Look(None if box is None else _window(box, model, source), prompt)
    if prompt.box is not None:
        return Look(_window(prompt.box, model, source), prompt)
    if model.config.looks_around and any(positive for _, _, positive in prompt.points):
        return _looking_around(model, source, prompt, glance or partial(glimpses, model, source.view(frame)))
    return Look(_closing_in(model, source, prompt, ask or partial(_answer, model, source.view(frame))), prompt)


def _looking_around(model: SAM2, source: FrameSource, prompt: FramePrompt, glance: Glance) -> Look:
    """The window that suits what looks around clicks agree on; looks go on from there where that is much smaller."""
    plate, side = (source.width, source.height), model.config.image_size
    widest = whole = Window(0, 0, *plate)
    for _ in range(_LOOKS):
        windows = windows_about(prompt, widest, plate, side)
        logits = agreed(model, glance(windows), prompt, windows, plate)
        box = widest.box_of(clicked(logits, widest.prompt(prompt), widest))
        if box is None:
            return Look(None, prompt)
        suited = _window(box, model, source)
        if suited is None or 2 * suited.longest >= windows[-1].longest:
            break
        widest = window_about(box, 2 * suited.longest / side, plate, side)
    guess = widest.seen_through(suited or whole, logits, model.config.logit_size, plate)
    return Look(suited, replace(prompt, guess=guess))


def _closing_in(model: SAM2, source: FrameSource, prompt: FramePrompt, ask: Ask) -> Window | None:
    """The window that suits what clicks find on the plate, and then in that window, until it stays."""
    plate = (source.width, source.height)
    suited, window = None, Window(0, 0, *plate)
    for _ in range(_LOOKS):
        said = window.prompt(prompt)
        box = window.box_of(clicked(ask(window, said).logits, said, window))
        closer = _window(box, model, source) if box is not None else None
        if closer is None or closer.longest >= window.longest:
            break
        suited = window = closer
    return suited


def clicked(logits: Tensor, said: FramePrompt, window: Window) -> Tensor:
    """A window's logits ``[h, w]`` without the islands that no positive click of the window is on.

    Specks elsewhere would make the object seem large. As they are where no click is on anything.
    """
    _, pieces = cv2.connectedComponents((logits > 0).cpu().numpy().astype(np.uint8))
    rows, columns = logits.shape
    places = [(int(y * rows / window.height), int(x * columns / window.width)) for x, y, on in said.points if on]
    kept = {int(pieces[place]) for place in places} - {0}
    if not kept:
        return logits
    return torch.where(torch.from_numpy(np.isin(pieces, list(kept))).to(logits.device), logits, OUTSIDE)


def _answer(model: SAM2, view: NDArray[np.uint8], window: Window, said: FramePrompt) -> ObjectFrame:
    picture = ArraySource(np.ascontiguousarray(window.taken(view))[None])
    return Tracker(model, picture).prompt("object", 0, said)


def _window(box: Box, model: SAM2, source: FrameSource) -> Window | None:
    plate, side = (source.width, source.height), model.config.image_size
    zoom = zoom_for(extent_of(box), plate, side)
    return None if zoom is None else window_about(box, zoom, plate, side)
