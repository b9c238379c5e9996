"""The progress bar: silent for short work and where quiet is asked for, one bar for each stage otherwise."""

from __future__ import annotations

import pytest

from sam2_roto.cli import progress as module
from sam2_roto.cli.progress import ProgressBar


def work(bar: ProgressBar) -> None:
    with bar:
        for done in range(4):
            bar("track", done + 1, 4)
        bar("write", 2, 2)


def test_short_work_shows_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    work(ProgressBar())
    assert capsys.readouterr().err.strip() == ""


def test_each_stage_has_its_bar(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(module, "SHOW_AFTER", 0.0)
    work(ProgressBar())
    said = capsys.readouterr()
    assert said.out == ""
    assert "track: 100%" in said.err
    assert "4/4" in said.err
    assert "write: 100%" in said.err


def test_quiet_shows_nothing(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(module, "SHOW_AFTER", 0.0)
    work(ProgressBar(quiet=True))
    assert capsys.readouterr().err == ""


def test_a_pass_in_the_other_direction_may_begin_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(module, "SHOW_AFTER", 0.0)
    with ProgressBar() as bar:
        bar("track", 9, 10)
        bar("track", 1, 3)
    assert "1/3" in capsys.readouterr().err


def test_stages_may_go_on_side_by_side(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(module, "SHOW_AFTER", 0.0)
    with ProgressBar() as bar:
        for done in range(1, 5):
            bar("track", done, 4)
            bar("write", done, 4)
    said = capsys.readouterr().err
    for stage in ("track", "write"):
        assert f"{stage}: 100%" in said
        assert said.count(f"{stage}:   0%") <= 1
