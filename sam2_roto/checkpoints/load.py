"""Weights from a file into a model, and the model that a file of weights belongs to.

Kept apart from the rest of the package because it needs torch.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from sam2_roto.checkpoints.cache import find
from sam2_roto.checkpoints.fetch import fetch
from sam2_roto.checkpoints.published import EMBEDDED, PUBLISHED
from sam2_roto.errors import CheckpointError, ModelError
from sam2_roto.job import Progress
from sam2_roto.model import build_model

Shapes = dict[str, torch.Size]

_NAMES_SHOWN = 3


def read_state(path: Path) -> dict[str, Tensor]:
    """The state dict in a ``.safetensors`` or ``.pt`` file, bare or under the key ``model``, on the CPU.

    Nothing but tensors is ever unpickled. Raises ``CheckpointError`` where the file is absent, damaged or something
    else.
    """
    if not path.is_file():
        raise CheckpointError(f"there is no weights file {path}")
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        loaded = torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except Exception as error:  # damaged bytes can raise anything at all
        raise CheckpointError(f"{path} is damaged or no weights file; copy or download it again") from error
    return _state_in(loaded, path)


def load_weights(model: nn.Module, path: Path, name: str = "the model") -> None:
    """Fill ``model`` with the weights in ``path``; ``name`` is what errors call it.

    Raises ``CheckpointError`` where the file is unreadable, or its names or shapes are not those of ``model``.
    """
    state = read_state(path)
    differences = _differences(_shapes(model.state_dict()), _shapes(state))
    if differences:
        raise CheckpointError(f"{path} does not hold the weights of {name}: {differences}")
    model.load_state_dict(state)


def resolve(name_or_path: str, progress: Progress | None = None) -> tuple[str, Path]:
    """``(model name, weights file)`` for the name of a model or the path of a weights file.

    Published weights that are not on this machine are downloaded. Raises ``ModelError`` for a name that is unknown,
    ``CheckpointError`` where the weights cannot be had or fit no model.
    """
    if name_or_path == EMBEDDED or name_or_path in PUBLISHED:
        return name_or_path, fetch(name_or_path, progress)
    path = Path(name_or_path).expanduser()
    if path.is_file():
        return model_of(path), path
    if path.suffix in {".pt", ".pth", ".safetensors"} or len(path.parts) > 1:
        raise CheckpointError(f"there is no weights file {path}")
    known = ", ".join((EMBEDDED, *PUBLISHED))
    raise ModelError(f"no model is called '{name_or_path}'; give a weights file, or one of {known}")


def default_model() -> str:
    """The first model of ``PUBLISHED`` that is on this machine, best first; the embedded one where there is none."""
    best_first = ("large", "base_plus", "small", "tiny")
    ranked = sorted(PUBLISHED, key=lambda name: best_first.index(name.split("_hiera_")[1]))
    return next((name for name in ranked if find(name)), EMBEDDED)


def model_of(path: Path) -> str:
    """Name of the model whose weights ``path`` holds, known by the tensors' names and shapes."""
    found = _shapes(read_state(path))
    for name in (EMBEDDED, *PUBLISHED):
        if expected_shapes(name) == found:
            return name
    raise CheckpointError(f"{path} holds {len(found)} tensors, which are the weights of no model that is known here")


@cache
def expected_shapes(name: str) -> Shapes:
    """Name → shape of every tensor in the state dict of the model ``name``; nothing is allocated."""
    with torch.device("meta"):
        return _shapes(build_model(name).state_dict())


def _state_in(loaded: object, path: Path) -> dict[str, Tensor]:
    state = loaded.get("model", loaded) if isinstance(loaded, Mapping) else loaded
    if not isinstance(state, Mapping) or not state:
        raise CheckpointError(f"{path} holds no state dict, neither bare nor under the key 'model'")
    tensors = {name: value for name, value in state.items() if isinstance(value, Tensor)}
    if len(tensors) < len(state):
        others = [str(name) for name in state if name not in tensors]
        raise CheckpointError(f"{path} holds things that are no tensors where weights belong: {_list(others)}")
    return tensors


def _shapes(state: Mapping[str, Tensor]) -> Shapes:
    return {name: value.shape for name, value in state.items()}


def _differences(expected: Shapes, found: Shapes) -> str:
    missing = _list(name for name in expected if name not in found)
    unexpected = _list(name for name in found if name not in expected)
    misshapen = _list(
        f"{name} is {tuple(found[name])} and should be {tuple(shape)}"
        for name, shape in expected.items()
        if name in found and found[name] != shape
    )
    parts = (missing and f"missing {missing}", unexpected and f"unexpected {unexpected}", misshapen)
    return "; ".join(part for part in parts if part)


def _list(names: Iterable[str]) -> str:
    """The first few names, and how many more there are."""
    every = list(names)
    more = len(every) - _NAMES_SHOWN
    return ", ".join(every[:_NAMES_SHOWN]) + (f" and {more} more" if more > 0 else "")
