"""Packs the extension as Blender installs it: ``python -m host_adapters.blender.build -o DIR``."""

from __future__ import annotations

import argparse
import re
import tomllib
import zipfile
from collections.abc import Iterator, Sequence
from importlib import metadata
from pathlib import Path

_HERE = Path(__file__).resolve().parent
_REPOSITORY = _HERE.parent.parent
_EXTENSION = _HERE / "extension"
_CLIENT = _HERE.parent / "client"
_STAMP = (1980, 1, 1, 0, 0, 0)  # the same sources give the same bytes

# Blender gives an extension a package name of its own, and wants nothing imported from beside it.
_IMPORT = re.compile(r"^from host_adapters\.client\b", re.MULTILINE)


def build(folder: Path) -> Path:
    """Write ``sam2_roto-VERSION.zip`` into ``folder``: the extension, and the client as its package ``client``."""
    manifest = tomllib.loads((_EXTENSION / "blender_manifest.toml").read_text(encoding="utf-8"))
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{manifest['id']}-{manifest['version']}.zip"
    hidden = path.with_name(f".{path.name}.part")
    with zipfile.ZipFile(hidden, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in sorted(files()):
            archive.writestr(zipfile.ZipInfo(name, _STAMP), text, zipfile.ZIP_DEFLATED)
    hidden.replace(path)
    return path


def files() -> Iterator[tuple[str, str]]:
    """Name and text of each file of the extension."""
    for path in _EXTENSION.iterdir():
        if path.suffix in (".py", ".toml"):
            yield path.name, _IMPORT.sub("from .client", path.read_text(encoding="utf-8"))
    for path in _CLIENT.glob("*.py"):
        yield f"client/{path.name}", path.read_text(encoding="utf-8")
    yield "LICENSE", _license()


def _license() -> str:
    """The repository's; of an installed package, whose folder may hold another package's, the one that came with it."""
    if (_REPOSITORY / "pyproject.toml").is_file():
        return (_REPOSITORY / "LICENSE").read_text(encoding="utf-8")
    text = metadata.distribution("sam2-roto").read_text("licenses/LICENSE")
    if text is None:
        raise FileNotFoundError("the installed sam2-roto came without its license; install it anew")
    return text


def main(words: Sequence[str] | None = None) -> None:
    """Build, and print where."""
    parser = argparse.ArgumentParser(prog="python -m host_adapters.blender.build", description="Build the extension.")
    parser.add_argument("-o", "--output", type=Path, default=Path("dist"), help="folder of the zip (dist)")
    print(build(parser.parse_args(words).output))


if __name__ == "__main__":
    main()
