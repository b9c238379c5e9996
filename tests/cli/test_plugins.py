"""Commands that other packages add to the command line."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType

import pytest

from sam2_roto import cli
from sam2_roto.cli import main, plugins

REPOSITORY = Path(__file__).resolve().parents[2]


def offer(monkeypatch: pytest.MonkeyPatch, *values: str) -> None:
    """Let packages with these entry points be all that is installed."""
    entries = [EntryPoint(f"package{index}", value, plugins.GROUP) for index, value in enumerate(values)]
    monkeypatch.setattr(plugins, "entry_points", lambda group: [entry for entry in entries if entry.group == group])


def package(monkeypatch: pytest.MonkeyPatch, name: str, table: object) -> None:
    """A package with a table of commands, all of which are the module ``acting``."""
    holder, acting = ModuleType(name), ModuleType("acting")
    holder.COMMANDS = table  # type: ignore[attr-defined]
    acting.add_parser = lambda subparsers: subparsers.add_parser("act")  # type: ignore[attr-defined]
    acting.run = lambda _: 7  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, name, holder)
    monkeypatch.setitem(sys.modules, "acting", acting)


def test_a_package_adds_a_command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    package(monkeypatch, "adding", {"act": ("acting", "acts on something")})
    offer(monkeypatch, "adding:COMMANDS")
    assert main(["act"]) == 7
    assert main(["--help"]) == 0
    assert "acts on something" in capsys.readouterr().out


def test_help_does_not_import_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    package(monkeypatch, "adding", {"act": ("nowhere.to.be.found", "acts on something")})
    offer(monkeypatch, "adding:COMMANDS")
    assert main(["--help"]) == 0


def test_names_of_the_core_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    package(monkeypatch, "adding", {"models": ("acting", "not this one"), "act": ("acting", "acts")})
    offer(monkeypatch, "adding:COMMANDS")
    assert set(plugins.commands(besides=cli.COMMANDS)) == {"act"}


@pytest.mark.parametrize(
    ("value", "table"),
    [("no_such_package:COMMANDS", None), ("adding:ABSENT", {}), ("adding:COMMANDS", {"act": "no pair"})],
)
def test_a_package_that_is_broken_is_told_of_and_left_out(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], value: str, table: object
) -> None:
    package(monkeypatch, "adding", table)
    package(monkeypatch, "whole", {"act": ("acting", "acts on something")})
    offer(monkeypatch, value, "whole:COMMANDS")
    assert main(["--help"]) == 0
    said = capsys.readouterr()
    assert "acts on something" in said.out
    assert "rotoscope" in said.out
    assert f"the commands of {value} are left out" in said.err


def test_commands_of_the_core_ask_no_package(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    offer(monkeypatch, "no_such_package:COMMANDS")
    assert main(["models", "--help"]) == 0
    assert capsys.readouterr().err == ""


def test_the_core_works_without_the_adapters() -> None:
    script = (
        "import sys; sys.modules['host_adapters'] = None; from sam2_roto.cli import main;"
        "sys.exit(main(['--help']) or main(['rotoscope', '--help']))"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert "rotoscope" in done.stdout


def test_the_adapters_table_names_modules_that_are_there() -> None:
    from importlib.util import find_spec

    from host_adapters.commands import COMMANDS

    assert COMMANDS
    assert all(find_spec(module) is not None for module, _ in COMMANDS.values())


def test_the_adapters_table_is_an_entry_point() -> None:
    import tomllib

    settings = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    assert settings["project"]["entry-points"][plugins.GROUP] == {"host_adapters": "host_adapters.commands:COMMANDS"}
