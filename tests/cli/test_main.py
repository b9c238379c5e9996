"""The frame of the command line: help, exit statuses, and what is said when things go wrong."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from compositing.errors import FootageError
from sam2_roto import cli
from sam2_roto.cli import main

REPOSITORY = Path(__file__).resolve().parents[2]


def command(monkeypatch: pytest.MonkeyPatch, effect: BaseException | int) -> None:
    """Put a command 'act' in place that raises, or returns, ``effect``."""
    module = ModuleType("acting")

    def run(_: object) -> int:
        if isinstance(effect, BaseException):
            raise effect
        return effect

    module.add_parser = lambda subparsers: subparsers.add_parser("act")  # type: ignore[attr-defined]
    module.run = run  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "acting", module)
    monkeypatch.setitem(cli.COMMANDS, "act", ("acting", "acts"))


def test_no_words_give_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    said = capsys.readouterr().out
    assert "examples:" in said
    assert all(name in said for name in cli.COMMANDS)


@pytest.mark.parametrize("name", sorted(cli.COMMANDS))
def test_every_command_teaches(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([name, "--help"]) == 0
    said = capsys.readouterr().out
    assert f"sam2-roto {name}" in said
    assert "--quiet" in said
    assert "example" in said


def test_help_needs_no_torch() -> None:
    script = (
        "import sys; from sam2_roto.cli import main; main(['--help']); main(['rotoscope', '--help']);"
        "sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=REPOSITORY, capture_output=True, check=False)
    assert done.returncode == 0


def test_runs_as_a_module() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "sam2_roto", "--help"], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0
    assert done.stdout.startswith("usage: sam2-roto")


@pytest.mark.parametrize("words", [["fly"], ["--fly"], ["rotoscope"], ["rotoscope", "a.mp4", "-o", "b", "--fly"]])
def test_unknown_words_are_one_sentence_and_status_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    said = capsys.readouterr().err
    assert said.startswith("sam2-roto")
    assert len(said.splitlines()) == 1
    assert "--help" in said


def test_an_error_of_the_tree_is_one_sentence_and_status_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command(monkeypatch, FootageError("shot.mp4 is not a movie"))
    assert main(["act"]) == 2
    assert capsys.readouterr().err == "sam2-roto: shot.mp4 is not a movie\n"


def test_a_failure_of_ours_is_one_sentence_and_a_report(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    command(monkeypatch, ZeroDivisionError("division by zero"))
    assert main(["act"]) == 1
    said = capsys.readouterr().err
    assert len(said.splitlines()) == 1
    assert "ZeroDivisionError: division by zero" in said
    (report,) = tmp_path.iterdir()
    assert str(report) in said
    assert "Traceback" in report.read_text()


def test_debug_shows_the_traceback(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    command(monkeypatch, ZeroDivisionError("division by zero"))
    assert main(["act", "--debug"]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_ctrl_c_is_status_130(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    command(monkeypatch, KeyboardInterrupt())
    assert main(["act"]) == 130
    assert "stopped" in capsys.readouterr().err


@pytest.mark.parametrize("status", [0, 1, 3])
def test_the_status_of_a_command_is_passed_on(status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    command(monkeypatch, status)
    assert main(["act", "-q"]) == status


def test_a_reader_that_has_left_is_no_failure() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "sam2_roto", "models", "list"],
            cwd=REPOSITORY,
            stdout=writing,
            stderr=subprocess.PIPE,
            check=False,
        )
    finally:
        os.close(writing)
    assert done.returncode == 141
    assert done.stderr == b""
