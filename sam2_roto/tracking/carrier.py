"""The masks of the frames behind, as they lie on a frame: what a guided network is told of each object."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from .guide import LOOK_BACK, Guide, View, carry
from .leap import Shift, goes_on
from .objects import ObjectFrame, TrackedObject

Seen = Sequence[tuple[TrackedObject, Tensor]]
"""Objects, and their logits on a frame."""


class Carrier:
    """Carries masks along.

    Args:
        guide: measures motion.
        frames: those of the clip; all else counts positions in them.
        known: the result of an object on a position, if there is one.
        laid: logits of the first frame on the cells of the second: they may be looked at from different places.
        look_back: the picture of the first frame as the second is looked at; None where both are looked at alike.
    """

    def __init__(
        self,
        guide: Guide,
        frames: Sequence[int],
        known: Callable[[TrackedObject, int], ObjectFrame | None],
        laid: Callable[[Tensor, int, int], Tensor],
        look_back: Callable[[int, int], View | None],
    ) -> None:
        self._guide, self._frames = guide, frames
        self._known, self._laid, self._look_back = known, laid, look_back

    def carried(self, entries: Sequence[TrackedObject], index: int, step: int, view: View) -> dict[str, Tensor]:
        """Where the masks of the frame behind are by now, ``[1, S/4, S/4]`` logits by name; ``view`` is the picture.

        An object that was not seen there may have been given up by mistake: it is looked for where it was on the
        latest of ``LOOK_BACK`` frames. One that was not seen for longer is left to memory, which may find it anywhere.
        """
        self._guide.see(self._frames[index], view)
        found: dict[str, Tensor] = {}
        for behind in range(index - step, index - step * (LOOK_BACK + 1), -step):
            known = [(entry, self._at(entry, behind)) for entry in entries if entry.name not in found]
            seen = [(entry, result.logits) for entry, result in known if result and result.present]
            if seen:
                found |= self._moved(seen, behind, index, step)
        return found

    def _at(self, entry: TrackedObject, position: int) -> ObjectFrame | None:
        return self._known(entry, position) if 0 <= position < len(self._frames) else None

    def _moved(self, seen: Seen, behind: int, index: int, step: int) -> dict[str, Tensor]:
        """Masks of position ``behind`` as they lie on ``index``, by name."""
        there, here = self._frames[behind], self._frames[index]
        masks = [self._laid(logits, there, here) for _, logits in seen]
        guesses = [
            self._gone_on(entry, mask, behind, index, step) for (entry, _), mask in zip(seen, masks, strict=True)
        ]
        laid = torch.stack(masks)
        moved = self._guide.toward(there, here, laid.cpu(), guesses, self._look_back(there, here))
        carried = carry(laid[:, None], moved.to(laid.device))
        return dict(zip([entry.name for entry, _ in seen], carried, strict=True))

    def _gone_on(self, entry: TrackedObject, mask: Tensor, behind: int, index: int, step: int) -> list[Shift]:
        """How far an object has moved since ``behind`` if it goes on as it did, where that is known."""
        before = self._at(entry, behind - step)
        if before is None or not before.present:
            return []
        earlier = self._laid(before.logits, self._frames[behind - step], self._frames[index])
        return goes_on(earlier, mask, abs(index - behind))
