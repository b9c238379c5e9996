"""Adapters between the rotoscoping core and the programs that people composite in.

An adapter is a module here; it may import ``sam2_roto`` and ``compositing``, and neither may import it.
"""
