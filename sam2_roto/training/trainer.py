"""The training run: batches in, weights, checkpoints, logs and pictures out."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from types import FrameType

import torch
from tqdm import tqdm

from sam2_roto.checkpoints.load import load_weights, read_state
from sam2_roto.model import SAM2, build_model
from sam2_roto.training.checkpoint import State, export_weights, load_state, restore, save_state
from sam2_roto.training.config import Recipe, Stage
from sam2_roto.training.data import Batch, ClipSource, batches
from sam2_roto.training.distil import Distillation
from sam2_roto.training.journal import Journal
from sam2_roto.training.matching import matching_pairs, start_matching
from sam2_roto.training.optimiser import MovingAverage, make_optimiser, rate_at
from sam2_roto.training.parts import freeze
from sam2_roto.training.preview import save_strips
from sam2_roto.training.step import StepReport, step_generator, train_step
from sam2_roto.training.validate import held_out_batches, validate

CHECKPOINT = "checkpoint.pt"
LOG = "log.csv"
COLUMNS = ("stage", "rate", *StepReport.__dataclass_fields__, "data_s")
VALIDATION_COLUMNS = ("mask", "click", "box", "first_click", "first_box", "seconds")


class Trainer:
    """A run of a recipe in a folder, from its start or from its last checkpoint."""

    def __init__(
        self, recipe: Recipe, source: ClipSource, folder: Path, device: torch.device, quiet: bool = False
    ) -> None:
        """Set up, resuming where the folder holds a checkpoint. Raises CheckpointError where that does not fit."""
        self.recipe, self.source, self.folder, self.device = recipe, source, folder, device
        self.quiet, self.stopping = quiet, False
        state = load_state(folder / CHECKPOINT) if (folder / CHECKPOINT).exists() else None
        self.step = state.step if state else 0
        self.distillation = Distillation(state.moments if state else None)
        self._build(recipe.stage_at(self.step).size, state)
        self.journal = Journal(folder / LOG, COLUMNS, self.step)
        self.scores = Journal(folder / "validation.csv", VALIDATION_COLUMNS, self.step)

    def run(self) -> bool:
        """Train to the recipe's end; gives false where a signal to stop came first. Either way a checkpoint is kept."""
        previous = {number: signal.signal(number, self._stop) for number in (signal.SIGTERM, signal.SIGINT)}
        stream = batches(self.recipe, self.source, self.step, pinned=self.device.type == "cuda")
        progress = tqdm(total=self.recipe.steps, initial=self.step, unit="step", mininterval=10.0, disable=self.quiet)
        try:
            while self.step < self.recipe.steps and not self.stopping:
                progress.set_postfix_str(self._advance(stream), refresh=False)
                progress.update()
        finally:
            progress.close()
            for number, handler in previous.items():
                signal.signal(number, handler)
        self.save(self.folder / CHECKPOINT)
        return not self.stopping

    def state(self) -> State:
        """Everything that a resumed run needs."""
        return State(
            self.step,
            self.recipe.digest(),
            self.model.state_dict(),
            self.average.weights,
            self.optimiser.state_dict(),
            self.distillation.moments,
        )

    def save(self, path: Path) -> None:
        """Write a checkpoint."""
        save_state(self.state(), path)

    def export(self, path: Path) -> None:
        """Write the averaged weights as safetensors, with where they come from as metadata.

        They are stored as float16, or with the precision of the weights that the run started from.
        """
        origin = {"recipe": self.recipe.digest(), "steps": str(self.step), "seed": str(self.recipe.seed)}
        start = read_state(Path(self.recipe.start)) if self.recipe.start else {}
        types = {name: value.dtype for name, value in start.items()}
        export_weights(self.average.weights, path, {"model": self.recipe.model, **origin}, types)

    def validate(self) -> None:
        """Measure the averaged weights on held-out clips, log it, and draw the strips."""
        began = time.perf_counter()
        size = self.recipe.stage_at(self.step).size
        model = build_model(self.recipe.model, size).to(self.device)
        model.load_state_dict(self.average.weights)
        result = validate(model, held_out_batches(self.recipe, self.source, size), self.recipe)
        self.scores.write(self.step, {**result.region, "seconds": time.perf_counter() - began})
        save_strips(result.strips, self.folder / "pictures" / f"{self.step:07d}.jpg")

    def _build(self, size: int, state: State | None) -> None:
        """Make the network for pictures of ``size``, with the weights and optimiser of ``state``, or as runs start."""
        recipe = self.recipe
        torch.manual_seed(recipe.seed)
        self.model: SAM2 = build_model(recipe.model, size)
        if recipe.start and not state:
            load_weights(self.model, Path(recipe.start), recipe.model)
        freeze(self.model.to(self.device), recipe.frozen, recipe.frozen_blocks)
        self.model.to(memory_format=torch.channels_last).train()  # type: ignore[call-overload]
        self.optimiser = make_optimiser(self.model, recipe.optimisation)
        if state:
            restore(state, self.model, self.optimiser, self.folder / CHECKPOINT)
        self.average = MovingAverage(self.model, recipe.optimisation.ema)
        if state:
            self.average.load(state.average)

    def _advance(self, stream: Iterator[Batch]) -> str:
        """One step and what is due after it; gives a short text for the progress bar."""
        stage = self.recipe.stage_at(self.step)
        self._enter(stage)
        began = time.perf_counter()
        batch = next(stream).to(self.device)
        waited = time.perf_counter() - began
        torch.manual_seed(step_generator(self.recipe.seed, self.step).initial_seed())
        report = train_step(self.model, self.optimiser, batch, self.recipe, self.step, self.distillation)
        self.average.update(self.model, self.step)
        self._note(report, waited)
        self.step += 1
        watching = self.recipe.watching
        if self.step % watching.validate == 0 or self.step == self.recipe.steps:
            self.validate()
        if self.step % watching.save == 0:
            self.save(self.folder / CHECKPOINT)
        if self.recipe.ends_stage(self.step) and self.step < self.recipe.steps:
            self.save(self.folder / f"after-{stage.name}.pt")
        return f"{stage.name} loss {report.loss / report.decodes:.3f}"

    def _enter(self, stage: Stage) -> None:
        """Make the network what a stage needs: size, what of it learns, and a memory that matches where it says so."""
        if stage.matching and self.recipe.begins_stage(self.step):
            model = build_model(self.recipe.model, stage.size)
            model.load_state_dict({name: value.cpu() for name, value in self.average.weights.items()})
            start_matching(model, *matching_pairs(self.source, stage, self.recipe.seed), self.recipe.seed)
            weights = model.state_dict()
            self._build(stage.size, State(self.step, self.recipe.digest(), weights, weights, {}))
        elif stage.size != self.model.config.image_size:
            self._build(stage.size, self.state())
        if self.recipe.lessons.folder:
            untaught = () if stage.lessons else ("trunk",)
            freeze(self.model, (*self.recipe.frozen, *untaught), self.recipe.frozen_blocks)

    def _note(self, report: StepReport, waited: float) -> None:
        if self.step % self.recipe.watching.log == 0:
            stage = self.recipe.stage_at(self.step)
            rate = rate_at(self.step, self.recipe.steps, self.recipe.optimisation) * stage.rate
            self.journal.write(self.step, {"stage": stage.name, "rate": rate, **asdict(report), "data_s": waited})

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        """On SIGTERM or Ctrl-C: finish the step, keep a checkpoint, end."""
        self.stopping = True
