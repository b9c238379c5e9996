"""The network's stages: encoding a picture, looking at the memory, decoding, remembering; tracking and clicking."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from sam2_roto.model import SAM2, ImageFeatures, Memory
from sam2_roto.tracking import FramePrompt, Tracker

from .measure import Stage

WARM = 18
"""Frames until all memories and pointers are full."""


class Endless:
    """The pictures of a clip, forwards again and again, under frame numbers that never end."""

    def __init__(self, views: NDArray[np.uint8], frames: int) -> None:
        self._views = views
        self.height: int = views.shape[1]
        self.width: int = views.shape[2]
        self.frames = range(frames)

    def view(self, frame: int) -> NDArray[np.uint8]:
        """One picture."""
        return np.asarray(self._views[frame % len(self._views)])

    def views(self, frames: Iterable[int], look_ahead: int = 0) -> Iterator[tuple[int, NDArray[np.uint8]]]:  # noqa: ARG002
        """The pictures of ``frames``."""
        return ((frame, self.view(frame)) for frame in frames)


def model_stages(model: SAM2) -> list[Stage]:
    """The parts of the network for one object whose memory is full."""
    config, device = model.config, model.no_obj_ptr.device
    image = torch.randn(1, 3, config.image_size, config.image_size, device=device)
    with torch.inference_mode():
        features: ImageFeatures = model.encode_image(image)
        memory = _full_memory(model)
        seen = model.condition(features.top, memory)
        prediction = model.choose(model.decode(seen, features))
    return [
        Stage("encode a picture", lambda: model.encode_image(image)),
        Stage("attend to the memory", lambda: model.condition(features.top, memory)),
        Stage("decode masks", lambda: model.choose(model.decode(seen, features))),
        Stage(
            "remember", lambda: model.encode_memory(features.top, prediction.logits, prediction.score, prompted=False)
        ),
    ]


def _full_memory(model: SAM2) -> Memory:
    config, device = model.config, model.no_obj_ptr.device
    spatial = torch.randn(1, config.memories, config.memory_width, config.grid, config.grid, device=device)
    return Memory(
        spatial=spatial.to(model.memory_dtype),
        slots=torch.arange(config.memories, device=device)[None],
        pointers=torch.randn(1, config.pointers, config.width, device=device),
        distances=torch.arange(config.pointers, device=device, dtype=torch.float32)[None],
        span=config.pointers - 1,
    )


def tracking_stage(model: SAM2, views: NDArray[np.uint8], objects: int, frames: int, rounds: int) -> Stage:
    """Tracking ``frames`` frames of so many objects, from where their memories are full."""
    source = Endless(views, WARM + frames * (rounds + 2))
    tracker = Tracker(model, source, ahead=model.no_obj_ptr.is_cuda)
    for number in range(objects):
        left = source.width * (number + 0.25) / objects
        box = (left, source.height * 0.3, left + source.width * 0.5 / objects, source.height * 0.7)
        tracker.prompt(f"object{number}", 0, FramePrompt(box=box))
    track = tracker.propagate()
    for _ in range(WARM):
        next(track)
    return Stage(
        f"track {objects} object{'s' if objects > 1 else ''}", lambda: [next(track) for _ in range(frames)], frames
    )


def click_stages(model: SAM2, views: NDArray[np.uint8]) -> list[Stage]:
    """From a click to its mask: on a picture that is new, and on one that was just clicked."""
    height, width = views.shape[1:3]
    prompt = FramePrompt(points=((width / 2, height / 2, True),))

    def first() -> None:
        Tracker(model, Endless(views, len(views))).prompt("object", 0, prompt)

    known = Tracker(model, Endless(views, len(views)))
    return [
        Stage("first click", first),
        Stage("next click", lambda: known.prompt("object", 0, prompt, clear=True)),
    ]
