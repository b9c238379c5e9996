"""Seconds per frame of tracking, ours against the published implementation, frame by frame in turns.

    python benchmarks/reference.py --reference-python ~/sam2/bin/python --json reference.json
    python benchmarks/reference.py --reference-python ~/sam2/bin/python --device cuda \\
        --models sam2.1_hiera_tiny sam2.1_hiera_small sam2.1_hiera_base_plus sam2.1_hiera_large --objects 1 8 \\
        --precisions bfloat16 --reference-precision bfloat16 --vos-optimized --frames 40

--reference-python names a Python that can import the registry's ``sam2`` package. Both sides get the same weights
(seeded where ../shared/reference holds the recipe, random elsewhere), the same JPEG frames, the same mask prompts, and
give masks at plate size. Frame 1 is tracked, and stands for all frames up to the first that is timed, so that both
banks of memories are full. Ratios are the reference's seconds by ours; processor time is the steadier one on a machine
that others use.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from nano_speed import HEIGHT, WIDTH, device_name, disc, moving_plates
from PIL import Image
from torch.nn import functional as F

from sam2_roto.export.annotations import write_json
from sam2_roto.loading import build_model
from sam2_roto.model import SAM2
from sam2_roto.precision import choose_precision, set_precision
from sam2_roto.tracking import FramePrompt, Tracker
from sam2_roto.tracking.source import ArraySource

WARM = 16
"""The first timed frame; all memories and pointers are full by then."""

Seconds = tuple[float, float]
"""Wall time and processor time."""


class Reference:
    """The child process that runs the published implementation."""

    def __init__(self, python: Path, job: dict[str, Any]) -> None:
        script = Path(__file__).with_name("reference_child.py")
        self._process = subprocess.Popen(
            [python, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        self._ask(json.dumps(job))

    def _ask(self, line: str) -> str:
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            raise RuntimeError("the reference has no pipes")
        stdin.write(line + "\n")
        stdin.flush()
        answer = stdout.readline()
        if not answer:
            raise SystemExit("the reference ended early; run reference_child.py by hand to see why")
        return answer

    def step(self) -> Seconds:
        """Track one frame."""
        wall, busy = json.loads(self._ask("step"))
        return wall, busy

    def close(self) -> None:
        """End the process."""
        self._process.communicate()


class Ours:
    """Our tracker, stepped the same way."""

    def __init__(
        self, model: SAM2, frames: np.ndarray[Any, Any], masks: Sequence[np.ndarray[Any, Any]], replayed: bool
    ) -> None:
        self._device = model.no_obj_ptr.device
        tracker = Tracker(model, ArraySource(frames), replayed=replayed)
        for number, mask in enumerate(masks):
            tracker.prompt(str(number), 0, FramePrompt(mask=mask))
        for _ in tracker.propagate(0, 1):
            pass
        with torch.inference_mode():
            for entry in tracker.objects.values():
                for frame in range(2, WARM):
                    entry.memory.push(frame, entry.memory[1])
        self._track = tracker.propagate(WARM)
        self.masks = torch.empty(0)

    def step(self) -> Seconds:
        """Track one frame, to masks at plate size."""
        wall, busy = time.perf_counter(), time.process_time()
        result = next(self._track)
        logits = torch.stack([item.logits for item in result.objects.values()])[:, None]
        self.masks = F.interpolate(logits, size=(HEIGHT, WIDTH), mode="bilinear", align_corners=False)[:, 0] > 0
        if self._device.type == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter() - wall, time.process_time() - busy


def weights(model: SAM2, recipe: Path) -> dict[str, torch.Tensor]:
    """Seeded weights where the recipe is there, else those that the model was built with."""
    state: dict[str, torch.Tensor] = model.state_dict()
    if not recipe.is_file():
        return state
    spec = importlib.util.spec_from_file_location("seeded_weights", recipe)
    if spec is None or spec.loader is None:
        raise SystemExit(f"{recipe} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    seeded: dict[str, torch.Tensor] = module.seeded_state_dict({name: tuple(x.shape) for name, x in state.items()})
    return seeded


def agreement(ours: np.ndarray[Any, Any], theirs: np.ndarray[Any, Any]) -> float:
    """Mean IoU of two stacks of masks."""
    both, either = (ours & theirs).sum(axis=(1, 2)), (ours | theirs).sum(axis=(1, 2))
    return float(np.mean(np.where(either > 0, both / np.maximum(either, 1), 1.0)))


def compare(name: str, objects: int, folder: Path, args: argparse.Namespace) -> dict[str, Any]:
    """One cell of the table: both sides on the same frames, in turns."""
    plates = moving_plates(WARM + args.frames)
    (folder / "frames").mkdir()
    for number, plate in enumerate(plates):
        Image.fromarray(plate).save(folder / "frames" / f"{number:05d}.jpg", quality=95)
    decoded = np.stack([np.asarray(Image.open(path)) for path in sorted((folder / "frames").iterdir())])
    masks = [disc(number) for number in range(objects)]
    np.save(folder / "masks.npy", np.stack(masks))
    model = build_model(name, args.size)
    state = weights(model, args.seeded_weights)
    torch.save({"model": state}, folder / "weights.pt")
    reference = Reference(args.reference_python, _job(model, folder, args))
    sides: dict[str, Reference | Ours] = {"reference": reference}
    for precision in args.precisions:
        model = build_model(name, args.size).eval().requires_grad_(False)
        model.load_state_dict(state)
        dtype = choose_precision(precision, torch.device(args.device))
        sides[precision] = Ours(set_precision(model.to(args.device), dtype), decoded, masks, args.replayed)
    found: dict[str, list[Seconds]] = {side: [] for side in sides}
    cell: dict[str, Any] = {"model": name, "objects": objects}
    for number in range(args.frames):
        for side, runner in sides.items():
            found[side].append(runner.step())
            if number == 0 and isinstance(runner, Ours):
                cell[f"{side}_iou"] = agreement(runner.masks.cpu().numpy(), np.load(folder / "answer.npy"))
    reference.close()
    return cell | dict(_figures(found))


def _job(model: SAM2, folder: Path, args: argparse.Namespace) -> dict[str, Any]:
    return {
        "model": model.config.name,
        "image_size": model.config.image_size,
        "weights": str(folder / "weights.pt"),
        "frames": str(folder / "frames"),
        "masks": str(folder / "masks.npy"),
        "answer": str(folder / "answer.npy"),
        "device": args.device,
        "precision": args.reference_precision,
        "vos_optimized": args.vos_optimized,
        "threads": args.threads,
        "warm": WARM,
    }


def _figures(found: dict[str, list[Seconds]]) -> Iterator[tuple[str, Any]]:
    """Medians, spread and ratios of each side."""
    for kind, index in (("wall", 0), ("processor", 1)):
        theirs = [seconds[index] for seconds in found["reference"]]
        for side, all_seconds in found.items():
            seconds = [pair[index] for pair in all_seconds]
            yield f"{side}_{kind}_s", {"median": median(seconds), "least": min(seconds), "most": max(seconds)}
            if side != "reference":
                yield f"{side}_{kind}_ratio", median(theirs) / median(seconds)


def row(cell: dict[str, Any], precisions: Sequence[str]) -> str:
    """A line of the table."""
    text = f"{cell['model']:24} {cell['objects']:2}  reference {cell['reference_processor_s']['median']:7.2f} s"
    for precision in precisions:
        seconds, ratio = cell[f"{precision}_processor_s"]["median"], cell[f"{precision}_processor_ratio"]
        wall, iou = cell[f"{precision}_wall_ratio"], cell[f"{precision}_iou"]
        text += f"  {precision} {seconds:6.2f} s, {ratio:.2f}x ({wall:.2f}x wall, IoU {iou:.4f})"
    return text


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--reference-python", type=Path, required=True, help="a Python that has the registry's sam2 package")
    add("--models", nargs="+", default=["sam2.1_hiera_tiny", "sam2.1_hiera_base_plus"])
    add("--objects", nargs="+", type=int, default=[1, 4])
    add("--size", type=int, help="side of the square that the network sees (default: 1024)")
    add("--precisions", nargs="+", default=["float32", "bfloat16"], help="ours")
    add("--reference-precision", default="float32", choices=("float32", "bfloat16"))
    add("--vos-optimized", action="store_true", help="the reference compiled as a whole")
    add("--replayed", action="store_true", help="on CUDA, run our steady state as a graph")
    add("--device", default="cpu")
    add("--threads", type=int, help="processor threads of both sides (default: all)")
    add("--frames", type=int, default=3, help="timed frames of each side (default: 3)")
    shared = Path(os.environ.get("SAM2_ROTO_SHARED", Path(__file__).parents[2] / "shared"))
    add("--seeded-weights", type=Path, default=shared / "reference" / "seeded_weights.py")
    add("--json", type=Path, metavar="FILE", help="write the figures here")
    return parser.parse_args()


def main() -> None:
    """Compare every model with every number of objects."""
    args = parse()
    if args.threads:
        torch.set_num_threads(args.threads)
    cells = []
    for name in args.models:
        for objects in args.objects:
            with tempfile.TemporaryDirectory() as folder:
                cells.append(compare(name, objects, Path(folder), args))
            print(row(cells[-1], args.precisions), flush=True)
            model = build_model(args.models[0]).to(args.device)
            about = {"device": device_name(model), "threads": torch.get_num_threads(), "torch": torch.__version__}
            if args.json:
                write_json(args.json, {**about, "plate": [WIDTH, HEIGHT], "cells": cells})


if __name__ == "__main__":
    main()
