"""One run of all stages, from the command's options to the figures."""

from __future__ import annotations

import argparse
import platform
from pathlib import Path
from typing import Any

import torch

from sam2_roto.benchmarking.measure import Stage, peak_memory, take_turns
from sam2_roto.benchmarking.network import click_stages, model_stages, tracking_stage
from sam2_roto.benchmarking.pixels import Clip, job_stage, pixel_stages, round_logits
from sam2_roto.benchmarking.plot import plot
from sam2_roto.demo import CLICK, demo_clip
from sam2_roto.export.files import make_folder
from sam2_roto.job import Progress
from sam2_roto.loading import build_model, choose_device, load_model
from sam2_roto.model import SAM2
from sam2_roto.precision import choose_precision, set_precision


def measure(args: argparse.Namespace, folder: Path, progress: Progress) -> dict[str, Any]:
    """Time all stages as the options of ``sam2-roto benchmark`` ask; files go to ``folder``."""
    model = _model(args)
    device = model.no_obj_ptr.device
    clip = Clip(args.footage or demo_clip(), args.frames, round_logits(model.config.logit_size))
    views = clip.views()
    tracking = [tracking_stage(model, views, count, args.frames, args.rounds) for count in args.objects]
    stages = [*model_stages(model), *tracking, *click_stages(model, views), *pixel_stages(clip, folder)]
    if not args.random:
        stages.append(_job(args, clip, folder, model, views.shape[2], views.shape[1]))
    take_turns(stages, args.rounds, device, progress)
    if args.plot:
        make_folder(args.plot.parent)
        points = [
            (float(count), 1e3 * min(stage.seconds) / stage.units)
            for count, stage in zip(args.objects, tracking, strict=True)
        ]
        plot(
            args.plot,
            f"{model.config.name} at {model.config.image_size}",
            "objects",
            "ms a frame",
            {"tracking": points},
        )
    return {
        "model": model.config.name,
        "image_size": model.config.image_size,
        "precision": str(choose_precision(args.precision, device)).removeprefix("torch."),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else platform.processor() or device.type,
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "plate": [views.shape[2], views.shape[1]],
        "stages": [stage.to_json() for stage in stages],
        "peak": peak_memory(device),
    }


def _model(args: argparse.Namespace) -> SAM2:
    if not args.random:
        return load_model(args.model, args.device, args.image_size, precision=args.precision)
    device = choose_device(args.device)
    model = build_model(args.random, args.image_size).eval().requires_grad_(False).to(device)
    return set_precision(model, choose_precision(args.precision, device))


def _job(args: argparse.Namespace, clip: Clip, folder: Path, model: SAM2, width: int, height: int) -> Stage:
    click = (width / 2, height / 2) if args.footage else CLICK
    return job_stage(
        clip,
        folder,
        click,
        model=args.model,
        image_size=model.config.image_size,
        device=args.device,
        precision=args.precision,
    )
