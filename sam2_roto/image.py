"""Image mode: one picture, then any number of prompts answered at once."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sam2_roto.errors import PromptError
from sam2_roto.mattes.alpha import alpha_from_logits, mask_from_logits
from sam2_roto.model import SAM2, ImageFeatures, PointLabel
from sam2_roto.tracking.heed import heed_clicks
from sam2_roto.tracking.prompts import FramePrompt
from sam2_roto.tracking.source import prepare


class Candidates(NamedTuple):
    """Answers to a prompt, one or three."""

    logits: Tensor
    """``[M, S/4, S/4]`` float32, to be refined by a further prompt or made into mattes."""
    iou: Tensor
    """``[M]`` predicted IoU, 0..1."""
    score: float
    """Logit of the object's presence."""
    size: tuple[int, int]
    """(H, W) of the picture."""

    @property
    def best(self) -> int:
        """Index of the candidate of highest predicted IoU."""
        return int(self.iou.argmax())

    def masks(self) -> NDArray[np.bool_]:
        """``[M, H, W]`` masks as the published predictor makes them."""
        masks: NDArray[np.bool_] = mask_from_logits(self.logits, self.size).cpu().numpy()
        return masks

    def alpha(self, index: int | None = None) -> NDArray[np.float32]:
        """``[H, W]`` matte 0..1 of one candidate (the best one where ``None``) with antialiased edges."""
        chosen = self.logits[self.best if index is None else index]
        alpha: NDArray[np.float32] = alpha_from_logits(chosen, self.size).cpu().numpy()
        return alpha


class ImagePredictor:
    """Encodes a picture once and answers prompts on it.

    >>> predictor = ImagePredictor(load_model("nano"))         # doctest: +SKIP
    >>> predictor.set_image(picture)                           # uint8 RGB [H, W, 3]
    >>> predictor.predict(points=[(320, 200, True)]).alpha()   # [H, W]
    """

    def __init__(self, model: SAM2) -> None:
        self.model = model.eval()
        self._features: ImageFeatures | None = None
        self._view = np.zeros((0, 0, 3), np.uint8)

    @torch.inference_mode()
    def set_image(self, view: NDArray[np.uint8]) -> None:
        """Encode a display-referred picture, uint8 RGB ``[H, W, 3]``."""
        if view.ndim != 3 or view.shape[2] != 3 or view.dtype != np.uint8:
            raise PromptError(f"a picture must be uint8 RGB [H, W, 3], not {view.dtype} {list(view.shape)}")
        device = self.model.no_obj_ptr.device
        self._features = self.model.encode_image(prepare(view, self.model.config.image_size, device))
        self._view = view

    @torch.inference_mode()
    def predict(
        self,
        points: list[tuple[float, float, bool]] | None = None,
        box: tuple[float, float, float, float] | None = None,
        logits: Tensor | None = None,
        multimask: bool | None = None,
    ) -> Candidates:
        """Answer clicks ``(x, y, positive)`` and a box, in pixels of the picture.

        ``logits [S/4, S/4]`` of an earlier answer are refined. ``multimask`` asks for three candidates, by default
        where a single click leaves open what is meant. Raises PromptError.
        """
        features = self._encoded()
        prompt = FramePrompt(points=tuple(points or ()), box=box)
        height, width = self._view.shape[:2]
        prompt.check(width, height, "on the picture")
        device = self.model.no_obj_ptr.device
        coords, labels = prompt.tokens(width, height, self.model.config.image_size)
        previous = None if logits is None else logits.to(device)[None, None]
        decoded = self.model.answer(
            self.model.condition(features.top, None),
            features,
            (coords.to(device), labels.to(device)),
            previous,
            prompt.ambiguous if multimask is None else multimask,
        )
        found, score = decoded.logits[0].float(), float(decoded.score[0, 0])
        if self.model.config.heeds_clicks and score > 0:
            found = heed_clicks(found, prompt, (width, height), lambda: self._view)
        return Candidates(found, decoded.iou[0], score, (height, width))

    @torch.inference_mode()
    def predict_each(self, points: NDArray[np.float64]) -> tuple[Tensor, Tensor]:
        """Answer ``points [P, 2]`` (x, y in pixels of the picture) each for itself, with three candidates.

        Gives logits ``[P, 3, S/4, S/4]`` and predicted IoU ``[P, 3]``. Raises PromptError where no picture is set.
        """
        features = self._encoded()
        height, width = self._view.shape[:2]
        side = self.model.config.image_size
        device = self.model.no_obj_ptr.device
        coords = torch.from_numpy(points * (side / width, side / height)).float()[:, None].to(device)
        labels = torch.full(coords.shape[:2], PointLabel.POSITIVE, device=device)
        embedding = self.model.condition(features.top, None).expand(len(coords), -1, -1, -1)
        decoded = self.model.decode(embedding, features, (coords, labels))
        return decoded.logits.float(), decoded.iou

    def hover(self, x: float, y: float, longest: int = 512) -> NDArray[np.bool_]:
        """What a click at x, y would select, for a preview: the best candidate's mask, its longer side ``longest``.

        Nothing is encoded, so it is fast enough to follow a pointer. Raises PromptError.
        """
        found = self.predict([(x, y, True)])
        scale = min(1.0, longest / max(found.size))
        size = (max(1, round(found.size[0] * scale)), max(1, round(found.size[1] * scale)))
        mask: NDArray[np.bool_] = mask_from_logits(found.logits[found.best], size).cpu().numpy()
        return mask

    def _encoded(self) -> ImageFeatures:
        if self._features is None:
            raise PromptError("no picture is set; call set_image first")
        return self._features
