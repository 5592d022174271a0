"""The best cascade for given models, acceptances and costs, and a proof of how good it is."""

from analysis.model.boundary.fields import ContradictionError
from analysis.optimum.certificate import Certificate, SearchLimits
from analysis.optimum.optimise import Optimum, optimise
from analysis.optimum.problem import MAX_DEPTH, Problem

__all__ = ["MAX_DEPTH", "Certificate", "ContradictionError", "Optimum", "Problem", "SearchLimits", "optimise"]
