"""The zip that artists install."""

from __future__ import annotations

import ast
import re
import zipfile
from pathlib import Path

import pytest

from host_adapters.blender.build import build, main


def test_it_holds_the_extension_and_the_client_and_imports_nothing_beside_itself(extension: Path) -> None:
    with zipfile.ZipFile(extension) as archive:
        texts = {name: archive.read(name).decode() for name in archive.namelist()}
    assert {"__init__.py", "blender_manifest.toml", "client/__init__.py", "client/calls.py", "LICENSE"} <= set(texts)
    for name, text in texts.items():
        if name.endswith(".py"):
            ast.parse(text, feature_version=(3, 11))
            assert not re.search(r"^\s*(from|import) (host_adapters|sam2_roto|compositing|torch)\b", text, re.MULTILINE)


def test_the_same_sources_give_the_same_bytes(tmp_path: Path, extension: Path) -> None:
    assert build(tmp_path).read_bytes() == extension.read_bytes()
    assert [path.name for path in tmp_path.iterdir()] == [extension.name]


def test_the_command_says_where_the_zip_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["-o", str(tmp_path / "dist")])
    assert Path(capsys.readouterr().out.strip()).is_file()
