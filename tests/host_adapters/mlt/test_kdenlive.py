"""Kdenlive itself opens a project of ours and saves it again: the filters stay, and the picture too.

It is told to save over its session bus. That must wait until its window bears the project's name and no dialogue is
open: the action can be had seconds before the project is read, and then writes an empty one over it, or crashes.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from mlt_helpers.again import check, is_saved, lay_out
from mlt_helpers.editors import kdenlive
from mlt_helpers.screen import PATIENCE, Screen, need

SETTINGS = "[misc]\nfirstRun=false\n"

SEND = ("dbus-send", "--session", "--print-reply", f"--reply-timeout={1000 * PATIENCE}")
SAVE = ("/kdenlive/MainWindow_1/actions/file_save", "org.qtproject.Qt.QAction.trigger")


@pytest.mark.slow
def test_kdenlive_keeps_the_filters(tmp_path: Path) -> None:
    need("SAM2_ROTO_KDENLIVE", "kdenlive xvfb xdotool dbus", "kdenlive", "Xvfb", "xdotool", "dbus-daemon", "dbus-send")
    project = lay_out(tmp_path / "edit.kdenlive", kdenlive(tmp_path))
    with Screen(tmp_path / "home") as screen:
        screen.start_bus()
        (screen.home / "xdg_config_home" / "kdenliverc").write_text(SETTINGS)
        editor = screen.start("kdenlive", str(project), folder=tmp_path)
        screen.wait("one window with the project", editor, lambda: is_open(screen.titles()))
        screen.run(*SEND, f"--dest=org.kde.kdenlive-{editor.pid}", *SAVE)
        screen.wait("saving the project", editor, lambda: is_saved(project))
        screen.picture()
    check(project)


def is_open(titles: list[str]) -> bool:
    return len(titles) == 1 and titles[0].startswith("saved") and titles[0].endswith("Kdenlive")
