"""Acceptance models from counts, from sequences of cycles, or from what a serving engine reports."""

from analysis.fitting.models import fit_all
from analysis.fitting.observations import Observations, read_observations
from analysis.fitting.result import Fit, GoodnessOfFit
from analysis.fitting.summary import MeanLength, fit_mean_length, fit_of_mean_length

__all__ = [
    "Fit",
    "GoodnessOfFit",
    "MeanLength",
    "Observations",
    "fit_all",
    "fit_mean_length",
    "fit_of_mean_length",
    "read_observations",
]
