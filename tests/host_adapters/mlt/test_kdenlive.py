"""Kdenlive itself opens a project of ours and saves it again: the filters stay, and the picture too.

It needs a screen, which Xvfb gives it, and a session bus, over which it is told to save.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest
from mlt_helpers.editors import LENGTH, kdenlive
from mlt_helpers.melt import over, render, worst
from mlt_helpers.scenes import BACK, RATE, SIZE, matte, picture, plate, put_matte

from host_adapters.mlt.forms import Filter
from host_adapters.mlt.project import Project
from host_adapters.mlt.timeline import Clip
from sam2_roto.mattes.shapes_fit import fit_spline

PROGRAMS = ("kdenlive", "Xvfb", "xvfb-run", "dbus-run-session", "dbus-send")
LIMIT = 4.0
TIME_LIMIT = 560

KEPT = ("resource", "filter.resource", "use_luminance", "use_mix", "filter.use_mix", "alpha_operation", "transition")

FOLDERS = ("TMPDIR", *(f"XDG_{kind}" for kind in ("CONFIG_HOME", "DATA_HOME", "CACHE_HOME", "RUNTIME_DIR")))
"""Of its own: the lock in TMPDIR, too, by which it finds that it crashed."""

SETTINGS = "[unmanaged]\nversion=22.12.3\n[misc]\nfirstRun=false\n"

SCRIPT = """
kdenlive "$1" >kdenlive.log 2>&1 &
editor=$!
bus() { dbus-send --session --print-reply "$@" 2>/dev/null; }
for second in $(seq 150); do
  sleep 2
  name=$(bus --dest=org.freedesktop.DBus / org.freedesktop.DBus.ListNames | grep -o 'org.kde.kdenlive-[0-9]*')
  action="--dest=$name /kdenlive/MainWindow_1/actions/file_save"
  [ -n "$name" ] && bus $action org.freedesktop.DBus.Introspectable.Introspect >introspected.xml && break
done
sleep 15
[ -n "$SCREEN_SHOT" ] && xwd -root -silent >"$SCREEN_SHOT"
for try in $(seq 20); do
  bus $action org.qtproject.Qt.QAction.trigger
  sleep 5
  cmp -s "$1" "$2" || break
done
kill -9 $editor
"""


def open_and_save(project: Path, original: Path, home: Path) -> None:
    """Let Kdenlive open the project, a copy of the original, and save it under its name."""
    if not os.environ.get("SAM2_ROTO_KDENLIVE"):
        pytest.skip("starts Kdenlive on a screen of its own, for a minute or more: ask with SAM2_ROTO_KDENLIVE=1")
    for program in PROGRAMS:
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed: on Debian, apt-get install kdenlive xvfb xauth dbus")
    folders = {name: home / name.lower() for name in FOLDERS}
    for folder in folders.values():
        folder.mkdir(parents=True, mode=0o700)
    (folders["XDG_CONFIG_HOME"] / "kdenliverc").write_text(SETTINGS)
    environment = {**os.environ, "HOME": str(home), "LIBGL_ALWAYS_SOFTWARE": "1"}
    environment |= {name: str(folder) for name, folder in folders.items()}
    environment.pop("QT_QPA_PLATFORM", None)
    screen = ["xvfb-run", "-a", "-s", "-screen 0 1400x900x24", "dbus-run-session", "--"]
    with (home / "run.log").open("w") as log:
        run = subprocess.Popen(
            [*screen, "bash", "-c", SCRIPT, "save", str(project), str(original)],
            env=environment,
            cwd=project.parent,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            run.wait(timeout=TIME_LIMIT)
        finally:
            if run.poll() is None:
                os.killpg(run.pid, signal.SIGKILL)


def services(clip: Clip) -> list[tuple[str, dict[str, str]]]:
    """The filters of a clip: service, and the properties that a matte depends on."""
    return [
        (one.property("mlt_service") or "", {name: value for name in KEPT if (value := one.property(name)) is not None})
        for one in clip.holder.all("filter")
    ]


@pytest.mark.slow
def test_kdenlive_keeps_the_filters(tmp_path: Path) -> None:
    plate(tmp_path / "plate.mkv", SIZE, RATE, LENGTH)
    path = tmp_path / "edit.kdenlive"
    path.write_text(kdenlive(tmp_path), encoding="utf-8")
    project, _ = put_matte(Project.read(path), "V2:1", tmp_path / "effect", (Filter("invert"),))
    project, _ = put_matte(project, "V2:1", tmp_path / "alpha")
    clip = project.clip("V2:2")
    spline = fit_spline("disc", [matte(frame, SIZE) for frame in clip.positions], first=clip.first)
    project = project.with_splines("V2:2", spline, feather=1)
    ours = project.write(tmp_path / "ours.kdenlive")
    before = render(ours, 27)
    saved = tmp_path / "saved.kdenlive"
    shutil.copy(ours, saved)
    open_and_save(saved, ours, tmp_path / "home")
    assert saved.read_bytes() != ours.read_bytes(), "Kdenlive did not save the project"
    again = Project.read(saved)
    assert [clip.id for clip in again.clips] == ["V2:1", "V2:2"]
    for id in ("V2:1", "V2:2"):
        assert services(again.clip(id)) == services(project.clip(id))
    after = render(saved, 27)
    assert max(worst(frame, want) for frame, want in zip(after, before, strict=True)) <= LIMIT
    front, alpha = picture(5, SIZE), matte(5, SIZE)
    shown = over(255 - front, alpha, over(front, alpha, BACK))  # the effect lies over the clip, which is cut out
    assert worst(after[3], shown) <= LIMIT
