"""Acceptance models from counts, from sequences of cycles, or from what a serving engine reports."""

from analysis.fit.models import fit_all
from analysis.fit.observations import Observations, read_observations
from analysis.fit.result import Fit, GoodnessOfFit
from analysis.fit.summary import MeanLength, fit_mean_length

__all__ = [
    "Fit",
    "GoodnessOfFit",
    "MeanLength",
    "Observations",
    "fit_all",
    "fit_mean_length",
    "read_observations",
]
