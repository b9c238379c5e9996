"""The extension's preferences."""

from __future__ import annotations

from pathlib import Path

import bpy
from bpy.props import FloatProperty, IntProperty, StringProperty

from .link import Link, Settings

_links: dict[Settings, Link] = {}


class SAM2ROTO_AP_preferences(bpy.types.AddonPreferences):
    """Where the service is, and what it is asked to do."""

    bl_idname = __package__

    command: StringProperty(
        name="Service Command",
        description="What runs sam2-roto, a path or a command line; empty: the one on PATH",
    )
    model: StringProperty(name="Model", description="A model's name or a weights file", default="nano")
    folder: StringProperty(
        name="Folder",
        description="Where shots, mattes and splines go; // is the folder of the .blend file",
        subtype="DIR_PATH",
        default="//roto",
    )
    image_size: IntProperty(
        name="Image Size",
        description="Side of the square that the network sees, a multiple of 32; 0: the model's own",
        default=0,
        min=0,
        max=2048,
    )
    feather: FloatProperty(
        name="Feather", description="Width of the mattes' soft edge in pixels", default=0.0, min=0.0, max=100.0
    )
    idle: IntProperty(
        name="Idle Time",
        description="Seconds without work after which the service ends by itself; 0: never",
        default=900,
        min=0,
        subtype="TIME",
    )

    def draw(self, _context: bpy.types.Context) -> None:
        """Draw the fields."""
        column = self.layout.column()
        for name in ("command", "model", "folder", "image_size", "feather", "idle"):
            column.prop(self, name)


def preferences() -> SAM2ROTO_AP_preferences:
    """The preferences as they are now."""
    return bpy.context.preferences.addons[__package__].preferences


def link() -> Link:
    """The way to the service by the preferences of now; it lasts as long as they stay."""
    said = preferences()
    settings = Settings(said.command, said.model, said.image_size, said.feather, float(said.idle))
    return _links.setdefault(settings, Link(settings))


def folder() -> Path:
    """Where shots and mattes go. Beside the .blend file; in the temporary folder where it was never saved."""
    said = preferences().folder or "//roto"
    if said.startswith("//") and not bpy.data.filepath:
        return Path(bpy.app.tempdir) / said.lstrip("/")
    return Path(bpy.path.abspath(said))
