"""Looks: where on the plate the network is shown what a prompt marks.

A network answers best where the object fills a good part of its picture. A mask and a box say how large the object is.
A click does not. A published model answers it on the whole plate first, then in the window that suits what was found,
and so on. A small network looks around the click first, in windows of several sizes, and its answer in the window that
suits what those agree on starts from there. (To take the window of which it is surest would find parts of objects.)

What turns out thin is shown in a larger picture (``fineness.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import cv2
import numpy as np
import torch
from torch import Tensor

from sam2_roto.model import SAM2, ImageFeatures

from .consensus import agreed, glimpses, windows_about
from .fineness import covered, side_for
from .kalman import mask_box
from .objects import ObjectFrame
from .prompts import FramePrompt
from .source import ArraySource, FrameSource
from .tracker import Tracker
from .twins import twin
from .window import OUTSIDE, Box, Window, extent_of, window_about, zoom_for

_LOOKS = 3  # at what a click marks, or rounds of them, each closer than the one before

Ask = Callable[[Window, FramePrompt, int], ObjectFrame]
"""What the network answers to a prompt, in the window's pixels, of a window of the frame, in a picture of that side."""

Glance = Callable[[Sequence[Window]], ImageFeatures]
"""What the network sees of small pictures of windows of the frame."""

_Placed = tuple[Window | None, FramePrompt]


class Look(NamedTuple):
    """How an object's first prompt is put to the network."""

    window: Window | None
    """Where it looks; None where the whole plate is as good."""
    prompt: FramePrompt
    """What was said, in the plate's pixels, with what it may mean where that was found out."""
    side: int
    """Of the picture in which the network is shown it."""


def first_look(
    model: SAM2,
    source: FrameSource,
    frame: int,
    prompt: FramePrompt,
    ask: Ask | None = None,
    glance: Glance | None = None,
) -> Look:
    """How an object's first prompt is answered best.

    ``ask`` and ``glance`` look for someone who keeps what was encoded for them.
    """
    ask = ask or partial(_answer, model, source, frame)
    window, prompt = _placed(model, source, frame, prompt, ask, glance)
    if not model.config.finest_size:
        return Look(window, prompt, model.config.image_size)
    return _finely(model, source, window, prompt, ask)


def plain_look(model: SAM2, prompt: FramePrompt) -> Look:
    """The look at a whole plate, whatever is marked."""
    return Look(None, prompt, model.config.image_size)


def _placed(
    model: SAM2, source: FrameSource, frame: int, prompt: FramePrompt, ask: Ask, glance: Glance | None
) -> _Placed:
    """The window that suits what a prompt marks, and the prompt with what it may mean."""
    if prompt.mask is not None:
        box = mask_box(prompt.mask)
        return None if box is None else _window(box, model, source), prompt
    if prompt.box is not None:
        return _window(prompt.box, model, source), prompt
    if model.config.looks_around and any(positive for _, _, positive in prompt.points):
        return _looking_around(model, source, prompt, glance or partial(glimpses, model, source.view(frame)))
    return _closing_in(model, source, prompt, ask), prompt


def _finely(model: SAM2, source: FrameSource, window: Window | None, prompt: FramePrompt, ask: Ask) -> Look:
    """The look through a window in as large a picture as what is marked there needs.

    An answer is where the next one starts. A thin thing has a window also where that is the whole plate.
    """
    config, plate = model.config, (source.width, source.height)
    place, side, said = window or Window(0, 0, *plate), config.image_size, prompt
    if prompt.mask is not None:
        side = side_for(covered(place.taken(prompt.mask), config.logit_size), place.longest, config)
    for _ in range(_answers(prompt)):
        asked = place.prompt(said)
        answer = ask(place, asked, side).logits
        coverage = clicked(answer, asked, place).sigmoid().cpu().numpy()
        side = max(side, side_for(coverage, place.longest, config))
        said = replace(prompt, guess=place.seen_through(place, answer, side // 4, plate))
    if side == config.image_size:
        return Look(window, said if prompt.ambiguous else prompt, side)
    return Look(place, said, side)


def _answers(prompt: FramePrompt) -> int:
    """How many answers come before the one that counts: what leaves nothing open is looked at twice as it is."""
    return 0 if prompt.mask is not None else 2 if prompt.ambiguous else 1


def _looking_around(model: SAM2, source: FrameSource, prompt: FramePrompt, glance: Glance) -> _Placed:
    """The window that suits what looks around clicks agree on; looks go on from there where that is much smaller."""
    plate, side = (source.width, source.height), model.config.image_size
    widest = whole = Window(0, 0, *plate)
    for _ in range(_LOOKS):
        windows = windows_about(prompt, widest, plate, side)
        logits = agreed(model, glance(windows), prompt, windows, plate)
        box = widest.box_of(clicked(logits, widest.prompt(prompt), widest))
        if box is None:
            return None, prompt
        suited = _window(box, model, source)
        if suited is None or 2 * suited.longest >= windows[-1].longest:
            break
        widest = window_about(box, 2 * suited.longest / side, plate, side)
    guess = widest.seen_through(suited or whole, logits, model.config.logit_size, plate)
    return suited, replace(prompt, guess=guess)


def _closing_in(model: SAM2, source: FrameSource, prompt: FramePrompt, ask: Ask) -> Window | None:
    """The window that suits what clicks find on the plate, and then in that window, until it stays."""
    plate = (source.width, source.height)
    suited, window = None, Window(0, 0, *plate)
    for _ in range(_LOOKS):
        said = window.prompt(prompt)
        box = window.box_of(clicked(ask(window, said, model.config.image_size).logits, said, window))
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


def _answer(model: SAM2, source: FrameSource, frame: int, window: Window, said: FramePrompt, side: int) -> ObjectFrame:
    picture = ArraySource(np.ascontiguousarray(window.taken(source.view(frame)))[None])
    return Tracker(twin(model, side), picture).prompt("object", 0, said)


def _window(box: Box, model: SAM2, source: FrameSource) -> Window | None:
    plate, side = (source.width, source.height), model.config.image_size
    zoom = zoom_for(extent_of(box), plate, side)
    return None if zoom is None else window_about(box, zoom, plate, side)
