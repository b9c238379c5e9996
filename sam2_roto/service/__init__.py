"""The local service: rotoscoping for programs whose own Python cannot carry torch, over HTTP on this machine alone.

Nothing here imports torch or the web framework until it is needed; ``settings`` and ``runtime`` are light.
"""
