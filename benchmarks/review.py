"""Does review find the frames where a click helps, and does fusion help? On generated clips with known truth, in shots.

python benchmarks/review.py [--model nano] [--textures DIR] [--clips 20] [--frames 24] [--json FILE]
    Three corrective clicks, each on the frame that review suggests after the one before, against three on random
    frames (means and standard errors, and those of the difference by clip); and what is delivered between two
    keyframes, the first and the last frame that show the object, against the forward pass from the first of them, and
    against the published way, a forward pass that remembers both.
python benchmarks/review.py --survey [--every 3] --json FILE
    What one click on every third frame really adds, on clips of the training pool, and how rules of choice do by that.
python benchmarks/review.py --fit [--clips 60]
    Fit the weights of ``sam2_roto/tracking/review.py`` on clips of the training pool.

One object a clip. A click is what a person would do who sees the mask: at the heart of the larger error, and undone
where the mask of that frame is no better for it. Take ``nice`` and OMP_NUM_THREADS=1 on a machine that is shared.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from remembered import remember_encodings
from torch import Tensor
from tqdm import tqdm

from sam2_roto.evaluation.davis import Mask, region_similarity, score
from sam2_roto.evaluation.prompts import PromptKind, corrective_click, first_prompt
from sam2_roto.export.annotations import write_json
from sam2_roto.loading import load_model
from sam2_roto.mattes.alpha import mask_from_logits
from sam2_roto.model import SAM2
from sam2_roto.shot import Shot, TrackingSettings
from sam2_roto.shot.review import review
from sam2_roto.shot.session import Session
from sam2_roto.tracking import ArraySource, FramePrompt, ObjectFrame, Tracker
from sam2_roto.tracking.evidence import SIGNS, Evidence
from sam2_roto.tracking.review import confidence, expected_gains, suggest
from sam2_roto.training.clips import HELD_OUT_SEEDS, Clip, TextureLibrary, generate_clip, held_out_set

CLICKS = 3
NAME = "object"
Start = Mapping[int, FramePrompt]
Chooser = Callable[[list[Evidence], set[int]], int | None]
"""The frame to be clicked on, by what is seen; those where a click did not help are not offered again."""


class Conversation:
    """A shot of one clip and one object: marked, tracked, looked at, corrected."""

    def __init__(self, model: SAM2, options: argparse.Namespace, clip: Clip, start: Start) -> None:
        self.truth = clip.mask(1)
        self._stack = ExitStack()
        folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory()))
        for frame, view in enumerate(clip.frames):
            cv2.imwrite(str(folder / f"plate.{frame:04d}.png"), view[..., ::-1])
        settings = TrackingSettings(model=options.model, image_size=options.size)
        plates = folder / "plate.0000.png"
        self.shot = self._stack.enter_context(Shot.new(folder / "shot", plates, settings=settings))
        self.session = self._stack.enter_context(Session(self.shot, model=model))
        self.shot.set_cuts(())
        for frame, prompt in start.items():
            self._say(frame, prompt)
        self.session.track()

    def __enter__(self) -> Conversation:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _say(self, frame: int, prompt: FramePrompt) -> None:
        if prompt.mask is not None:
            self.session.mask(NAME, frame, prompt.mask)
        elif prompt.box is not None:
            self.session.box(NAME, frame, prompt.box)
        else:
            self.session.click(NAME, frame, prompt.points)

    def click(self, frame: int) -> bool:
        """One corrective click on a frame, and tracking again; undone where the frame's mask is no better for it."""
        before = self.mask(frame)
        prompt = corrective_click(before, self.truth[frame])
        if prompt is None:
            return False
        after = drawn(self.session.click(NAME, frame, prompt.points), self.truth.shape[1:])
        if score(after, self.truth[frame]).jf > score(before, self.truth[frame]).jf:
            self.session.track()
            return True
        self.undo()
        return False

    def undo(self) -> None:
        """Take the last click back; what was tracked for it is kept, and not looked at."""
        self.shot.undo()
        self.session.results.update(self.shot.document)

    def mask(self, frame: int) -> Mask:
        """The mask at the plate's size."""
        found = self.session.results.read(NAME, frame)
        assert found is not None
        return drawn(found, self.truth.shape[1:])

    def jf(self) -> float:
        """Mean J&F over the clip."""
        return mean_jf([self.mask(frame) for frame in range(len(self.truth))], self.truth)

    def evidence(self) -> list[Evidence]:
        """What review sees."""
        return list(review(self.session.results, self.session.footage).evidence[NAME])

    def forward(self) -> list[Mask]:
        """The masks of the forward passes alone; keyframes are as they were answered."""
        results, entry = self.session.results, self.shot.object(NAME)
        masks = []
        for frame in range(len(self.truth)):
            place = results.place(entry, frame)
            ahead = None if place.exact else results.passes(entry, place, frame)[0]
            seen = results.sight(NAME, frame) if ahead is None else ahead
            assert seen is not None
            masks.append(drawn(seen.on_plate(results.plate), self.truth.shape[1:]))
        return masks


def drawn(result: ObjectFrame, size: Sequence[int]) -> Mask:
    """The mask of a result, at the plate's size."""
    mask: Mask = mask_from_logits(result.logits, (size[0], size[1])).numpy()
    return mask


def mean_jf(masks: Sequence[Mask], truth: NDArray[np.bool_]) -> float:
    """Mean J&F."""
    return float(np.mean([score(mask, true).jf for mask, true in zip(masks, truth, strict=True)]))


def published(model: SAM2, clip: Clip, start: Start) -> float:
    """J&F of one forward pass that remembers all of the prompts."""
    tracker = Tracker(model, ArraySource(clip.frames))
    for frame, prompt in start.items():
        tracker.prompt(NAME, frame, prompt)
    truth = clip.mask(1)
    return mean_jf([drawn(found.objects[NAME], truth.shape[1:]) for found in tracker.propagate(0)], truth)


def made(library: TextureLibrary, options: argparse.Namespace) -> Iterator[tuple[int, Clip]]:
    """Seeds and clips: held out, or of the training pool where something is fitted."""
    for difficulty, seed in held_out_set(options.clips):
        chosen = seed + (7_000_000 + HELD_OUT_SEEDS.stop if options.fit or options.survey else 0)
        clip = generate_clip(chosen, size=options.side, frames=options.frames, difficulty=difficulty, library=library)
        yield seed, clip


def two_keyframes(clip: Clip, kind: PromptKind) -> dict[int, FramePrompt]:
    """Prompts on the first and the last frame that show object 1."""
    last = int(np.flatnonzero(clip.present[0])[-1])
    return {frame: first_prompt(clip.labels[frame] == 1, kind) for frame in (0, last)}


def at_random(seed: int) -> Chooser:
    """Frames drawn from those that are not prompted yet."""
    rng = np.random.default_rng(seed)

    def choose(found: list[Evidence], seen: set[int]) -> int | None:
        free = [evidence.frame for evidence in found if not evidence.prompted and evidence.frame not in seen]
        return int(rng.choice(free)) if free else None

    return choose


def by_review(found: list[Evidence], seen: set[int]) -> int | None:
    """The frame where review expects most of a click."""
    return suggest(found, seen)


def corrected(talk: Conversation, choose: Chooser) -> list[float]:
    """J&F before, and after each of the clicks, which are taken back; a frame is looked at once."""
    scores = [talk.jf()]
    seen: set[int] = set()
    kept = 0
    for _ in range(CLICKS):
        frame = choose(talk.evidence(), seen)
        if frame is not None:
            helped = talk.click(frame)
            kept += helped
            seen |= set() if helped else {frame}
        scores.append(talk.jf())
    for _ in range(kept):
        talk.undo()
    return scores


def compare(options: argparse.Namespace) -> dict[str, list[list[float]]]:
    """Scores of every clip, by what chose the frames, and of what is fused."""
    model = load_model(options.model, image_size=options.size)
    encodings = remember_encodings(model)
    found: dict[str, list[list[float]]] = {"review": [], "random": [], "fusion": []}
    library = TextureLibrary.build(options.textures)
    for seed, clip in tqdm(made(library, options), total=options.clips, unit="clip"):
        with Conversation(model, options, clip, {0: first_prompt(clip.labels[0] == 1, options.prompt)}) as talk:
            draws = [corrected(talk, at_random(10 * seed + draw)) for draw in range(options.draws)]
            found["random"].append([float(value) for value in np.mean(draws, axis=0)])
            found["review"].append(corrected(talk, by_review))
        start = two_keyframes(clip, options.prompt)
        with Conversation(model, options, clip, start) as both:
            forward = mean_jf(both.forward(), both.truth)
            found["fusion"].append([forward, published(model, clip, start), both.jf()])
        encodings.clear()
        if options.json:
            names = ("model", "size", "side", "clips", "frames", "prompt", "draws")
            write_json(options.json, {**{name: getattr(options, name) for name in names}, **found})
    return found


def told(found: Mapping[str, Sequence[Sequence[float]]]) -> str:
    """Means with standard errors over clips."""
    lines = [f"{'J&F':<28}{'before':>16}" + "".join(f"{f'click {n}':>16}" for n in range(1, CLICKS + 1))]
    review, random, fusion = (np.array(found[name]) for name in ("review", "random", "fusion"))
    for name, values in (("frames chosen by review", review), ("frames at random", random)):
        lines.append(f"{name:<28}" + "".join(f"{figure(column):>16}" for column in values.T))
    lines.append(f"{'review less random, by clip':<28}" + "".join(f"{figure(c):>16}" for c in (review - random).T))
    forward, both, fused = fusion.T
    lines.append(f"two keyframes: forward {figure(forward)}, as published {figure(both)}, fused {figure(fused)}")
    lines.append(f"fused less forward {figure(fused - forward)}, less published {figure(fused - both)}")
    return "\n".join(lines)


def figure(values: NDArray[np.float64]) -> str:
    """A mean and its standard error."""
    error = values.std(ddof=1) / np.sqrt(len(values)) if len(values) > 1 else 0.0
    return f"{values.mean():.4f} ±{error:.4f}"


def survey(options: argparse.Namespace) -> None:
    """What one click on each of several frames adds to J&F, with what review sees; after one click or two as well."""
    model = load_model(options.model, image_size=options.size)
    encodings = remember_encodings(model)
    library = TextureLibrary.build(options.textures)
    rows = []
    for seed, clip in tqdm(made(library, options), total=options.clips, unit="clip"):
        with Conversation(model, options, clip, {0: first_prompt(clip.labels[0] == 1, options.prompt)}) as talk:
            for _ in range(2):
                rows.append({"seed": seed, **surveyed(talk, options.every)})
                if options.json:
                    write_json(options.json, {"fields": Evidence._fields, "rows": rows})
                free = [evidence.frame for evidence in talk.evidence() if not evidence.prompted]
                talk.click(int(np.random.default_rng(seed).choice(free)))
        encodings.clear()
    for name, rule in RULES.items():
        print(f"{name:<16} {figure(np.array([chosen(row, rule) for row in rows]))}")


def surveyed(talk: Conversation, every: int) -> dict[str, object]:
    """What review sees of a clip, the true J of every frame, and what a click on some of the frames adds to J&F."""
    found, base = talk.evidence(), talk.jf()
    truths = [region_similarity(talk.mask(frame), true) for frame, true in enumerate(talk.truth)]
    gains = {}
    for evidence in found[every // 2 :: every]:
        if not evidence.prompted:
            if talk.click(evidence.frame):
                gains[evidence.frame] = talk.jf() - base
                talk.undo()
            else:
                gains[evidence.frame] = 0.0
    return {"evidence": [list(evidence) for evidence in found], "truths": truths, "gains": gains}


def chosen(row: Mapping[str, object], rule: Callable[[list[Evidence]], Sequence[float]]) -> float:
    """What the frame adds that a rule takes of those that were tried."""
    found, gains = [Evidence(*values) for values in row["evidence"]], row["gains"]  # type: ignore[attr-defined]
    assert isinstance(gains, dict)
    values = dict(zip((evidence.frame for evidence in found), rule(found), strict=True))
    return float(gains[max(gains, key=lambda frame: values[int(frame)])])


RULES: dict[str, Callable[[list[Evidence]], Sequence[float]]] = {
    "review": expected_gains,
    "worst": lambda found: [-confidence(evidence) for evidence in found],
    "first": lambda found: [-evidence.frame for evidence in found],
}
"""How much each frame is worth, by several rules."""


def fit(options: argparse.Namespace) -> None:
    """Print weights of a logistic model from evidence to J, and how well it orders frames."""
    model = load_model(options.model, image_size=options.size)
    encodings = remember_encodings(model)
    library = TextureLibrary.build(options.textures)
    rows: list[list[float]] = []
    truths: list[float] = []
    for _, clip in tqdm(made(library, options), total=options.clips, unit="clip"):
        first = {0: first_prompt(clip.labels[0] == 1, options.prompt)}
        for start in (first, two_keyframes(clip, options.prompt)):
            with Conversation(model, options, clip, start) as talk:
                for evidence in talk.evidence():
                    if not evidence.prompted:
                        rows.append([getattr(evidence, name) for name in SIGNS])
                        truths.append(region_similarity(talk.mask(evidence.frame), talk.truth[evidence.frame]))
        encodings.clear()
    if options.json:
        write_json(options.json, {"signs": list(SIGNS), "rows": rows, "truths": truths})
    weights, bias = logistic(torch.tensor(rows, dtype=torch.float32), torch.tensor(truths, dtype=torch.float32))
    print({name: round(value, 2) for name, value in zip(SIGNS, weights, strict=True)}, round(bias, 2))


def logistic(rows: Tensor, truths: Tensor) -> tuple[list[float], float]:
    """Weights, none above zero, and bias of the logistic model that fits best, by cross-entropy."""
    weights = torch.full((rows.shape[1],), -0.1, requires_grad=True)
    bias = torch.zeros(1, requires_grad=True)
    optimiser = torch.optim.Adam([weights, bias], lr=0.05)
    for _ in range(2000):
        optimiser.zero_grad()
        value = rows @ weights.clamp(max=0) + bias
        loss = torch.nn.functional.binary_cross_entropy_with_logits(value, truths) + 1e-4 * weights.square().sum()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    return weights.detach().clamp(max=0).tolist(), float(bias.detach())


def main() -> None:
    """Measure or fit, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="nano")
    parser.add_argument("--textures", type=Path, help="movies to cut textures from, as in training")
    parser.add_argument("--clips", type=int, default=20)
    parser.add_argument("--frames", type=int, default=24)
    parser.add_argument("--prompt", choices=("mask", "click", "box"), default="mask")
    parser.add_argument("--draws", type=int, default=2, help="sequences of random frames for each clip")
    parser.add_argument("--side", type=int, default=384, help="side of the clips' pictures")
    parser.add_argument("--size", type=int, help="side of the square that the network sees; the model's own by default")
    parser.add_argument("--fit", action="store_true")
    parser.add_argument("--survey", action="store_true")
    parser.add_argument("--every", type=int, default=3, help="frames from one click of a survey to the next")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if options.fit:
        fit(options)
    elif options.survey:
        survey(options)
    else:
        print(told(compare(options)))


if __name__ == "__main__":
    main()
