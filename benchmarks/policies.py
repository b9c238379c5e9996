"""Compare memory policies on held-out generated clips: J&F by policy and difficulty, every policy on every clip.

python benchmarks/policies.py [--model nano] [--textures DIR] [--clips 24] [--frames 36] [--crop] [--json FILE]

Differences are paired with ``plain``, object by object; "±" is their standard error.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from remembered import remember_encodings
from tqdm import tqdm

from sam2_roto.evaluation.held_out import score_clip
from sam2_roto.evaluation.segmenter import TrackerSegmenter
from sam2_roto.export.annotations import write_json
from sam2_roto.loading import load_model
from sam2_roto.tracking.policies import POLICIES
from sam2_roto.training.clips import DIFFICULTIES, Clip, TextureLibrary, generate_clip, held_out_set

_TOLD = ("model", "size", "side", "crop", "clips", "frames", "prompt")

Scores = dict[str, dict[str, list[float]]]
"""Difficulty, then policy, to the J&F of every object, in one order."""


def clips(
    library: TextureLibrary, chosen: list[str], count: int, frames: int, side: int
) -> Iterator[tuple[str, int, Clip]]:
    """The first ``count`` held-out clips of each chosen difficulty."""
    for difficulty, seed in held_out_set(count * len(DIFFICULTIES)):
        if difficulty in chosen:
            yield (
                difficulty,
                seed,
                generate_clip(seed, size=side, frames=frames, difficulty=difficulty, library=library),
            )


def measure(options: argparse.Namespace) -> Scores:
    """J&F of every object under every policy."""
    library = TextureLibrary.build(options.textures)
    model = load_model(options.model, image_size=options.size)
    encodings = remember_encodings(model)
    scores: Scores = {name: {policy: [] for policy in options.policies} for name in options.difficulties}
    made = clips(library, options.difficulties, options.clips, options.frames, options.side)
    for difficulty, seed, clip in tqdm(made, total=options.clips * len(options.difficulties), unit="clip"):
        for policy in options.policies:
            segmenter = TrackerSegmenter(model, policy=POLICIES[policy], crop=options.crop)
            found = score_clip(segmenter, str(seed), clip, options.prompt)
            scores[difficulty][policy] += [entry.mean.jf for entry in found]
        encodings.clear()
        if options.json:
            about = {name: getattr(options, name) for name in _TOLD}
            write_json(options.json, {**about, "scores": scores})
    return scores


def table(scores: Scores) -> str:
    """A row for each difficulty and policy, and for all."""
    everything = {
        policy: [value for part in scores.values() for value in part[policy]] for policy in next(iter(scores.values()))
    }
    lines = [f"{'difficulty':<13}{'policy':<13}{'objects':>8}{'J&F':>9}{'change':>10}{'±':>9}"]
    for difficulty, part in {**scores, "overall": everything}.items():
        base = np.array(part["plain"])
        for policy, values in part.items():
            change = np.array(values) - base
            error = change.std(ddof=1) / np.sqrt(len(change)) if len(change) > 1 else 0.0
            figures = f"{len(values):>8}{np.mean(values):>9.4f}{change.mean():>+10.4f}{error:>9.4f}"
            lines.append(f"{difficulty:<13}{policy:<13}{figures}")
    return "\n".join(lines)


def main() -> None:
    """Measure, print the table, and write the figures where that was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="nano")
    parser.add_argument("--textures", type=Path, help="movies to cut textures from, as in training")
    parser.add_argument("--clips", type=int, default=24, help="clips of each difficulty")
    parser.add_argument("--frames", type=int, default=36, help="frames of each clip")
    parser.add_argument("--prompt", choices=("mask", "click", "box"), default="mask")
    parser.add_argument("--policies", nargs="+", default=list(POLICIES), choices=list(POLICIES))
    parser.add_argument("--difficulties", nargs="+", default=["distractors", "occlusion"], choices=DIFFICULTIES)
    parser.add_argument("--side", type=int, default=384, help="side of the clips' pictures")
    parser.add_argument("--size", type=int, help="side of the square that the network sees; the model's own by default")
    parser.add_argument("--crop", action="store_true", help="follow small objects in windows of their own")
    parser.add_argument("--json", type=Path, help="written after every clip")
    options = parser.parse_args()
    options.policies = ["plain", *(name for name in options.policies if name != "plain")]
    print(table(measure(options)))


if __name__ == "__main__":
    main()
