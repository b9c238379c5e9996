"""The zip that artists install."""

from __future__ import annotations

import ast
import re
import zipfile
from pathlib import Path

import pytest

from host_adapters.blender import build as building
from host_adapters.blender.build import build, main

REPOSITORY = Path(__file__).resolve().parents[3]


def test_it_holds_the_extension_and_the_client_and_imports_nothing_beside_itself(extension: Path) -> None:
    with zipfile.ZipFile(extension) as archive:
        texts = {name: archive.read(name).decode() for name in archive.namelist()}
    assert {"__init__.py", "blender_manifest.toml", "client/__init__.py", "client/calls.py", "LICENSE"} <= set(texts)
    for name, text in texts.items():
        if name.endswith(".py"):
            ast.parse(text, feature_version=(3, 11))
            assert not re.search(r"^\s*(from|import) (host_adapters|sam2_roto|compositing|torch)\b", text, re.MULTILINE)
            for module in re.findall(r"^from \.(client\S*) import", text, re.MULTILINE):
                assert {f"{module.replace('.', '/')}.py", f"{module}/__init__.py"} & set(texts)


def test_the_same_sources_give_the_same_bytes(tmp_path: Path, extension: Path) -> None:
    assert build(tmp_path).read_bytes() == extension.read_bytes()
    assert [path.name for path in tmp_path.iterdir()] == [extension.name]


def installed(folder: Path) -> Path:
    """What pip leaves of our license; beside it is another package's."""
    kept = folder / "sam2_roto-9.dist-info"
    (kept / "licenses").mkdir(parents=True)
    (kept / "METADATA").write_text("Metadata-Version: 2.4\nName: sam2-roto\nVersion: 9\n", encoding="utf-8")
    (kept / "licenses" / "LICENSE").write_text("ours", encoding="utf-8")
    (folder / "LICENSE").write_text("another's", encoding="utf-8")
    return kept


def license_of(path: Path) -> str:
    with zipfile.ZipFile(path) as archive:
        return archive.read("LICENSE").decode()


def test_the_license_is_the_repositorys(extension: Path) -> None:
    assert license_of(extension) == (REPOSITORY / "LICENSE").read_text(encoding="utf-8")


def test_an_installed_package_has_its_license_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = installed(tmp_path / "site-packages")
    monkeypatch.syspath_prepend(kept.parent)
    monkeypatch.setattr(building, "_REPOSITORY", kept.parent)
    assert license_of(build(tmp_path / "dist")) == "ours"
    (kept / "licenses" / "LICENSE").unlink()
    with pytest.raises(FileNotFoundError, match="install it anew"):
        build(tmp_path / "dist")


def test_the_command_says_where_the_zip_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["-o", str(tmp_path / "dist")])
    assert Path(capsys.readouterr().out.strip()).is_file()
