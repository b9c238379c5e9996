"""A progress bar that keeps out of the way: none for short work, none where quiet is asked for."""

from __future__ import annotations

import sys
from types import TracebackType

from tqdm import tqdm

SHOW_AFTER = 1.5
"""Seconds of work before a bar appears."""

LOG_INTERVAL = 15.0
"""Seconds between lines where the output goes to a file and not to a terminal."""


class ProgressBar:
    """A ``sam2_roto.job.Progress``: one bar on standard error for each stage, closed when the next begins.

    Use it in a ``with`` block, so that the last bar is closed however the work ends.
    """

    def __init__(self, quiet: bool = False, unit: str = "frame") -> None:
        self._quiet = quiet
        self._unit = unit
        self._stage: str | None = None
        self._bar: tqdm | None = None

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Show that ``done`` of ``total`` units of ``stage`` are done."""
        if self._quiet:
            return
        if stage != self._stage or self._bar is None:
            self._begin(stage, done, total)
        assert self._bar is not None
        self._bar.total = total
        self._bar.update(done - self._bar.n)

    def _begin(self, stage: str, done: int, total: int) -> None:
        self.close()
        to_bytes = self._unit == "B"
        self._stage = stage
        self._bar = tqdm(
            desc=stage,
            total=total,
            initial=done,
            unit=self._unit,
            unit_scale=to_bytes,
            unit_divisor=1024 if to_bytes else 1000,
            delay=SHOW_AFTER,
            mininterval=0.1 if sys.stderr.isatty() else LOG_INTERVAL,
            dynamic_ncols=True,
            file=sys.stderr,
        )

    def close(self) -> None:
        """End the bar that is shown, if any."""
        if self._bar is not None:
            self._bar.close()
        self._bar, self._stage = None, None

    def __enter__(self) -> ProgressBar:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
