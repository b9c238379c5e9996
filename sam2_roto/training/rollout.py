"""One pass of the network over a batch of clips, with prompts and corrections, and the loss of every mask it decodes.

All frames are encoded at once; then frame after frame the rows (objects) remember, decode, are corrected and are
remembered in turn. Nothing is detached in time, so that a mask's loss reaches the memories that led to it. Source: the
SAM 2 paper's section on training.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from sam2_roto.model import ABSENT_LOGIT, REFINE_CLAMP, SAM2, Decoded, ImageFeatures, Memory, Prediction
from sam2_roto.tracking.guide import carry
from sam2_roto.training.data import Batch, normalise
from sam2_roto.training.losses import FrameLoss, LossWeights, frame_loss
from sam2_roto.training.plan import BOX, CLICK, MASK, Plan
from sam2_roto.training.prompts import Points, corrective_click, first_click, noisy_box

SURE = 10.0
GUIDED_SHARE = 0.85
"""Of the rows of a guided batch, those that are told; the others must do without."""


def decode_all(
    model: SAM2,
    top: Tensor,
    features: ImageFeatures,
    points: Points | None,
    mask: Tensor | None,
    told: Tensor | None = None,
) -> Decoded:
    """Decode all four masks: ``SAM2.decode`` without its choice by stability, which has no place in training.

    ``mask`` are logits that the prompt encoder reads, for the rows that are ``told`` bool [R] (all by default).
    """
    encoder = model.sam_prompt_encoder
    pairs = None if points is None else (points.coords, points.labels)
    sparse = encoder.no_points(len(top)) if pairs is None else encoder.points(*pairs)
    dense = encoder.no_mask() if mask is None else encoder.mask(mask)
    if mask is not None and told is not None:
        dense = torch.where(told[:, None, None, None], dense, encoder.no_mask())
        mask = mask * told[:, None, None, None]
    hint = encoder.hints(len(top), pairs, mask)
    decoded: Decoded = model.sam_mask_decoder(
        top, encoder.image_position(), sparse, dense, features.high0, features.high1, hint
    )
    return decoded


def candidates(decoded: Decoded, points: Points | None) -> Decoded:
    """The three masks for at most one point, the first mask for more (a box counts as two)."""
    kept = slice(1, None) if points is None or points.labels.shape[1] <= 1 else slice(0, 1)
    return Decoded(decoded.logits[:, kept], decoded.iou[:, kept], decoded.score, decoded.tokens[:, kept])


def merge(parts: list[tuple[Tensor, Prediction]]) -> Prediction:
    """Put the predictions of groups of rows, each with its row numbers [K], back in the order of the rows."""
    order = torch.cat([index for index, _ in parts]).argsort()
    return Prediction(*(torch.cat(fields)[order] for fields in zip(*(part for _, part in parts), strict=True)))


class Rollout:
    """A pass over a batch. ``run`` does it once; ``losses`` and the predictions are its results."""

    def __init__(
        self,
        model: SAM2,
        batch: Batch,
        plan: Plan,
        generator: torch.Generator,
        weights: LossWeights | None = None,
        loss_scale: int = 1,
    ) -> None:
        """Encode the frames.

        Args:
            model: the network, built for the batch's picture size.
            batch: clips and rows, on the model's device.
            plan: prompts of each row.
            generator: draws clicks, on the same device.
            weights: of the loss terms; without them no loss is computed.
            loss_scale: masks are compared at this multiple of the logits' size (4 is the picture's).
        """
        self.model, self.batch, self.plan, self.generator, self.weights = model, batch, plan, generator, weights
        clips, self.frames = batch.frames.shape[:2]
        encoded = model.encode_image(normalise(batch.frames.transpose(0, 1).flatten(0, 1)))
        self.features = [
            ImageFeatures(*parts) for parts in zip(*(torch.split(level, clips) for level in encoded), strict=True)
        ]
        self.loss_size = model.config.logit_size * loss_scale
        self.present = batch.truth.flatten(2).any(dim=2)
        draws = torch.rand(len(batch.truth), generator=generator, device=batch.truth.device)
        self.gated_by_truth = draws < plan.true_presence_share
        self.memories: dict[int, Tensor] = {}
        self.pointers: dict[int, Tensor] = {}
        self.prompted = set(plan.prompted)
        self.losses: list[FrameLoss] = []
        draws = torch.rand(len(batch.truth), generator=generator, device=batch.truth.device)
        self.guided = draws < (1.0 if weights is None else GUIDED_SHARE)
        self.answers: dict[int, Prediction] = {}

    def run(self) -> list[Prediction]:
        """Process all frames; gives the final prediction of each frame, in order of time."""
        answers, order = self.answers, self.plan.order(self.frames)
        for frame in order:
            answers[frame] = self._prompt(frame) if frame in self.plan.prompted else self._track(frame)
            if frame != order[-1]:
                self._remember(frame, answers[frame])
        return [answers[frame] for frame in range(self.frames)]

    def loss(self) -> FrameLoss:
        """The sum over all decoded masks."""
        return FrameLoss(
            *(torch.stack(terms).sum() for terms in zip(*(vars(x).values() for x in self.losses), strict=True))
        )

    def _features_of(self, frame: int, rows: Tensor) -> ImageFeatures:
        clip = self.batch.clip[rows]
        return ImageFeatures(*(level.index_select(0, clip) for level in self.features[frame]))

    def _prompt(self, frame: int) -> Prediction:
        parts = []
        for kind in (MASK, CLICK, BOX):
            rows = torch.nonzero(self.plan.kinds == kind).flatten().to(self.batch.clip.device)
            if len(rows):
                parts.append((rows, self._accept(frame, rows) if kind == MASK else self._answer(frame, rows, kind)))
        return merge(parts)

    def _accept(self, frame: int, rows: Tensor) -> Prediction:
        """Take true masks as prompts: they are the answer, and the decoder makes their pointers."""
        truth = self.batch.truth[rows, frame, None].float()
        features = self._features_of(frame, rows)
        decoded = decode_all(self.model, features.top, features, None, self.model.mask_downsample(truth))
        chosen = self._judge(frame, rows, candidates(decoded, None))
        size = self.model.config.logit_size
        coverage = F.interpolate(truth, size=(size, size), mode="bilinear", align_corners=False, antialias=True)
        score = torch.where(self.present[rows, frame], SURE, -SURE)
        return Prediction((coverage * 2 - 1) * SURE, torch.ones_like(score), score, chosen.pointer)

    def _answer(self, frame: int, rows: Tensor, kind: int) -> Prediction:
        """Answer a click or a box, and its corrections where the plan has them."""
        truth = self.batch.truth[rows, frame]
        points = (
            first_click(truth, self.generator, self.plan.central_share)
            if kind == CLICK
            else noisy_box(truth, self.generator)
        )
        features = self._features_of(frame, rows)
        top = self.model.condition(features.top, None)
        decoded = candidates(decode_all(self.model, top, features, points, None), points)
        chosen = self._judge(frame, rows, decoded)
        return self._correct(frame, rows, top, features, chosen, points)

    def _track(self, frame: int) -> Prediction:
        rows = torch.arange(len(self.batch.clip), device=self.batch.clip.device)
        features = self._features_of(frame, rows)
        top = self.model.condition(features.top, self._memory_for(frame))
        decoded = decode_all(self.model, top, features, None, self._carried(frame), self.guided)
        chosen = self._judge(frame, rows, candidates(decoded, None))
        clicked = torch.nonzero(self.plan.kinds.to(rows.device) != MASK).flatten()
        if frame not in self.plan.corrected or not len(clicked):
            return chosen
        level = ImageFeatures(*(part[clicked] for part in features))
        before = Prediction(*(part[clicked] for part in chosen))
        better = self._correct(frame, clicked, top[clicked], level, before, None)
        self.prompted.add(frame)
        return Prediction(*(old.index_copy(0, clicked, new) for old, new in zip(chosen, better, strict=True)))

    def _carried(self, frame: int) -> Tensor | None:
        """Where the masks of the frame before are by now, as logits."""
        before = self.answers.get(frame - 1)
        if self.batch.motion is None or before is None:
            return None
        return carry(before.logits.detach(), self.batch.motion[self.batch.clip, frame])

    def _correct(
        self, frame: int, rows: Tensor, top: Tensor, features: ImageFeatures, chosen: Prediction, points: Points | None
    ) -> Prediction:
        truth = self.batch.truth[rows, frame]
        for _ in range(self.plan.corrections if frame in self.plan.corrected else 0):
            previous = chosen.logits.detach()
            shown = F.interpolate(previous, size=truth.shape[-2:], mode="bilinear", align_corners=False)
            click = corrective_click(truth, shown[:, 0] > 0, self.generator, self.plan.truth_share)
            points = click if points is None else points.join(click)
            mask = previous.clamp(-REFINE_CLAMP, REFINE_CLAMP)
            decoded = candidates(decode_all(self.model, top, features, points, mask), points)
            chosen = self._judge(frame, rows, decoded)
        return chosen

    def _judge(self, frame: int, rows: Tensor, decoded: Decoded) -> Prediction:
        """Note the loss of decoded masks, and choose one of each row's by predicted IoU."""
        present = self.present[rows, frame]
        if self.weights is not None:
            self.losses.append(self._loss_of(frame, rows, decoded, present))
        line = torch.arange(len(rows), device=rows.device)
        best = decoded.iou.argmax(dim=1)
        forced = self.gated_by_truth[rows]
        score = torch.where(forced, torch.where(present, SURE, -SURE), decoded.score[:, 0].float())
        shown = score[:, None] > 0
        logits = torch.where(shown[..., None, None], decoded.logits[line, best][:, None].float(), ABSENT_LOGIT)
        pointer = self.model.point_to(decoded.tokens[line, best], shown)
        return Prediction(logits, decoded.iou[line, best].float(), score, pointer.float())

    def _loss_of(self, frame: int, rows: Tensor, decoded: Decoded, present: Tensor) -> FrameLoss:
        assert self.weights is not None
        size = (self.loss_size, self.loss_size)
        truth = F.adaptive_avg_pool2d(self.batch.truth[rows, frame].float(), size)
        logits = decoded.logits.float()
        if logits.shape[-1] != self.loss_size:
            logits = F.interpolate(logits, size=size, mode="bilinear", align_corners=False)
        loss = frame_loss(logits, decoded.iou, decoded.score, truth, present, self.weights)
        share = len(rows) / len(self.batch.clip)
        return FrameLoss(*(term * share for term in vars(loss).values()))

    def _remember(self, frame: int, answer: Prediction) -> None:
        rows = torch.arange(len(self.batch.clip), device=self.batch.clip.device)
        top = self.features[frame].top.index_select(0, self.batch.clip)
        certain = torch.full_like(rows, self.plan.binarise and frame in self.prompted, dtype=torch.bool)
        self.memories[frame] = self.model.encode_memory(top, answer.logits, answer.score, certain)
        self.pointers[frame] = answer.pointer

    def _memory_for(self, frame: int) -> Memory:
        """Prompted frames in the last slot, before them the latest others; pointers of the past only."""
        config = self.model.config
        slots = {past: config.memories - 1 for past in self.prompted if past in self.memories}
        for back in range(1, config.memories):
            if frame - back in self.memories:
                slots.setdefault(frame - back, back - 1)
        reach = min(self.frames, config.pointers)
        recent = [past for past in self.pointers if past < frame and (frame - past < reach or past in self.prompted)]
        pointers = [self.pointers[past] for past in recent]
        device = self.batch.clip.device
        return Memory(
            spatial=torch.stack([self.memories[past] for past in slots], dim=1),
            slots=torch.tensor([list(slots.values())], device=device),
            pointers=torch.stack(pointers, dim=1)
            if pointers
            else self.model.no_obj_ptr.new_zeros(len(self.batch.clip), 0, config.width),
            distances=torch.tensor([[frame - past for past in recent]], device=device, dtype=torch.float32),
            span=max(reach - 1, 1),
        )
