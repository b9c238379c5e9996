"""A sight: what the network saw of an object on a frame, and the part of the plate through which it looked."""

from __future__ import annotations

from typing import NamedTuple

from .objects import ObjectFrame
from .window import Window


class Sight(NamedTuple):
    """A result as the network gave it. Plates are given by their width and height in pixels."""

    result: ObjectFrame
    """Its logits cover the window."""
    window: Window | None = None
    """``None``: the whole plate."""

    @property
    def cells(self) -> int:
        """Side of its logits."""
        return len(self.result.logits)

    @property
    def side(self) -> int:
        """Side of the picture in which the network was shown it."""
        return 4 * self.cells

    def on_plate(self, plate: tuple[int, int]) -> ObjectFrame:
        """The result with logits over the whole plate, of the window's fineness."""
        if self.window is None:
            return self.result
        return self.result._replace(logits=self.window.spread(self.result.logits, (plate[1], plate[0])))

    def through(self, window: Window | None, cells: int, plate: tuple[int, int]) -> ObjectFrame:
        """The result as it would lie in another window, with logits ``[cells, cells]``."""
        logits = self.result.logits
        if window == self.window and logits.shape == (cells, cells):
            return self.result
        whole = Window(0, 0, *plate)
        laid = (self.window or whole).seen_through(window or whole, logits, cells, plate)
        return self.result._replace(logits=laid)
