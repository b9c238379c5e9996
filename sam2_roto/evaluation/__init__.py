"""How good the mattes are: region and boundary measures, data sets, simulated prompts, reports."""
