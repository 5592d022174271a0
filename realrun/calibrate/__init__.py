"""Calibration: real runs of some models, condensed to a specification that theory and simulation take as it is.

`run` measures a set of models by itself; `from_rows` condenses rows of runs that were made for another reason.
"""

from realrun.calibrate.from_rows import acceptance_by_position, constant_acceptance, costs_by_tokens

__all__ = ["acceptance_by_position", "constant_acceptance", "costs_by_tokens"]
