"""The layering, and the size of files and functions, read from the sources themselves."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
PACKAGES = ("compositing", "sam2_roto", "host_adapters")

LONGEST_FILE = 400
LONGEST_FUNCTION = 60


def sources(folder: str) -> list[Path]:
    return sorted((REPOSITORY / folder).rglob("*.py"))


def imports(path: Path, root: Path = REPOSITORY) -> Iterator[str]:
    """Absolute names of the modules that a file below ``root`` imports, at its head or inside its functions."""
    package = path.relative_to(root).parent.parts
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            yield ".".join((*above, *((node.module,) if node.module else ())))


def test_relative_imports_are_read_as_what_they_mean(tmp_path: Path) -> None:
    path = tmp_path / "sam2_roto" / "model" / "trunk.py"
    path.parent.mkdir(parents=True)
    path.write_text("from .layers import MLP\nfrom ..errors import ModelError\nimport torch.nn as nn\n")
    assert list(imports(path, tmp_path)) == ["sam2_roto.model.layers", "sam2_roto.errors", "torch.nn"]


def test_the_network_imports_torch_alone() -> None:
    allowed = sys.stdlib_module_names | {"torch"}
    foreign = {
        f"{path.relative_to(REPOSITORY)} imports {name}"
        for path in sources("sam2_roto/model")
        for name in imports(path)
        if name.split(".")[0] not in allowed and not name.startswith("sam2_roto.model")
    }
    assert foreign == set()


@pytest.mark.parametrize(
    ("package", "above"), [("compositing", ("sam2_roto", "host_adapters")), ("sam2_roto", ("host_adapters",))]
)
def test_imports_go_down(package: str, above: tuple[str, ...]) -> None:
    upward = {
        f"{path.relative_to(REPOSITORY)} imports {name}"
        for path in sources(package)
        for name in imports(path)
        if name.split(".")[0] in above
    }
    assert upward == set()


@pytest.mark.parametrize("package", PACKAGES)
def test_packages_are_typed(package: str) -> None:
    assert (REPOSITORY / package / "py.typed").is_file()


@pytest.mark.parametrize("package", PACKAGES)
def test_files_hold_one_thing(package: str) -> None:
    lengths = {
        str(path.relative_to(REPOSITORY)): len(path.read_text(encoding="utf-8").splitlines())
        for path in sources(package)
    }
    assert {name: length for name, length in lengths.items() if length > LONGEST_FILE} == {}


@pytest.mark.parametrize("package", PACKAGES)
def test_functions_do_one_thing(package: str) -> None:
    lengths = {
        f"{path.relative_to(REPOSITORY)}: {node.name}": (node.end_lineno or node.lineno) - node.lineno + 1
        for path in sources(package)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert {name: length for name, length in lengths.items() if length > LONGEST_FUNCTION} == {}


@pytest.mark.parametrize("module", ["sam2_roto", "sam2_roto.job", "sam2_roto.cli", "sam2_roto.cli.prompts"])
def test_light_modules_stay_light(module: str) -> None:
    script = f"import sys, {module}; print(*({{'torch', 'numpy', 'av', 'cv2', 'OpenImageIO'}} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
