"""A published model as teacher: its weights from a package, and what it shows the embedded model, made once.

``lessons`` are single pictures with its features and masks, ``scenes`` pieces of film with what it follows in them.
"""
