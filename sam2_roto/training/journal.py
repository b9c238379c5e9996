"""The log of a run as CSV files that a resumed run continues without gaps or doubles."""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping
from pathlib import Path


class Journal:
    """A CSV file with one line per logged step; the first column is ``step``."""

    def __init__(self, path: Path, columns: tuple[str, ...], step: int) -> None:
        """Open for appending at ``step``: lines at or beyond it, of a run that went on and was lost, are dropped."""
        self.path, self.columns = path, ("step", *columns)
        path.parent.mkdir(parents=True, exist_ok=True)
        kept = [row for row in self.rows() if int(row["step"]) < step] if step and path.exists() else []
        draft = path.with_name(path.name + ".part")
        with draft.open("w", newline="") as file:
            writer = csv.DictWriter(file, self.columns, extrasaction="ignore", restval="")
            writer.writeheader()
            writer.writerows(kept)
        os.replace(draft, path)

    def rows(self) -> list[dict[str, str]]:
        """All lines written so far."""
        return read_rows(self.path)

    def write(self, step: int, values: Mapping[str, float | str]) -> None:
        """Append the line of a step."""
        with self.path.open("a", newline="") as file:
            line = {"step": step, **{name: _short(value) for name, value in values.items()}}
            csv.DictWriter(file, self.columns).writerow(line)


def read_rows(path: Path) -> list[dict[str, str]]:
    """All lines of the log of a run, which need not be this one."""
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def _short(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:.6g}"
