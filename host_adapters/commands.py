"""Commands that adapters add to ``sam2-roto``: name → module, and what it does. Imports nothing: help is instant."""

from __future__ import annotations

COMMANDS: dict[str, tuple[str, str]] = {
    "mlt": ("host_adapters.mlt.cli", "rotoscope a clip of a Kdenlive, Shotcut or MLT project"),
}
