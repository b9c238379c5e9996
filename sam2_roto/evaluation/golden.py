"""Check the network and the tracker against stored outputs of the published implementation.

    python -m sam2_roto.evaluation.golden FILE.npz…

Model, size and salt of the stand-in weights are read from each file's name (``<model>_<size>_salt<n>.npz``); the
weights and the clip are made by ``seeded_weights.py`` and ``golden_clip.py``, which lie two folders above the file.
Every stored array must be met within 10 × its spread + 1e-3. Exit status 1 where one is not.
"""

from __future__ import annotations

import argparse
import importlib.util
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from sam2_roto.errors import DatasetError
from sam2_roto.model import PUBLISHED, SAM2, PointLabel, build_model
from sam2_roto.tracking import ArraySource, FramePrompt, FrameResult, ObjectFrame, Tracker
from sam2_roto.tracking.source import prepare

Arrays = Iterator[tuple[str, NDArray[np.float32]]]

FRAMES = 8
VIDEO_WIDTH, VIDEO_HEIGHT = 512, 288
DETAILED_FRAMES = (1, 7)
"""Frames on which memories and full-size logits are stored too."""

CLICK = ((360, 512, PointLabel.POSITIVE),)
THREE = ((360, 512, PointLabel.POSITIVE), (420, 540, PointLabel.POSITIVE), (700, 200, PointLabel.NEGATIVE))
BOX = ((180, 330, PointLabel.BOX_START), (540, 700, PointLabel.BOX_END))
IMAGE_PROMPTS = {"click": CLICK, "three_clicks": THREE, "box": BOX, "box_and_click": BOX + CLICK}
"""Prompts in pixels of a 1024 square."""


class Golden:
    """One file of stored outputs and what it takes to reproduce them."""

    def __init__(self, path: Path) -> None:
        match = re.fullmatch(r"(.+)_(\d+)_salt(\d+)", path.stem)
        if path.suffix != ".npz" or match is None or match[1] not in PUBLISHED:
            raise DatasetError(f"{path}: the name must be <model>_<size>_salt<n>.npz with a published model's name")
        if not path.is_file():
            raise DatasetError(f"{path}: there is no such file")
        self.path = path
        self.size = int(match[2])
        self.salt = int(match[3])
        self.model_name = match[1]
        self.stored = dict(np.load(path))

    def model(self) -> SAM2:
        """The network, filled with the stand-in weights."""
        weights = _load_beside(self.path, "seeded_weights")
        model = build_model(self.model_name, self.size)
        shapes = {name: tuple(value.shape) for name, value in model.state_dict().items()}
        model.load_state_dict(weights.seeded_state_dict(shapes, self.salt))
        return model.eval()

    def views(self) -> NDArray[np.uint8]:
        """The clip ``[T, S, S, 3]``."""
        clip: NDArray[np.uint8] = _load_beside(self.path, "golden_clip").golden_clip(FRAMES, self.size)
        return clip

    def mask(self, frame: int) -> NDArray[np.bool_]:
        """The mask prompt of the second object."""
        mask: NDArray[np.bool_] = _load_beside(self.path, "golden_clip").golden_mask(frame, VIDEO_HEIGHT, VIDEO_WIDTH)
        return mask


def _load_beside(path: Path, name: str) -> ModuleType:
    """Import ``name.py`` from the folder above the file's."""
    script = path.resolve().parent.parent / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, script)
    if spec is None or spec.loader is None or not script.is_file():
        raise DatasetError(f"{script}: not found; the stored outputs need it to make their weights and clip")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def image_outputs(model: SAM2, view: NDArray[np.uint8]) -> Arrays:
    """Everything the image part of a file stores, by name."""
    features = model.encode_image(prepare(view, model.config.image_size))
    yield "image/fpn0", _numpy(features.high0[0, :, ::4, ::4])
    yield "image/fpn1", _numpy(features.high1[0, :, ::4, ::4])
    yield "image/fpn2", _numpy(features.top[0])
    yield "image/pos2", _numpy(model.top_position[0])
    embedding = model.condition(features.top, None)
    scale = model.config.image_size / 1024
    for name, prompt in IMAGE_PROMPTS.items():
        coords = torch.tensor([[(x * scale, y * scale) for x, y, _ in prompt]])
        labels = torch.tensor([[label for _, _, label in prompt]])
        for kind, multimask in (("multi", True), ("single", False)):
            decoded = model.decode(embedding, features, (coords, labels), multimask=multimask)
            yield f"image/{name}/{kind}/logits", _numpy(decoded.logits[0])
            yield f"image/{name}/{kind}/iou", _numpy(decoded.iou[0])
            yield f"image/{name}/{kind}/score", _numpy(decoded.score[0])
            yield f"image/{name}/{kind}/ptr", _numpy(model.choose(decoded).pointer[0])


def refined_outputs(golden: Golden, model: SAM2, view: NDArray[np.uint8]) -> Arrays:
    """A click together with previous logits of +-6 in the shape of the disc."""
    side = model.config.logit_size
    disc = torch.from_numpy(_load_beside(golden.path, "golden_clip").golden_mask(0, side, side))
    previous = torch.where(disc, 6.0, -6.0)[None, None]
    features = model.encode_image(prepare(view, model.config.image_size))
    coords = torch.tensor([[CLICK[0][:2]]]) * (model.config.image_size / 1024)
    points = (coords, torch.tensor([[PointLabel.POSITIVE]]))
    decoded = model.decode(model.condition(features.top, None), features, points, previous, multimask=False)
    yield "image/click_and_logits/single/logits", _numpy(decoded.logits[0])
    yield "image/click_and_logits/single/iou", _numpy(decoded.iou[0])


def video_outputs(golden: Golden, model: SAM2, views: NDArray[np.uint8]) -> Arrays:
    """Everything the video part of a file stores: forward, after a correction, and backward."""
    source = ArraySource(views, size=(VIDEO_WIDTH, VIDEO_HEIGHT))
    tracker = Tracker(model, source, keep_corrections=False)
    first = tracker.prompt("obj1", 0, FramePrompt(points=((180, 144, True), (300, 40, False))))
    yield "video/click0/obj1", _at_video_size(first)
    tracker.prompt("obj2", 2, FramePrompt(mask=golden.mask(2)))
    for result in tracker.propagate(0):
        yield from _frame_outputs("video/forward", tracker, result)
    corrected = tracker.prompt("obj1", 6, FramePrompt(points=((220, 150, True),)), clear=True)
    yield "video/correction/obj1", _at_video_size(corrected)
    for result in tracker.propagate(0):
        yield from _frame_outputs("video/again", tracker, result)
    for result in tracker.propagate(6, reverse=True):
        yield from _frame_outputs("video/backward", tracker, result)


def _frame_outputs(prefix: str, tracker: Tracker, result: FrameResult) -> Arrays:
    for name, item in result.objects.items():
        key = f"{prefix}/f{result.frame}/{name}"
        yield f"{key}/low", _numpy(item.logits)
        yield f"{key}/score", np.array([item.score], dtype=np.float32)
        yield f"{key}/ptr", _numpy(item.pointer)
        if result.frame in DETAILED_FRAMES:
            yield f"{key}/mem", _numpy(tracker.objects[name].memory[result.frame].spatial[:, ::2, ::2])
            yield f"{key}/video", _at_video_size(item)


def _at_video_size(item: ObjectFrame) -> NDArray[np.float32]:
    size = (VIDEO_HEIGHT, VIDEO_WIDTH)
    full = F.interpolate(item.logits[None, None], size=size, mode="bilinear", align_corners=False)
    return _numpy(full[0, 0, ::4, ::4])


def _numpy(tensor: Tensor) -> NDArray[np.float32]:
    return tensor.detach().float().cpu().numpy().copy()  # memories are views of a ring that is written again


def worst_ratios(golden: Golden) -> dict[str, tuple[float, str]]:
    """Per group of arrays, the worst ratio of error to tolerance and the array it was found in.

    An array that is stored and not made, or of another shape, counts as infinitely wrong.
    """
    made: dict[str, NDArray[np.float32]] = {}
    with torch.inference_mode():
        model, views = golden.model(), golden.views()
        made.update(image_outputs(model, views[0]))
        made.update(refined_outputs(golden, model, views[0]))
        made.update(video_outputs(golden, model, views))
    worst: dict[str, tuple[float, str]] = {}
    for name, expected in golden.stored.items():
        if name.startswith("spread/"):
            continue
        group = "/".join(name.split("/")[:2])
        ratio = _ratio(made.get(name), expected, float(golden.stored[f"spread/{name}"]))
        worst[group] = max(worst.get(group, (0.0, name)), (ratio, name))
    return worst


def _ratio(made: NDArray[np.float32] | None, expected: NDArray[np.float32], spread: float) -> float:
    if made is None or made.shape != expected.shape:
        return float("inf")
    return float(np.abs(made - expected).max() / (10 * spread + 1e-3))


def main(argv: list[str] | None = None) -> int:
    """Check the files named in ``argv``; 0 if every array is within tolerance, 1 if not, 2 for a wrong file."""
    parser = argparse.ArgumentParser(prog="python -m sam2_roto.evaluation.golden", description=__doc__)
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE.npz")
    failed = False
    for path in parser.parse_args(argv).files:
        try:
            worst = worst_ratios(Golden(path))
        except DatasetError as error:
            print(error, file=sys.stderr)
            return 2
        print(path.name)
        for group, (ratio, name) in worst.items():
            over = ratio > 1
            failed = failed or over
            print(f"  {group:24} worst error / tolerance {ratio:8.4f}{'  OVER: ' + name if over else ''}")
    return int(failed)


if __name__ == "__main__":
    raise SystemExit(main())
