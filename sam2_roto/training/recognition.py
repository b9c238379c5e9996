"""Fit how a network recognises what it tracks (``tracking/recognition.py``) on generated clips.

It tracks objects that leave, or are hidden, and what speaks for each of them being there is kept, frame by frame. A
part of the objects is tracked as the network likes, a part by its own recognition so far, and of a part it is told
whether they are there: so the fit sees frames with all that a pass may have remembered. A logistic regression then says
how much each of these counts.

    python -m sam2_roto.training.recognition --model nano --textures clips --clips 150

prints the bias and the weights, for ``recognition`` in ``model/config.py``.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from tqdm import tqdm

from sam2_roto.evaluation.davis import region_similarity
from sam2_roto.evaluation.prompts import PromptKind, first_prompt
from sam2_roto.loading import load_model
from sam2_roto.mattes import mask_from_logits
from sam2_roto.model import SAM2, ImageFeatures, Prediction
from sam2_roto.model.mask_decoder import Decoded
from sam2_roto.tracking.batches import Group
from sam2_roto.tracking.crop_tracker import CropMemory, CropTracker
from sam2_roto.tracking.objects import TrackedObject
from sam2_roto.tracking.recognition import evidence
from sam2_roto.tracking.source import ArraySource
from sam2_roto.training.clips import DIFFICULTIES, Clip, TextureLibrary, generate_clip
from sam2_roto.training.data import clip_seed

Array = npt.NDArray[Any]
Mode = Literal["own", "judged", "told"]

SIDE, LENGTHS = 384, (12, 12, 24)
MODES: tuple[Mode, ...] = ("own", "judged", "own", "judged", "told")
KINDS: tuple[PromptKind, ...] = ("mask", "click", "mask")
SMALLEST = 0.001
"""Part of the first picture that an object must cover."""

LOST, SAID = 0.1, 10.0
"""IoU with the truth below which a mask is of something else, and the score that tells whether an object is there."""

GONE_WEIGHT, LOST_WEIGHT, LEAST_WEIGHT = 1.0, 0.3, 0.3
"""What a frame counts for without its object, with another thing taken for it, and least with the object: its IoU."""

CAUTION = 2.0
"""How much surer than even that an object is gone one has to be: what is dropped by mistake may not be found again."""

RIDGE, ROUNDS = 1.0, 30


class Witness(NamedTuple):
    """One tracked frame: what speaks for the object ``[4]``, whether it is there, IoU of the mask."""

    evidence: Array
    there: bool
    overlap: float


class WatchedTracker(CropTracker):
    """Keeps what speaks for its object on every frame of a pass; ``truth`` bool [T, H, W]."""

    def __init__(self, model: SAM2, source: ArraySource, memory: CropMemory, truth: Array, mode: Mode) -> None:
        super().__init__(model, source, "object", memory)
        self._truth, self._mode = truth, mode
        self._at = 0
        self.found: dict[int, tuple[Array, Array]] = {}

    def _see(self, group: Group, index: int, *rest: Any) -> tuple[Prediction, Tensor, Any]:
        self._at = index
        return super()._see(group, index, *rest)

    def _recognise(self, group: Group, decoded: Decoded, best: Tensor | None, features: ImageFeatures) -> Decoded:
        believed = decoded.iou.argmax(dim=1) if best is None else best
        found = evidence(decoded, believed, features, [entry.memory.marked for entry, _ in group])
        self.found[self._at] = found[0].numpy(), self._on_plate(decoded.logits[0, believed[0]])
        if self._mode == "told":
            there = SAID if self._truth[self._at].any() else -SAID
            return decoded._replace(score=torch.full_like(decoded.score, there))
        return super()._recognise(group, decoded, best, features) if self._mode == "judged" else decoded

    def _find_again(self, entries: list[TrackedObject], decoded: Decoded, *rest: Any) -> Decoded:
        return super()._find_again(entries, decoded, *rest) if self._mode == "judged" else decoded

    def _on_plate(self, logits: Tensor) -> Array:
        shape = self._truth.shape[1:]
        return mask_from_logits(self._crop.look(self._at).spread(logits.float(), shape), shape).numpy()

    def witnesses(self) -> Iterator[Witness]:
        """Track, and give what was kept of each frame."""
        for _ in self.propagate():
            continue
        for frame, (found, mask) in self.found.items():
            truth = self._truth[frame]
            yield Witness(found, bool(truth.any()), region_similarity(mask, truth))


def chosen_objects(clip: Clip, rng: np.random.Generator) -> list[int]:
    """Up to two objects that are gone at times; where there are none, another."""
    large = [k for k in range(1, clip.objects + 1) if (clip.labels[0] == k).mean() >= SMALLEST]
    gone = [k for k in large if not clip.present[k - 1].all()]
    return [int(k) for k in (rng.permutation(gone)[:2] if gone else rng.permutation(large)[:1])]


def watch(model: SAM2, library: TextureLibrary, seed: int, number: int) -> list[Witness]:
    """What a clip has to say."""
    rng = np.random.default_rng([seed, number])
    difficulty, frames = DIFFICULTIES[number % len(DIFFICULTIES)], int(rng.choice(LENGTHS))
    clip = generate_clip(clip_seed(seed, number, 0), size=SIDE, frames=frames, difficulty=difficulty, library=library)
    found: list[Witness] = []
    for k in chosen_objects(clip, rng):
        truth, mode = clip.labels == k, MODES[rng.integers(len(MODES))]
        tracker = WatchedTracker(model, ArraySource(clip.frames), CropMemory(), truth, mode)
        tracker.prompt("object", 0, first_prompt(truth[0], KINDS[rng.integers(len(KINDS))]))
        found += tracker.witnesses()
    return found


def fitted(witnesses: list[Witness]) -> tuple[float, ...]:
    """A bias, with caution, and the weights of evidence: logistic regression (Newton's method, a ridge on weights)."""
    x = np.array([witness.evidence for witness in witnesses], np.float64)
    overlap = np.array([witness.overlap for witness in witnesses])
    there = np.array([witness.there for witness in witnesses])
    right = there & (overlap >= LOST)
    weight = np.where(right, np.maximum(overlap, LEAST_WEIGHT), np.where(there, LOST_WEIGHT, GONE_WEIGHT))
    x = np.column_stack((np.ones(len(x)), x))
    ridge = np.diag([0.0, *[RIDGE] * (x.shape[1] - 1)])
    beta = np.zeros(x.shape[1])
    for _ in range(ROUNDS):
        chance = 1 / (1 + np.exp(-np.clip(x @ beta, -30, 30)))
        slope = x.T @ (weight * (right - chance)) - ridge @ beta
        bend = (x * (weight * chance * (1 - chance))[:, None]).T @ x + ridge
        beta = beta + np.linalg.solve(bend, slope)
    return (float(beta[0]) + CAUTION, *map(float, beta[1:]))


def main() -> None:
    """Fit as the command line says."""
    parser = argparse.ArgumentParser(prog="python -m sam2_roto.training.recognition", description=__doc__)
    parser.add_argument("--model", default="nano", metavar="NAME", help="whose tracking it is (default: nano)")
    parser.add_argument("--textures", type=Path, required=True, metavar="DIR", help="clips that textures are cut from")
    parser.add_argument("--clips", type=int, default=150, metavar="N", help="generated clips (default: 150)")
    parser.add_argument("--seed", type=int, default=61, metavar="N", help="of the clips (default: 61)")
    args = parser.parse_args()
    model, library = load_model(args.model, device="cpu"), TextureLibrary.build(args.textures)
    model.config = replace(model.config, recognition=model.config.recognition or (1.0, 0.0, 0.0, 0.0, 0.0))
    numbers = tqdm(range(args.clips), unit="clip", mininterval=10.0)
    witnesses = [witness for number in numbers for witness in watch(model, library, args.seed, number)]
    print(f"{len(witnesses)} frames, {sum(not witness.there for witness in witnesses)} without their object")
    print(f"recognition=({', '.join(f'{value:.3f}' for value in fitted(witnesses))})")


if __name__ == "__main__":
    main()
