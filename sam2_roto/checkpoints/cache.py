"""The folder in which downloaded weights are kept."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from sam2_roto.checkpoints.published import EMBEDDED, published

CACHE_VARIABLE = "SAM2_ROTO_CACHE"
"""Environment variable that moves the cache folder."""

_EMBEDDED_FOLDER = Path(__file__).resolve().parents[1] / "model" / "weights"


def cache_folder() -> Path:
    """``$SAM2_ROTO_CACHE``, else the platform's folder for caches; it need not exist yet."""
    named = os.environ.get(CACHE_VARIABLE)
    if named:
        return Path(named).expanduser()
    home = Path.home()
    if sys.platform == "darwin":
        base = home / "Library" / "Caches"
    elif sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    else:
        # An empty or relative XDG_CACHE_HOME counts as unset (XDG base directory specification 0.8).
        given = Path(os.environ.get("XDG_CACHE_HOME", ""))
        base = given if given.is_absolute() else home / ".cache"
    return base / "sam2-roto"


def place(name: str) -> Path:
    """Where the weights of the model ``name`` belong; raises ``ModelError`` for a name that is unknown."""
    if name == EMBEDDED:
        return _EMBEDDED_FOLDER / f"{EMBEDDED}.safetensors"
    return cache_folder() / published(name).file_name


def find(name: str) -> Path | None:
    """The weights of the model ``name`` on this machine, ``None`` where they are not here."""
    path = place(name)
    return path if path.is_file() else None
