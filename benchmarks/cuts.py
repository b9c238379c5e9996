"""Precision and recall of cut detection on reels joined from real movies and from generated clips.

python benchmarks/cuts.py [--clips DIR] [--reels 8] [--seed 0] [--json FILE]

Takes are joined by hard cuts, dissolves and fades through black; inside them there are flashes, whips of the camera and
passing shadows, none of which is a cut. A hard cut is found where it is told to the frame, a dissolve where one cut is
told between its first and last frame (± 2). A second find of the same dissolve counts as false.
"""

from __future__ import annotations

import argparse
import itertools
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import av
import cv2
import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from sam2_roto.export.annotations import write_json
from sam2_roto.tracking.cuts import Cut, CutDetector
from sam2_roto.training.clips import DIFFICULTIES, TextureLibrary, generate_clip

Array = npt.NDArray[Any]
WIDTH, HEIGHT = 192, 108
TAKES = 10
SHORTEST, LONGEST = 60, 110
SLACK = 2


class Join(NamedTuple):
    """A true cut: its kind, and its first and last frame."""

    kind: str
    start: int
    stop: int


class Reel(NamedTuple):
    """Frames ``[T, HEIGHT, WIDTH, 3]`` and where they were joined."""

    frames: Array
    joins: list[Join]


def movie_takes(folder: Path, longest: int, after: int = 0) -> dict[str, Array]:
    """Frames of every movie of a folder and of its ``more`` folder, small; movies that end too soon are left out."""
    takes = {}
    movies = sorted([*folder.glob("*.mp4"), *folder.glob("more/*.mp4")])
    for movie in tqdm(movies, desc="decoding", unit="movie"):
        with av.open(str(movie)) as container:
            pictures = itertools.islice(container.decode(video=0), after, after + longest)
            frames = [_small(picture.to_ndarray(format="rgb24")) for picture in pictures]
        if len(frames) >= SHORTEST:
            takes[movie.stem] = np.stack(frames)
    return takes


def generated_takes(count: int, frames: int, first: int = 0) -> dict[str, Array]:
    """Takes from the generator of training clips, of procedural textures alone."""
    library = TextureLibrary.build(None)
    return {
        f"generated {seed}": np.stack(
            [
                _small(picture)
                for picture in generate_clip(
                    seed, size=128, frames=frames, difficulty=DIFFICULTIES[seed % 4], library=library
                ).frames
            ]
        )
        for seed in tqdm(range(first, first + count), desc="generating", unit="clip")
    }


def make_reel(takes: dict[str, Array], rng: np.random.Generator, count: int = TAKES) -> Reel:
    """Join ``count`` takes in random order by random joins, with disturbances inside."""
    names = [str(name) for name in rng.permutation(list(takes))[:count]]
    reel = disturbed(_piece(takes[names[0]], rng), rng)
    joins: list[Join] = []
    for name in names[1:]:
        piece = disturbed(_piece(takes[name], rng), rng)
        kind = str(rng.choice(["cut", "dissolve", "fade"], p=[0.55, 0.35, 0.1]))
        reel, join = _joined(reel, piece, kind, int(rng.integers(8, 31)))
        joins.append(join)
    return Reel(reel, joins)


def disturbed(take: Array, rng: np.random.Generator) -> Array:
    """A take with a flash, a whip of the camera or a passing shadow in its middle, or with none."""
    kind = str(rng.choice(["none", "flash", "whip", "shadow"], p=[0.25, 0.3, 0.3, 0.15]))
    middle = int(rng.integers(len(take) // 3, 2 * len(take) // 3))
    if kind == "flash":
        return _flash(take, middle, int(rng.integers(1, 3)), float(rng.uniform(60, 180)))
    if kind == "whip":
        return _whip(take, middle, int(rng.integers(5, 11)), float(rng.uniform(0.05, 0.15)) * rng.choice([-1, 1]))
    if kind == "shadow":
        return _shade(take, middle, float(rng.uniform(0.3, 0.6)))
    return take


def judge(joins: Sequence[Join], found: Sequence[Cut]) -> tuple[Counter[str], list[Cut], list[Join]]:
    """Counts of true joins and of hits by kind, and of finds; the false finds and the missed joins."""
    counts: Counter[str] = Counter(found=len(found))
    left = list(found)
    missed = []
    for join in joins:
        slack = 0 if join.kind == "cut" else SLACK
        hits = [cut for cut in left if join.start - slack <= cut.frame <= join.stop + slack]
        counts[join.kind] += 1
        counts[f"{join.kind} hit"] += bool(hits)
        if hits:
            left.remove(hits[0])
        else:
            missed.append(join)
    counts["hit"] = len(found) - len(left)
    return counts, left, missed


def detect(frames: Array) -> list[Cut]:
    """All cuts of a reel."""
    detector = CutDetector()
    found = [cut for frame, view in enumerate(frames) for cut in detector.push(frame, view)]
    return [*found, *detector.close()]


def reels(options: argparse.Namespace) -> Iterator[tuple[str, Reel]]:
    """Reels of real takes, of generated ones, and of both; each seed has generated takes of its own."""
    rng = np.random.default_rng(options.seed)
    real = movie_takes(options.clips, LONGEST) if options.clips else {}
    generated = generated_takes(2 * TAKES, 100, first=2 * TAKES * options.seed)
    for name, takes in {"real": real, "generated": generated, "mixed": {**real, **generated} if real else {}}.items():
        if takes:
            yield from ((f"{name} {number}", make_reel(takes, rng)) for number in range(options.reels))


def report(totals: dict[str, Counter[str]]) -> str:
    """A row for each kind of reel."""
    lines = [f"{'reels':<11}{'joins':>6}{'found':>7}{'precision':>11}{'recall':>8}   hard   dissolve   fade"]
    for name, counts in totals.items():
        true = sum(counts[kind] for kind in ("cut", "dissolve", "fade"))
        parts = [f"{counts[f'{kind} hit']}/{counts[kind]}" for kind in ("cut", "dissolve", "fade")]
        precision, recall = counts["hit"] / max(counts["found"], 1), counts["hit"] / max(true, 1)
        lines.append(f"{name:<11}{true:>6}{counts['found']:>7}{precision:>11.3f}{recall:>8.3f}   {'   '.join(parts)}")
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=Path, help="a folder of movies without cuts")
    parser.add_argument("--reels", type=int, default=8, help="of each kind")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--verbose", action="store_true", help="list what was missed and what is false")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    totals: dict[str, Counter[str]] = {}
    spent, frames = 0.0, 0
    for name, reel in reels(options):
        start = time.process_time()
        found = detect(reel.frames)
        spent, frames = spent + time.process_time() - start, frames + len(reel.frames)
        counts, false, missed = judge(reel.joins, found)
        for total in (name.split()[0], "all"):
            totals.setdefault(total, Counter()).update(counts)
        if options.verbose:
            print(name, "false:", [tuple(cut) for cut in false], "missed:", [tuple(join) for join in missed])
    print(report(totals))
    print(f"{1000 * spent / frames:.2f} ms of one core for each of {frames} frames, decoding and resizing not counted")
    if options.json:
        write_json(options.json, {name: dict(counts) for name, counts in totals.items()})


def _small(picture: Array) -> Array:
    return cv2.resize(picture, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)


def _piece(take: Array, rng: np.random.Generator) -> Array:
    length = int(rng.integers(min(SHORTEST, len(take)), min(90, len(take)) + 1))
    begin = int(rng.integers(0, len(take) - length + 1))
    return take[begin : begin + length]


def _joined(first: Array, second: Array, kind: str, length: int) -> tuple[Array, Join]:
    """Two takes one after the other; dissolves overlap them, fades pass through black."""
    at = len(first)
    if kind == "cut":
        return np.concatenate([first, second]), Join(kind, at, at)
    share = (np.arange(1, length + 1) / (length + 1))[:, None, None, None]
    if kind == "dissolve":
        mixed = (1 - share) * first[-length:] + share * second[:length]
        return np.concatenate([first[:-length], mixed.round().astype(np.uint8), second[length:]]), Join(
            kind, at - length, at
        )
    half = length // 2 + 1
    ramp = (np.arange(1, half + 1) / half)[:, None, None, None]
    out = ((1 - ramp) * first[-len(ramp) :]).astype(np.uint8)
    into = (ramp * second[: len(ramp)]).astype(np.uint8)
    return np.concatenate([first[: -len(ramp)], out, into, second[len(ramp) :]]), Join(
        kind, at - len(ramp), at + len(ramp)
    )


def _flash(take: Array, middle: int, length: int, light: float) -> Array:
    lit = take.copy()
    lit[middle : middle + length] = np.clip(take[middle : middle + length] + light, 0, 255).astype(np.uint8)
    return lit


def _whip(take: Array, middle: int, length: int, speed: float) -> Array:
    """The camera turns away over ``length`` frames to another part of a wider, mirrored picture, and stays there."""
    moved = take.copy()
    for index in range(middle, len(take)):
        steps = min(index - middle + 1, length)
        wide = np.concatenate([take[index], take[index][:, ::-1]], axis=1)
        shifted = np.roll(wide, -round(speed * WIDTH * steps), axis=1)[:, :WIDTH]
        moving = index < middle + length
        moved[index] = cv2.blur(shifted, (max(1, round(abs(speed) * WIDTH * 0.5)), 1)) if moving else shifted
    return moved


def _shade(take: Array, middle: int, depth: float) -> Array:
    """The light goes down and comes back within 20 frames."""
    away = np.abs(np.arange(len(take)) - middle) / 10
    light = 1 - depth * (1 - away).clip(0, 1)
    return (take * light[:, None, None, None]).astype(np.uint8)


if __name__ == "__main__":
    main()
