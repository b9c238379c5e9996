"""Does review find the frames where a click helps, and does fusion help? On generated clips with known truth.

python benchmarks/review.py [--model nano] [--textures DIR] [--clips 20] [--frames 36] [--json FILE]
    Three corrective clicks, each on the frame that review suggests after the one before, against three on random
    frames; and fusion between two keyframes (the first and the last frame that show the object) against the forward
    pass alone, from the same keyframes.
python benchmarks/review.py --fit [--clips 60]
    Fit the weights of ``sam2_roto/tracking/review.py`` on clips of the training pool.

One object a clip. A click is what a person would do who sees the mask: at the heart of the larger error, and undone
where the mask of that frame is no better for it.
"""

from __future__ import annotations

import argparse
import copy
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
import torch
from remembered import remember_encodings
from torch import Tensor
from tqdm import tqdm

from sam2_roto.evaluation.davis import Mask, region_similarity, score
from sam2_roto.evaluation.prompts import PromptKind, corrective_click, first_prompt
from sam2_roto.export.annotations import write_json
from sam2_roto.loading import load_model
from sam2_roto.mattes.alpha import mask_from_logits
from sam2_roto.model import SAM2
from sam2_roto.tracking import ArraySource, FramePrompt, ObjectFrame, Tracker
from sam2_roto.tracking.fusion import disagreement, fuse_frames
from sam2_roto.tracking.review import SIGNS, Evidence, gather, suggest
from sam2_roto.training.clips import DIFFICULTIES, HELD_OUT_SEEDS, Clip, TextureLibrary, generate_clip, held_out_set

CLICKS = 3
NAME = "object"
Results = dict[int, ObjectFrame]
Chooser = Callable[[list[Evidence]], int | None]


class Kept(dict[tuple[str, int], ObjectFrame]):
    """An archive in memory."""

    def write(self, name: str, frame: int, result: ObjectFrame) -> None:
        """Keep a result."""
        self[name, frame] = result

    def read(self, name: str, frame: int) -> ObjectFrame | None:
        """The kept result."""
        return self.get((name, frame))


class Session:
    """One object of a clip, its keyframes, and the two passes between them."""

    def __init__(self, model: SAM2, clip: Clip, number: int, start: Mapping[int, FramePrompt]) -> None:
        self.truth = clip.mask(number)
        self._archive = Kept()
        self._tracker = Tracker(model, ArraySource(clip.frames), archive=self._archive)
        for frame, prompt in start.items():
            self._tracker.prompt(NAME, frame, prompt)
        self.track()

    def copy(self, model: SAM2) -> Session:
        """The same state, to go on with separately; the network is shared."""
        return copy.deepcopy(self, {id(model): model})

    def track(self) -> None:
        """Both passes from the keyframes outward, fused between them."""
        answers = self._tracker.objects[NAME].answers
        first, last = min(answers), max(answers)
        frames = self._tracker.frames
        self.forward = self._pass(first, frames[-1], reverse=False)
        self.backward = self._pass(last, frames[0], reverse=True)
        self.fused: Results = {}
        for frame in frames:
            self.fused[frame] = self._fuse(frame, sorted(answers))
            self._archive.write(NAME, frame, self.fused[frame])

    def click(self, frame: int) -> None:
        """One corrective click on a frame, and tracking again; undone where the frame's mask is no better for it."""
        before = self.mask(frame)
        prompt = corrective_click(before, self.truth[frame])
        if prompt is None:
            return
        self._tracker.objects[NAME].recent[frame] = self.fused[frame]
        answer = self._tracker.prompt(NAME, frame, prompt)
        after = self.mask(frame, {frame: answer})
        if score(after, self.truth[frame]).jf > score(before, self.truth[frame]).jf:
            self.track()
        else:
            self._tracker.clear(NAME, frame)
            self._archive.write(NAME, frame, self.fused[frame])

    def mask(self, frame: int, results: Results | None = None) -> Mask:
        """The mask at the plate's size."""
        logits = (results or self.fused)[frame].logits
        mask: Mask = mask_from_logits(logits, self.truth.shape[1:]).numpy()
        return mask

    def jf(self, results: Results | None = None) -> float:
        """Mean J&F over the clip."""
        return float(np.mean([score(self.mask(t, results), truth).jf for t, truth in enumerate(self.truth)]))

    def evidence(self) -> list[Evidence]:
        """What review sees."""
        return gather((frame, result, self._disagreement(frame)) for frame, result in self.fused.items())

    def _pass(self, start: int, stop: int, reverse: bool) -> Results:
        return {result.frame: result.objects[NAME] for result in self._tracker.propagate(start, stop, reverse=reverse)}

    def _fuse(self, frame: int, keys: list[int]) -> ObjectFrame:
        if frame <= keys[0]:
            return self.backward[frame]
        if frame >= keys[-1]:
            return self.forward[frame]
        before = max(key for key in keys if key <= frame)
        after = min(key for key in keys if key > frame)
        return fuse_frames(self.forward[frame], self.backward[frame], (frame - before) / (after - before))

    def _disagreement(self, frame: int) -> float | None:
        if frame not in self.forward or frame not in self.backward:
            return None
        return disagreement(self.forward[frame].logits, self.backward[frame].logits)


def made(library: TextureLibrary, options: argparse.Namespace) -> Iterator[tuple[int, Clip]]:
    """Seeds and clips: held out, or of the training pool where weights are fitted."""
    for difficulty, seed in held_out_set(options.clips):
        chosen = seed + (7_000_000 + HELD_OUT_SEEDS.stop if options.fit else 0)
        clip = generate_clip(chosen, size=options.side, frames=options.frames, difficulty=difficulty, library=library)
        yield seed, clip


def two_keyframes(clip: Clip, kind: PromptKind) -> dict[int, FramePrompt]:
    """Prompts on the first and the last frame that show object 1."""
    last = int(np.flatnonzero(clip.present[0])[-1])
    return {frame: first_prompt(clip.labels[frame] == 1, kind) for frame in (0, last)}


def at_random(seed: int) -> Chooser:
    """Frames drawn from those that are not prompted yet."""
    rng = np.random.default_rng(seed)

    def choose(found: list[Evidence]) -> int | None:
        free = [evidence.frame for evidence in found if not evidence.prompted]
        return int(rng.choice(free)) if free else None

    return choose


def corrected(session: Session, choose: Chooser) -> list[float]:
    """J&F before, and after each of the clicks; a frame that was looked at once is not offered again."""
    scores = [session.jf()]
    seen: set[int] = set()
    for _ in range(CLICKS):
        found = [entry._replace(prompted=float(entry.prompted or entry.frame in seen)) for entry in session.evidence()]
        frame = choose(found)
        if frame is not None:
            seen.add(frame)
            session.click(frame)
        scores.append(session.jf())
    return scores


def compare(options: argparse.Namespace) -> dict[str, list[list[float]]]:
    """Scores of every clip, by what chose the frames, and of fusion."""
    model = load_model(options.model, image_size=options.size)
    encodings = remember_encodings(model)
    found: dict[str, list[list[float]]] = {"review": [], "random": [], "fusion": []}
    library = TextureLibrary.build(options.textures)
    for seed, clip in tqdm(made(library, options), total=options.clips, unit="clip"):
        first = {0: first_prompt(clip.labels[0] == 1, options.prompt)}
        start = Session(model, clip, 1, first)
        draws = [corrected(start.copy(model), at_random(10 * seed + draw)) for draw in range(options.draws)]
        found["review"].append(corrected(start, suggest))
        found["random"].append([float(value) for value in np.mean(draws, axis=0)])
        both = Session(model, clip, 1, two_keyframes(clip, options.prompt))
        found["fusion"].append([both.jf(both.forward), both.jf()])
        encodings.clear()
        if options.json:
            about = {
                name: getattr(options, name) for name in ("model", "size", "side", "clips", "frames", "prompt", "draws")
            }
            write_json(options.json, {**about, **found})
    return found


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
            session = Session(model, clip, 1, start)
            for evidence in session.evidence():
                if not evidence.prompted:
                    rows.append([getattr(evidence, name) for name in SIGNS])
                    truths.append(region_similarity(session.mask(evidence.frame), session.truth[evidence.frame]))
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
    parser.add_argument("--frames", type=int, default=36)
    parser.add_argument("--prompt", choices=("mask", "click", "box"), default="mask")
    parser.add_argument("--draws", type=int, default=2, help="sequences of random frames for each clip")
    parser.add_argument("--side", type=int, default=384, help="side of the clips' pictures")
    parser.add_argument("--size", type=int, help="side of the square that the network sees; the model's own by default")
    parser.add_argument("--fit", action="store_true")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if options.fit:
        fit(options)
        return
    found = compare(options)
    for name in ("review", "random"):
        figures = "  ".join(f"{value:.4f}" for value in np.mean(found[name], axis=0))
        print(f"{name:<8} J&F before and after each click: {figures}")
    forward, fused = np.mean(found["fusion"], axis=0)
    print(f"two keyframes: forward only {forward:.4f}, fused {fused:.4f}, {len(DIFFICULTIES)} difficulties")


if __name__ == "__main__":
    main()
