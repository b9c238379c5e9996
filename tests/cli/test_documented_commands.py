"""Every command line in README, the docs and the help itself is one that the program understands."""

from __future__ import annotations

import importlib
import re
import shlex
from itertools import pairwise
from pathlib import Path

import pytest

from sam2_roto.cli import COMMANDS
from sam2_roto.cli.parser import Parser

REPOSITORY = Path(__file__).resolve().parents[2]
PAGES = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md"))]


def commands(text: str) -> list[str]:
    """Lines that begin with the program's name, joined where a backslash continues them, without comments."""
    joined = re.sub(r"\\\n\s*", "", text)
    lines = (re.sub(r"\s{2,}.*|\s#.*", "", line.strip()) for line in joined.splitlines())
    return [line for line in lines if line.startswith("sam2-roto ")]


def parser_of(name: str) -> Parser:
    parser = Parser(prog="sam2-roto")
    importlib.import_module(COMMANDS[name][0]).add_parser(parser.add_subparsers())
    return parser


def documented() -> list[str]:
    pages = "\n".join(block for page in PAGES for block in re.findall(r"```sh\n(.*?)```", page.read_text(), re.DOTALL))
    helps = "\n".join(str(importlib.import_module(home).__dict__.get("_EXAMPLES", "")) for home, _ in COMMANDS.values())
    return sorted(set(commands(pages) + commands(helps)))


@pytest.mark.parametrize("line", documented())
def test_documented_command(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    words = shlex.split(line)[1:]
    for option, value in pairwise(words):
        if option == "--mask":  # the one kind of word that is looked up when it is read
            path = tmp_path / value.split(":", 2)[2]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    assert parser_of(words[0]).parse_args(words)


def test_there_are_documented_commands() -> None:
    found = documented()
    assert len(found) > 12
    assert {line.split()[1] for line in found} >= {"rotoscope", "models", "evaluate", "export-annotations"}
