"""Rotoscoping in Blender: clicks in a viewer, mattes in the compositor, masks and the sequencer.

The network runs in the sam2-roto service, a process of its own: Blender carries no torch, and nothing here waits.
"""

from __future__ import annotations


def register() -> None:
    """Add panels, operators and fields."""
    import bpy

    from . import background, overlay, scene

    for kind in _classes():
        bpy.utils.register_class(kind)
    scene.attach()
    background.attach()
    overlay.attach()


def unregister() -> None:
    """Take them away again."""
    import bpy

    from . import background, overlay, scene

    overlay.detach()
    background.detach()
    scene.detach()
    for kind in reversed(_classes()):
        bpy.utils.unregister_class(kind)


def _classes() -> list[type]:
    """In the order in which they need one another."""
    from . import delivering, panel, pointing, preferences, prompting, scene

    fields = [scene.SAM2ROTO_PG_mark, scene.SAM2ROTO_PG_shot, scene.SAM2ROTO_PG_scene]
    rest = (*prompting.CLASSES, *pointing.CLASSES, *delivering.CLASSES, *panel.CLASSES)
    return [preferences.SAM2ROTO_AP_preferences, *fields, *rest]
