"""How fast everything is, on the machine at hand."""
