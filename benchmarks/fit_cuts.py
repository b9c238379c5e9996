"""Fit the model by which dissolves are told, on other takes than ``benchmarks/cuts.py`` measures on, and print it.

python benchmarks/fit_cuts.py --clips DIR [--reels 8] [--seeds 100 101] [--cache FILE]

Movies give their frames after those that are measured on, and generated clips have other seeds. A logistic model is
fitted by Newton's method. A dissolve is found if any stretch of frames that is tried over it is, so it speaks with its
three surest stretches, and so does each dozen of frames without one; these are chosen anew until they settle.
"""

from __future__ import annotations

import argparse
import pickle
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from cuts import LONGEST, SLACK, Join, Reel, generated_takes, make_reel, movie_takes
from tqdm import tqdm

from sam2_roto.tracking.cuts import APART, CutDetector
from sam2_roto.tracking.dissolve import WEIGHTS, Stretch

Array = npt.NDArray[np.float64]
LATER = 120
"""Most frames of a movie, after those that are measured on."""
GENERATED, CLIPS = 5000, 120
"""Seed of the first generated clip, and how many there are."""
REGION = 12
"""Frames of a region without a dissolve."""
SUREST = 3
"""Stretches of each dissolve and each region that are fitted."""
ROUNDS = 8
RIDGE = 1e-2
"""Weight of the squares of the coefficients, of normed signs."""


class Samples(NamedTuple):
    """Stretches of all reels."""

    signs: Array
    """``[stretches, signs]``."""
    regions: list[tuple[Any, ...]]
    """Which dissolve or which frames without one each belongs to."""
    true: npt.NDArray[np.bool_]


def stretches_of(reel: Reel) -> list[Stretch]:
    """All stretches that the detector weighs."""
    weighed: list[Stretch] = []

    def refuse(stretch: Stretch) -> float:
        weighed.append(stretch)
        return -1.0

    detector = CutDetector(weigh=refuse)
    for frame, view in enumerate(reel.frames):
        detector.push(frame, view)
    detector.close()
    return weighed


def samples_of(reels: Sequence[tuple[list[Stretch], list[Join]]]) -> Samples:
    """Signs and truth of the stretches of reels; those beside a hard cut are never told, so they are left out."""
    signs, regions = [], []
    for number, (stretches, joins) in enumerate(reels):
        cuts = [join.start for join in joins if join.kind == "cut"]
        dissolves = [join for join in joins if join.kind != "cut"]
        for stretch in stretches:
            if any(stretch.start - APART <= cut <= stretch.stop + APART for cut in cuts):
                continue
            over = [join for join in dissolves if join.start - SLACK <= stretch.turn <= join.stop + SLACK]
            regions.append((number, "dissolve", over[0]) if over else (number, "none", stretch.turn // REGION))
            signs.append([stretch.signs[name] for name in WEIGHTS])
    return Samples(np.array(signs), regions, np.array([region[1] == "dissolve" for region in regions]))


def fit(samples: Samples) -> tuple[Array, float]:
    """Weights of the signs, and the bias."""
    groups = defaultdict(list)
    for index, region in enumerate(samples.regions):
        groups[region].append(index)
    chosen = list(range(len(samples.regions)))
    for _ in range(ROUNDS):
        weights, bias = logistic(samples.signs[chosen], samples.true[chosen])
        logits = samples.signs @ weights + bias
        chosen = [index for group in groups.values() for index in sorted(group, key=lambda i: -logits[i])[:SUREST]]
    return weights, bias


def logistic(signs: Array, true: npt.NDArray[np.bool_], steps: int = 30) -> tuple[Array, float]:
    """Weights and bias of greatest likelihood, with a ridge."""
    mean, spread = signs.mean(axis=0), signs.std(axis=0) + 1e-9
    normed = np.column_stack([(signs - mean) / spread, np.ones(len(signs))])
    ridge = np.diag([RIDGE * len(signs)] * signs.shape[1] + [1e-9])
    found = np.zeros(normed.shape[1])
    for _ in range(steps):
        chance = 1 / (1 + np.exp(-normed @ found))
        slope = normed.T @ (chance - true) + ridge @ found
        bend = (normed * (chance * (1 - chance))[:, None]).T @ normed + ridge
        found = found - np.linalg.solve(bend, slope)
    weights = found[:-1] / spread
    return weights, float(found[-1] - mean @ weights)


def gather(options: argparse.Namespace) -> list[tuple[list[Stretch], list[Join]]]:
    """Stretches and joins of all reels."""
    real = movie_takes(options.clips, LATER, after=LONGEST)
    generated = generated_takes(CLIPS, 100, first=GENERATED)
    found = []
    for seed in tqdm(options.seeds, unit="seed"):
        rng = np.random.default_rng(seed)
        for takes in (real, generated, {**real, **generated}):
            for _ in range(options.reels):
                reel = make_reel(takes, rng)
                found.append((stretches_of(reel), reel.joins))
    return found


def main() -> None:
    """Gather, fit and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=Path, required=True, help="a folder of movies without cuts")
    parser.add_argument("--reels", type=int, default=8, help="of each kind and seed")
    parser.add_argument("--seeds", type=int, nargs="+", default=[100, 101])
    parser.add_argument("--cache", type=Path, help="where the signs are kept for the next run")
    options = parser.parse_args()
    if options.cache and options.cache.exists():
        reels = pickle.loads(options.cache.read_bytes())
    else:
        reels = gather(options)
        if options.cache:
            options.cache.write_bytes(pickle.dumps(reels))
    samples = samples_of(reels)
    weights, bias = fit(samples)
    spreads = samples.signs.std(axis=0)
    for name, weight, spread in zip(WEIGHTS, weights, spreads, strict=True):
        print(f'    "{name}": {weight:.2f},  # {weight * spread:+.2f} for one standard deviation')
    print(f"BIAS = {bias:.2f}, from {len(samples.true)} stretches, {samples.true.sum()} over dissolves")


if __name__ == "__main__":
    main()
