"""The published implementation, stepped one frame at a time over a pipe; ``reference.py`` runs it in its own Python.

Reads one JSON job from the first line of its input, answers ``ready`` when the memory is full, then tracks one frame
for each line it reads and answers with the seconds that it took. The registry's ``sam2`` package must be importable.
"""

from __future__ import annotations

import json
import sys
import time
from contextlib import nullcontext
from typing import Any

import numpy as np
import torch

CONFIGS = {"tiny": "t", "small": "s", "base_plus": "b+", "large": "l"}


def build(job: dict[str, Any]) -> Any:
    """The reference's video predictor, without hole filling."""
    from sam2.build_sam import build_sam2_video_predictor

    version, size = job["model"].split("_hiera_")
    config = f"configs/{version}/{version}_hiera_{CONFIGS[size]}.yaml"
    return build_sam2_video_predictor(
        config,
        job["weights"],
        device=job["device"],
        apply_postprocessing=False,
        vos_optimized=job["vos_optimized"],
        hydra_overrides_extra=[f"++model.image_size={job['image_size']}"],
    )


def fill(state: dict[str, Any], warm: int) -> None:
    """Let frames 2 to ``warm - 1`` be remembered as frame 1 was, so that the bank is full at once."""
    for outputs in state["output_dict_per_obj"].values():
        known = outputs["non_cond_frame_outputs"]
        for frame in range(2, warm):
            known[frame] = known[1]


def prepare(job: dict[str, Any]) -> Any:
    """Prompt, track one frame, fill the memory; gives the iterator over the frames to time."""
    predictor = build(job)
    state = predictor.init_state(job["frames"])
    masks = np.load(job["masks"])
    for number, mask in enumerate(masks):
        predictor.add_new_mask(state, frame_idx=0, obj_id=number, mask=torch.from_numpy(mask))
    for _ in predictor.propagate_in_video(state, start_frame_idx=0, max_frame_num_to_track=1):
        pass
    fill(state, job["warm"])
    return predictor.propagate_in_video(state, start_frame_idx=job["warm"])


def step(track: Any, device: str) -> tuple[float, float, torch.Tensor]:
    """One frame: seconds of wall time, of processor time, and its masks at plate size."""
    wall, busy = time.perf_counter(), time.process_time()
    _, _, masks = next(track)
    if device.startswith("cuda"):
        torch.cuda.synchronize()
    return time.perf_counter() - wall, time.process_time() - busy, masks


def main() -> None:
    job = json.loads(sys.stdin.readline())
    if job["threads"]:
        torch.set_num_threads(job["threads"])
    half = job["precision"] == "bfloat16"
    context = torch.autocast(job["device"].split(":")[0], dtype=torch.bfloat16) if half else nullcontext()
    with context, torch.inference_mode():
        track = prepare(job)
        print("ready", flush=True)
        for number, _ in enumerate(sys.stdin):
            wall, busy, masks = step(track, job["device"])
            if number == 0:
                np.save(job["answer"], (masks[:, 0] > 0).cpu().numpy())
            print(json.dumps([wall, busy]), flush=True)


if __name__ == "__main__":
    main()
