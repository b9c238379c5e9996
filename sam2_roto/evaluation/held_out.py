"""The held-out generated set: J, F and J&F by difficulty; ``python -m sam2_roto.evaluation.held_out``.

Its clips come from seeds, and from textures, that training never draws. Clip k of the set is the same whatever the
number of clips asked for; difficulties take turns.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from compositing.errors import CompositingError
from sam2_roto.cli.progress import ProgressBar
from sam2_roto.errors import DatasetError
from sam2_roto.evaluation.davis import Score, score
from sam2_roto.evaluation.evaluate import Segmenter
from sam2_roto.evaluation.prompts import PromptKind, first_prompt
from sam2_roto.evaluation.report import ObjectScore, mean_score
from sam2_roto.evaluation.segmenter import TrackerSegmenter
from sam2_roto.export.annotations import write_json
from sam2_roto.job import Crop, Policy
from sam2_roto.loading import load_model
from sam2_roto.mattes import MatteRecipe
from sam2_roto.mattes.recipe import PRESETS
from sam2_roto.tracking.policies import find_policy
from sam2_roto.tracking.source import ArraySource
from sam2_roto.training.clips import DIFFICULTIES, Clip, TextureLibrary, generate_clip, held_out_set

CLIPS = 200
FRAMES = 12
SIDE = 384
"""Side of the square pictures, in pixels."""


@dataclass(frozen=True)
class HeldOutReport:
    """Scores of every object of the set, by the difficulty of its clip; objects are named ``<seed>/<number>``."""

    prompt: str
    objects: dict[str, tuple[ObjectScore, ...]]

    def mean(self, difficulty: str | None = None) -> Score:
        """The mean over the objects of a difficulty, or over all, of their means over frames."""
        chosen = self.objects.values() if difficulty is None else [self.objects[difficulty]]
        return mean_score(entry.mean for entries in chosen for entry in entries)

    def table(self) -> str:
        """A table for people: a row for each difficulty, and one for all."""
        lines = [f"prompt: {self.prompt}", f"{'difficulty':<12}{'clips':>7}{'objects':>9}{'J':>9}{'F':>9}{'J&F':>9}"]
        rows = [(name, entries, self.mean(name)) for name, entries in self.objects.items()]
        everything = tuple(entry for entries in self.objects.values() for entry in entries)
        for name, entries, found in [*rows, ("overall", everything, self.mean())]:
            clips = len({entry.clip for entry in entries})
            lines.append(f"{name:<12}{clips:>7}{len(entries):>9}{found.j:>9.4f}{found.f:>9.4f}{found.jf:>9.4f}")
        return "\n".join(lines)

    def to_json(self) -> dict[str, Any]:
        """All figures as numbers, words, lists and dictionaries."""
        parts = {name: _figures(self.mean(name), entries) for name, entries in self.objects.items()}
        everything = [entry for entries in self.objects.values() for entry in entries]
        overall = {name: value for name, value in _figures(self.mean(), everything).items() if name != "scores"}
        return {"prompt": self.prompt, "overall": overall, "difficulties": parts}


def _figures(found: Score, entries: Iterable[ObjectScore]) -> dict[str, Any]:
    listed = list(entries)
    scores = [{"clip": entry.clip, "object": entry.name, "J": entry.mean.j, "F": entry.mean.f} for entry in listed]
    clips = len({entry.clip for entry in listed})
    return {"clips": clips, "objects": len(listed), "J": found.j, "F": found.f, "J&F": found.jf, "scores": scores}


def held_out_clips(
    library: TextureLibrary, count: int = CLIPS, frames: int = FRAMES
) -> Iterator[tuple[str, int, Clip]]:
    """The first ``count`` clips of the set, made one at a time: difficulty, seed and clip."""
    for difficulty, seed in held_out_set(count):
        yield difficulty, seed, generate_clip(seed, size=SIDE, frames=frames, difficulty=difficulty, library=library)


def score_clip(segmenter: Segmenter, name: str, clip: Clip, prompt: PromptKind) -> list[ObjectScore]:
    """Scores of a clip's objects, each prompted on the first frame; by DAVIS's convention neither end counts."""
    objects = range(1, clip.objects + 1)
    prompts = {str(number): {0: first_prompt(clip.labels[0] == number, prompt)} for number in objects}
    scores: dict[int, dict[int, Score]] = {number: {} for number in objects}
    for frame, masks in segmenter(ArraySource(clip.frames), prompts):
        if 0 < frame < len(clip.frames) - 1:
            for number in objects:
                truth = clip.labels[frame] == number
                scores[number][frame] = score(masks.get(str(number), truth & False), truth)
    return [ObjectScore(name, str(number), scores[number]) for number in objects]


def evaluate_held_out(
    segmenter: Segmenter,
    library: TextureLibrary,
    prompt: PromptKind = "mask",
    count: int = CLIPS,
    frames: int = FRAMES,
    *,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> HeldOutReport:
    """Measure a segmenter on the set, one clip in memory at a time.

    Args:
        segmenter: what is measured.
        library: the textures; figures made with different libraries cannot be compared.
        prompt: given for each object on its clip's first frame: ``mask``, ``click`` or ``box``.
        count: clips, from 1; frames: of each clip, from 3.
        progress: told the clips done and in all.

    Raises DatasetError for impossible counts.
    """
    if count < 1 or frames < 3:
        raise DatasetError("The held-out set needs at least one clip, and three frames in each.")
    found: dict[str, list[ObjectScore]] = {name: [] for name in DIFFICULTIES}
    for done, (difficulty, seed, clip) in enumerate(held_out_clips(library, count, frames), start=1):
        found[difficulty] += score_clip(segmenter, str(seed), clip, prompt)
        progress(done, count)
    return HeldOutReport(prompt, {name: tuple(entries) for name, entries in found.items() if entries})


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of the module's own command line."""
    add = parser.add_argument
    add("--model", metavar="M", help="a model's name or a weights file (default: the best that is here)")
    add("--clips", type=int, default=CLIPS, metavar="N", help=f"clips of the set (default: {CLIPS})")
    add("--frames", type=int, default=FRAMES, metavar="N", help=f"frames of each clip (default: {FRAMES})")
    add("--prompt", choices=get_args(PromptKind), default="mask", help="on each first frame (default: mask)")
    add("--size", type=int, metavar="S", help="side of the square that the network sees (default: the model's own)")
    add("--preset", choices=("none", *PRESETS), default="default", help="recipe of the mattes (default: default)")
    add(
        "--crop",
        choices=get_args(Crop),
        default="auto",
        help="none: follow all objects on the whole plate (default: auto)",
    )
    add("--policy", choices=get_args(Policy), default="plain", help="what is remembered (default: plain)")
    add("--textures", type=Path, metavar="DIR", help="movies to cut textures from, as in training (default: none)")
    add("--device", default="auto", metavar="D", help="cpu, cuda, cuda:1, mps or auto (default: auto)")
    add("--json", type=Path, metavar="FILE", help="write all figures")
    add("--quiet", "-q", action="store_true", help="print results and errors alone, no progress")


def run(args: argparse.Namespace) -> int:
    """Measure, print the table, and write the figures where that was asked for."""
    with ProgressBar(args.quiet, unit="clip") as progress:
        library = TextureLibrary.build(args.textures)
        model = load_model(args.model, args.device, args.size)
        report = evaluate_held_out(
            TrackerSegmenter(
                model,
                policy=find_policy(args.policy),
                recipe=None if args.preset == "none" else MatteRecipe.preset(args.preset),
                crop=args.crop == "auto",
            ),
            library,
            args.prompt,
            args.clips,
            args.frames,
            progress=lambda done, total: progress("held-out clips", done, total),
        )
    pictures = library.held_out.pictures
    config = model.config
    print(f"{config.name} at {config.image_size}, {args.clips} held-out clips with {pictures} pictures of real footage")
    print(f"preset: {args.preset}, crop: {args.crop}, policy: {args.policy}")
    print(report.table())
    if args.json:
        about = {"model": config.name, "image_size": config.image_size, "preset": args.preset, "crop": args.crop}
        about |= {"policy": args.policy, "frames": args.frames, "side": SIDE}
        write_json(args.json, {**about, "held_out_pictures": pictures, **report.to_json()})
    return 0


def main() -> int:
    """Run one command line and return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m sam2_roto.evaluation.held_out", description=__doc__)
    add_options(parser)
    try:
        return run(parser.parse_args())
    except CompositingError as error:
        print(f"held_out: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
