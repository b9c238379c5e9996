"""Clips from a user's own frames and masks, for fine-tuning."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from compositing.footage.frames import FrameRange
from sam2_roto.boxes import box_of
from sam2_roto.errors import DatasetError
from sam2_roto.evaluation.datasets import AnnotatedClip, open_clips, open_dataset
from sam2_roto.evaluation.davis import Mask
from sam2_roto.training.data import ClipOrder
from sam2_roto.training.scenes import Scene

Array = npt.NDArray[Any]
Rng = np.random.Generator

MARGIN = 1.5
"""Frames are kept at this multiple of the network's side, so that a window into them is still sharp."""

CACHE_BYTES = 400_000_000
MOST_OBJECTS = 8
WHOLE_SHARE = 0.4
SMALLEST_WINDOW = 0.35


def open_user_data(root: Path, split: str | None = None) -> list[AnnotatedClip]:
    """The clips of a folder with ``frames`` and ``masks`` in it, or of a data set as it is published.

    Raises DatasetError where it is neither.
    """
    frames, masks = root / "frames", root / "masks"
    if split is None and frames.is_dir() and masks.is_dir():
        return open_clips(frames, masks)
    return open_dataset(root, split)


class UserClips:
    """A source of training clips: short pieces of a user's clips, at one of three speeds, seen through a window.

    Frames without a mask are left out. A piece longer than its clip goes to and fro. The window is the whole picture,
    or a part of it about one of the objects; it may drift, as if the camera moved. Pictures are squeezed into a square
    as the network sees them, decoded when they are needed, and kept up to a bound.
    """

    def __init__(self, clips: Sequence[AnnotatedClip], span: FrameRange | None = None) -> None:
        """Use the frames of ``span``, in the clips' own numbers, or all that have masks.

        Raises DatasetError where no such frame has a mask.
        """
        chosen = [(clip, [frame for frame in clip.masks.frames if span is None or frame in span]) for clip in clips]
        self._clips = [(clip, frames) for clip, frames in chosen if frames]
        if not self._clips:
            words = "no frame" if span is None else f"no frame of {span}"
            raise DatasetError(f"There is nothing to train on: {words} has a mask; check --data and --frames-range.")
        if span is not None:
            _check_within([clip for clip, _ in self._clips], span)
        self._kept: OrderedDict[tuple[int, int, int], tuple[Array, dict[str, Mask]]] = OrderedDict()

    def __call__(self, order: ClipOrder) -> Scene:
        """The piece of a seed; the difficulty plays no part."""
        rng = np.random.default_rng(order.seed)
        number = int(rng.integers(len(self._clips)))
        frames = self._clips[number][1]
        chosen = [frames[index] for index in random_walk(rng, len(frames), order.frames)]
        pictures, masks = zip(*self._read(number, chosen, round(MARGIN * order.size)), strict=True)
        names = random_objects(rng, masks)
        windows = random_windows(rng, [entry.get(names[0]) for entry in masks] if names else [], order.frames)
        cut = [through(picture, window, order.size) for picture, window in zip(pictures, windows, strict=True)]
        labels = [
            through(paint(entry, names, picture.shape[:2]), window, order.size)
            for picture, entry, window in zip(pictures, masks, windows, strict=True)
        ]
        return Scene(np.stack(cut), np.stack(labels))

    def _read(self, number: int, frames: Sequence[int], side: int) -> list[tuple[Array, dict[str, Mask]]]:
        """Pictures and masks [side, side] of frames; those not kept are decoded in one go."""
        missing = sorted({frame for frame in frames if (number, frame, side) not in self._kept})
        if missing:
            clip = self._clips[number][0]
            with clip.open() as footage:
                for frame, view in footage.views(missing):
                    masks = {name: squeeze_mask(mask, side) for name, mask in clip.masks.read(frame).items()}
                    self._kept[number, frame, side] = squeeze(view, side), masks
        found = [self._kept[number, frame, side] for frame in frames]
        for frame in frames:
            self._kept.move_to_end((number, frame, side))
        while len(self._kept) > max(CACHE_BYTES // (4 * side * side), 1):
            self._kept.popitem(last=False)
        return found


def _check_within(clips: Sequence[AnnotatedClip], span: FrameRange) -> None:
    """Raise DatasetError where no clip has all frames of a range."""
    for clip in clips:
        with clip.open() as footage:
            if footage.first <= span.first and span.last <= footage.last:
                return
    raise DatasetError(
        f"--frames-range {span} goes beyond {clips[-1].name}, which has the frames {footage.first}-{footage.last}; "
        "give a range within them."
    )


def random_walk(rng: Rng, count: int, length: int) -> list[int]:
    """Positions of ``length`` of ``count`` frames in a row, or every second or third, turning back at both ends."""
    stride = int(rng.choice([1, 1, 2, 3]))
    last = count - 1
    reach = min(last, stride * (length - 1))
    steps = int(rng.integers(0, last - reach + 1)) + stride * np.arange(length)
    folded = np.mod(steps, max(2 * last, 1))
    return np.where(folded > last, 2 * last - folded, folded).tolist()  # type: ignore[no-any-return]


def random_objects(rng: Rng, masks: Sequence[dict[str, Mask]]) -> list[str]:
    """Names of objects in the frames, in random order, without those that overlap one already taken."""
    names = sorted({name for entry in masks for name in entry})
    taken: list[str] = []
    for name in (names[index] for index in rng.permutation(len(names))):
        overlap = any(
            (entry[name] & entry[other]).any() for entry in masks for other in taken if name in entry and other in entry
        )
        if not overlap and len(taken) < MOST_OBJECTS:
            taken.append(name)
    return taken


def random_windows(rng: Rng, masks: Sequence[Mask | None], count: int) -> list[Array]:
    """Windows left, top, side in 0..1 of the picture, one per frame: the whole of it, or drifting about an object."""
    seen = [mask for mask in masks if mask is not None and mask.any()]
    if not seen or rng.random() < WHOLE_SHARE:
        return [np.array([0.0, 0.0, 1.0])] * count
    first = _window_about(rng, seen[0])
    last = _window_about(rng, seen[-1], float(first[2] * rng.uniform(0.9, 1.1))) if rng.random() < 0.5 else first
    return [first + (last - first) * share for share in np.linspace(0, 1, count)]


def _window_about(rng: Rng, mask: Mask, side: float | None = None) -> Array:
    """A square window that shows most of a mask, not quite in its middle."""
    box = np.array(box_of(mask)) / len(mask)
    reach = float((box[2:] - box[:2]).max())
    smallest = min(max(1.2 * reach, SMALLEST_WINDOW if reach > 0.05 else 6 * reach), 1.0)
    side = min(rng.uniform(smallest, 1.0) if side is None else side, 1.0)
    corner = (box[:2] + box[2:]) / 2 - side * rng.uniform(0.35, 0.65, 2)
    return np.array([*np.clip(corner, 0.0, 1.0 - side), side])


def through(picture: Array, window: Array, size: int) -> Array:
    """What a window shows of a square picture, at ``size`` pixels: pictures smoothly, labels [H, W] exactly."""
    first = np.round(window[:2] * len(picture)).astype(int)
    side = max(round(window[2] * len(picture)), 1)
    cut = picture[first[1] : first[1] + side, first[0] : first[0] + side]
    smooth = cv2.INTER_AREA if len(cut) > size else cv2.INTER_LINEAR
    return cv2.resize(cut, (size, size), interpolation=cv2.INTER_NEAREST if picture.ndim == 2 else smooth)


def paint(masks: dict[str, Mask], names: Sequence[str], shape: tuple[int, int]) -> Array:
    """Masks as a map of labels uint8 [H, W]: 1 for the first of ``names``, and so on."""
    labels = np.zeros(shape, np.uint8)
    for label, name in enumerate(names, start=1):
        if name in masks:
            labels[masks[name]] = label
    return labels


def squeeze(view: Array, side: int) -> Array:
    """A picture uint8 [H, W, 3] resized to a square."""
    smooth = cv2.INTER_AREA if min(view.shape[:2]) > side else cv2.INTER_CUBIC
    return cv2.resize(np.ascontiguousarray(view), (side, side), interpolation=smooth)


def squeeze_mask(mask: Mask, side: int) -> Mask:
    """A mask bool [H, W] resized to a square; a pixel is in it where half of it is."""
    smooth = cv2.INTER_AREA if min(mask.shape) > side else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(mask.astype(np.float32), (side, side), interpolation=smooth) >= 0.5)
