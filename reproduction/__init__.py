"""Where theory, simulation, real runs and figures meet: the parts of the list of artefacts in `paper_repro.py`."""
