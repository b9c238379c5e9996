"""Shotcut itself opens a project of ours and saves it again: the filters stay, and the picture too."""

from __future__ import annotations

from pathlib import Path

import pytest
from mlt_helpers.again import check, is_saved, lay_out
from mlt_helpers.editors import shotcut
from mlt_helpers.screen import Screen, need

PRESSED_AGAIN = 25
"""Looks at the file after which the key is pressed once more: one pressed before the window listens is lost."""


@pytest.mark.slow
def test_shotcut_keeps_the_filters(tmp_path: Path) -> None:
    need("SAM2_ROTO_SHOTCUT", "shotcut xvfb xdotool", "shotcut", "Xvfb", "xdotool")
    project = lay_out(tmp_path / "edit.mlt", shotcut(tmp_path))
    looks = 0

    def saved() -> bool:
        nonlocal looks
        if looks % PRESSED_AGAIN == 0:
            screen.run("xdotool", "key", "ctrl+s")
        looks += 1
        return is_saved(project)

    with Screen(tmp_path / "home") as screen:
        editor = screen.start("shotcut", "--noupgrade", str(project), folder=tmp_path)
        screen.wait("one window with the project", editor, lambda: screen.titles() == ["saved.mlt - Shotcut"])
        screen.wait("saving the project", editor, saved)
        screen.picture()
    check(project)
