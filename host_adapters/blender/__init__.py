"""The Blender adapter: ``extension/`` is what Blender runs, ``build.py`` packs it as a zip."""
