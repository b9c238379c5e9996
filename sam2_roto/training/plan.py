"""What a simulated person does in one training step: which prompts on which frames, and where corrections are made."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from sam2_roto.training.config import Prompting

MASK, CLICK, BOX = 0, 1, 2
KINDS = {"mask": MASK, "click": CLICK, "box": BOX}


@dataclass(frozen=True)
class Plan:
    """The prompts of one pass over a batch.

    Attributes:
        kinds: int64 [R], how each row's object is prompted: MASK, CLICK or BOX.
        prompted: frames that get a prompt before tracking; frame 0 is always among them.
        corrected: frames on which rows prompted by points get corrective clicks.
        corrections: clicks on each corrected frame.
        central_share: share of first clicks at the centre of the object.
        truth_share: share of corrective clicks drawn from the truth.
        true_presence_share: share of rows whose memory is gated by the true presence, not the predicted one.
        binarise: whether memories of prompted frames are made from hard masks, as in inference.
    """

    kinds: Tensor
    prompted: tuple[int, ...] = (0,)
    corrected: tuple[int, ...] = ()
    corrections: int = 0
    central_share: float = 1.0
    truth_share: float = 0.1
    true_presence_share: float = 0.0
    binarise: bool = True

    def without_clicks(self, rows: Tensor | None) -> Plan:
        """The same plan with boxes in place of the clicks on some rows, bool [R]."""
        if rows is None:
            return self
        return replace(self, kinds=torch.where(rows.cpu() & (self.kinds == CLICK), BOX, self.kinds))

    def order(self, frames: int) -> list[int]:
        """Frames in the order in which they are processed: prompted ones first, then the others in time."""
        return [*self.prompted, *(frame for frame in range(frames) if frame not in self.prompted)]


def _some_frames(first: tuple[int, ...], count: int, frames: int, generator: torch.Generator) -> tuple[int, ...]:
    """``first`` and further frames drawn at random up to ``count`` in all."""
    others = [frame for frame in torch.randperm(frames, generator=generator).tolist() if frame not in first]
    return (*first, *others[: max(count - len(first), 0)])


def draw_plan(rows: int, frames: int, settings: Prompting, generator: torch.Generator) -> Plan:
    """A random plan for ``rows`` objects over ``frames`` frames, from a generator on the CPU."""
    draw = torch.rand(rows, generator=generator)
    kinds = torch.full((rows,), BOX)
    kinds[draw < settings.mask_share + settings.click_share] = CLICK
    kinds[draw < settings.mask_share] = MASK

    def up_to(most: int) -> int:
        return int(torch.randint(1, min(most, frames) + 1, (1,), generator=generator))

    prompted = _some_frames((0,), up_to(settings.most_prompted), frames, generator)
    count = up_to(settings.most_corrected)
    corrected = _some_frames(prompted[:count], count, frames, generator)
    return Plan(
        kinds=kinds,
        prompted=prompted,
        corrected=corrected if settings.corrections else (),
        corrections=settings.corrections,
        central_share=settings.central_share,
        truth_share=settings.truth_share,
        true_presence_share=settings.true_presence_share,
        binarise=False,
    )
