"""A progress bar that keeps out of the way: none for short work, none where quiet is asked for."""

from __future__ import annotations

import sys

from tqdm import tqdm

from compositing.closing import Closing

SHOW_AFTER = 1.5
"""Seconds of work before a bar appears."""

LOG_INTERVAL = 15.0
"""Seconds between lines where the output goes to a file and not to a terminal."""


class ProgressBar(Closing):
    """A ``sam2_roto.job.Progress``: one bar on standard error for each stage; stages may go on side by side.

    A bar is closed when its stage is done. Use it in a ``with`` block, so that all are closed however the work ends.
    """

    def __init__(self, quiet: bool = False, unit: str = "frame") -> None:
        self._quiet = quiet
        self._unit = unit
        self._bars: dict[str, tqdm] = {}

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Show that ``done`` of ``total`` units of ``stage`` are done."""
        if self._quiet:
            return
        bar = self._bars.get(stage) or self._begin(stage, done, total)
        if done < bar.n:  # the stage begins again, in another direction
            bar.close()
            bar = self._begin(stage, done, total)
        bar.total = total
        bar.update(done - bar.n)
        if done >= total:
            self._bars.pop(stage).close()

    def _begin(self, stage: str, done: int, total: int) -> tqdm:
        to_bytes = self._unit == "B"
        self._bars[stage] = tqdm(
            desc=stage,
            total=total,
            initial=done,
            unit=self._unit,
            unit_scale=to_bytes,
            unit_divisor=1024 if to_bytes else 1000,
            delay=SHOW_AFTER,
            mininterval=0.1 if sys.stderr.isatty() else LOG_INTERVAL,
            position=None if sys.stderr.isatty() else 0,  # else a file would fill with codes that move the cursor
            dynamic_ncols=True,
            file=sys.stderr,
        )
        return self._bars[stage]

    def close(self) -> None:
        """End the bars that are shown."""
        while self._bars:
            self._bars.popitem()[1].close()
