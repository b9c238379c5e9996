"""The stream of training batches: batch k is a function of the recipe's seed and k alone.

So any number of workers gives the same stream, and a run resumed at step k reads on exactly where it stopped. Seeds
in ``HELD_OUT_SEEDS`` are never drawn: they belong to validation and evaluation.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from compositing.flow import gray
from sam2_roto.errors import DatasetError
from sam2_roto.tracking.guide import motion
from sam2_roto.training.augment import augment
from sam2_roto.training.clips import HELD_OUT_SEEDS
from sam2_roto.training.config import Recipe, Stage
from sam2_roto.training.lessons import draw_parts, find_lessons
from sam2_roto.training.prompts import CELL
from sam2_roto.training.scenes import find_scenes, random_scene_part

SMALLEST_SHARE = 1 / 1024
ATTEMPTS = 100
VANISHING_DRAWS = 4
"""Clips drawn at most for one in which something vanishes: of those with occlusion, one in three."""
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


class Clip(Protocol):
    """A clip with truth: frames uint8 [T, H, W, 3] and labels uint8 [T, H, W], 0 for background, 1.. for objects."""

    @property
    def frames(self) -> npt.NDArray[Any]:
        """The pictures."""

    @property
    def labels(self) -> npt.NDArray[Any]:
        """The objects."""


@dataclass(frozen=True)
class ClipOrder:
    """What is asked of a source of clips.

    Attributes:
        seed: decides every draw; one of ``HELD_OUT_SEEDS`` asks for a clip that training never sees, if there are any.
        size: side in pixels of the square that will be cut from the clip.
        frames: how many.
        difficulty: of generated clips, if it matters.
    """

    seed: int
    size: int
    frames: int
    difficulty: str | None = None


ClipSource = Callable[[ClipOrder], Clip]
"""Makes the clip of an order; its pictures need not have the size that is asked for."""


@dataclass(frozen=True)
class Batch:
    """Clips of one shape, and the objects in them as rows.

    Attributes:
        frames: uint8 [N, T, 3, S, S].
        truth: bool [R, T, S, S], the visible part of each row's object.
        clip: int64 [R], the clip that each row's object lives in.
        motion: float32 [N, T, 3, S/4, S/4], how each frame lies in the one before it (``tracking.guide.motion``, and
            nothing on the first), or none where rows are not guided.
        taught: float16 [N, D, S/16, S/16], a teacher's features of the only frame, if there is a teacher.
        unclicked: bool [R], rows that are not asked for by a click, which would mean more; none by default.
    """

    frames: Tensor
    truth: Tensor
    clip: Tensor
    motion: Tensor | None = None
    taught: Tensor | None = None
    unclicked: Tensor | None = None

    def to(self, device: torch.device) -> Batch:
        """The same batch on another device."""
        return self._each(lambda part: part.to(device, non_blocking=True))

    def pin_memory(self) -> Batch:
        """The same batch in pinned memory; the loader calls this where a GPU trains."""
        return self._each(Tensor.pin_memory)

    def guided(self) -> Batch:
        """The same batch with the motion in its clips measured."""
        return replace(self, motion=torch.stack([motions(frames) for frames in self.frames]))

    def _each(self, change: Callable[[Tensor], Tensor]) -> Batch:
        return replace(self, **{name: change(part) for name, part in vars(self).items() if part is not None})


def motions(frames: Tensor) -> Tensor:
    """How each of ``frames`` uint8 [T, 3, S, S] lies in the one before it: float32 [T, 3, S/4, S/4]."""
    grays = [gray(frame.permute(1, 2, 0).numpy()) for frame in frames]
    cells = frames.shape[-1] // CELL
    moved = [motion(here, there, cells) for there, here in pairwise(grays)]
    return torch.stack([torch.zeros(3, cells, cells), *moved])


def normalise(frames: Tensor) -> Tensor:
    """Frames uint8 [..., 3, H, W] -> float32 by the mean and deviation that SAM 2 was trained with."""
    mean = torch.tensor(IMAGENET_MEAN, device=frames.device).view(3, 1, 1)
    std = torch.tensor(IMAGENET_STD, device=frames.device).view(3, 1, 1)
    return (frames.float() / 255.0 - mean) / std


def clip_seed(seed: int, step: int, index: int) -> int:
    """Seed of a clip, a 62-bit number never one of ``HELD_OUT_SEEDS``."""
    words = np.random.SeedSequence([seed, step, index]).generate_state(2, np.uint32)
    drawn = (int(words[0]) << 32 | int(words[1])) >> 2
    return max(drawn, HELD_OUT_SEEDS.stop)


def choose_objects(labels: Tensor, most: int, generator: torch.Generator, smallest: float = 0.0) -> list[int]:
    """Up to ``most`` ids, drawn from those with enough visible pixels on the first frame of labels [T, S, S] uint8.

    Enough is the part ``smallest`` of the picture, and never less than ``SMALLEST_SHARE``.
    """
    first = labels[0]
    counts = torch.bincount(first.flatten().long(), minlength=1)[1:]
    visible = (torch.nonzero(counts >= first.numel() * max(SMALLEST_SHARE, smallest)).flatten() + 1).tolist()
    order = torch.randperm(len(visible), generator=generator).tolist()
    return [visible[index] for index in order[:most]]


def vanishing(labels: Tensor, ids: list[int]) -> list[int]:
    """Those of ``ids`` that are nowhere to be seen on some frame of labels [T, S, S] uint8."""
    return [identity for identity in ids if not (labels == identity).flatten(1).any(dim=1).all()]


def tensors_of(clip: Clip) -> tuple[Tensor, Tensor]:
    """A clip as frames uint8 [T, 3, H, W] and labels uint8 [T, H, W]."""
    frames = torch.from_numpy(np.ascontiguousarray(clip.frames)).permute(0, 3, 1, 2)
    return frames, torch.from_numpy(np.ascontiguousarray(clip.labels))


def rows_of(frames: list[Tensor], labels: list[Tensor], chosen: list[list[int]]) -> Batch:
    """Gather clips and their chosen objects into a batch; clips without an object stay, without rows."""
    truth = [label == identity for label, ids in zip(labels, chosen, strict=True) for identity in ids]
    clip = [index for index, ids in enumerate(chosen) for _ in ids]
    return Batch(torch.stack(frames), torch.stack(truth), torch.tensor(clip))


class BatchMaker(Dataset[Batch]):
    """Batch k of a recipe, made on demand: a map from k to its batch."""

    def __init__(self, recipe: Recipe, source: ClipSource) -> None:
        self.recipe, self.source = recipe, source
        taught = recipe.lessons
        self.lessons = find_lessons(Path(taught.folder)) if taught.folder else []
        self.scenes = find_scenes(Path(taught.scenes)) if taught.scenes else []

    def __len__(self) -> int:
        return self.recipe.steps

    def __getitem__(self, step: int) -> Batch:
        stage = self.recipe.stage_at(step)
        return self._lesson(stage, step) if stage.lessons else self._play(stage, step)

    def _lesson(self, stage: Stage, step: int) -> Batch:
        """Pictures with a teacher's features; the objects are its masks."""
        generator = torch.Generator().manual_seed(clip_seed(self.recipe.seed, step, 0))
        said = self.recipe.lessons
        parts = draw_parts(self.lessons, stage.clips, stage.size, said.whole_share, self.recipe.augmentation, generator)
        chosen = [choose_objects(part.labels, stage.objects, generator, stage.smallest) for part in parts]
        batch = rows_of([part.frames for part in parts], [part.labels for part in parts], chosen)
        unclicked = None if said.click_parts else torch.tensor([not part.whole for part in parts])[batch.clip]
        return replace(batch, taught=torch.stack([part.features for part in parts]), unclicked=unclicked)

    def _play(self, stage: Stage, step: int) -> Batch:
        """Clips of the source, or pictures of them."""
        frames: list[Tensor] = []
        labels: list[Tensor] = []
        chosen: list[list[int]] = []
        index = 0
        while len(frames) < stage.clips:
            if index == ATTEMPTS * stage.clips:
                least = max(SMALLEST_SHARE, stage.smallest)
                raise DatasetError(f"No object in the clips covers {least:.1%} of the picture; give other clips.")
            for picture, label, ids in self._clips(stage, clip_seed(self.recipe.seed, step, index)):
                if ids and len(frames) < stage.clips:
                    frames.append(picture)
                    labels.append(label)
                    chosen.append(ids)
            index += 1
        batch = rows_of(frames, labels, chosen)
        return batch.guided() if self.recipe.guided and stage.frames > 1 else batch

    def _clips(self, stage: Stage, seed: int) -> Iterator[tuple[Tensor, Tensor, list[int]]]:
        if stage.frames > 1 and seed // 13 % 100 < 100 * stage.vanish_share:
            yield self._vanishing(stage, seed)
            return
        generator = torch.Generator().manual_seed(seed)
        still = stage.frames == 1
        length = stage.stills if still else stage.frames
        plain = seed // 7 % 100 < 100 * stage.plain_share
        order = ClipOrder(seed, stage.size, length, "plain" if plain else stage.difficulty)
        real = not still and bool(self.scenes) and seed // 701 % 100 < 100 * self.recipe.lessons.scene_share
        frames, labels = tensors_of(random_scene_part(self.scenes, seed, length) if real else self.source(order))
        spans = [slice(i, i + 1) for i in range(length)] if still else [slice(None)]
        for span in spans:
            pair = augment(frames[span], labels[span], stage.size, self.recipe.augmentation, generator)
            yield *pair, choose_objects(pair[1], stage.objects, generator, stage.smallest)

    def _vanishing(self, stage: Stage, seed: int) -> tuple[Tensor, Tensor, list[int]]:
        """A clip with occlusion in which an object goes out of sight, that one first; after some draws, any."""
        for draw in range(VANISHING_DRAWS):
            own = clip_seed(seed, draw, 0)
            generator = torch.Generator().manual_seed(own)
            clip = tensors_of(self.source(ClipOrder(own, stage.size, stage.frames, "occlusion")))
            frames, labels = augment(*clip, stage.size, self.recipe.augmentation, generator)
            ids = choose_objects(labels, 255, generator, stage.smallest)
            gone = vanishing(labels, ids)
            if gone:
                break
        return frames, labels, (gone + [identity for identity in ids if identity not in gone])[: stage.objects]


class FromStep(Sampler[int]):
    """The steps from ``first`` to the end, in order."""

    def __init__(self, first: int, end: int) -> None:
        self.first, self.end = first, end

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.first, self.end))

    def __len__(self) -> int:
        return max(self.end - self.first, 0)


def _calm(_worker: int) -> None:
    """Make a worker yield to the training process, which is the one that must not wait."""
    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(5)


def batches(recipe: Recipe, source: ClipSource, first: int, pinned: bool = False) -> Iterator[Batch]:
    """The recipe's batches from step ``first`` on, made ahead by its number of worker processes."""
    loader = DataLoader(
        BatchMaker(recipe, source),
        batch_size=None,
        sampler=FromStep(first, recipe.steps),
        num_workers=recipe.workers,
        worker_init_fn=_calm,
        prefetch_factor=4 if recipe.workers else None,
        # A forked worker inherits OpenCV's thread pool without its threads, and waits for them for ever.
        multiprocessing_context="spawn" if recipe.workers else None,
        pin_memory=pinned,
    )
    return iter(loader)
