"""Theory of cascade speculative drafting: exact EWIF, moments, optima, fits, predictions, derivations.

>>> from analysis import Cascade, ewif
>>> c = Cascade.speculative(alpha=0.8, c=0.1, k=5)
>>> round(ewif(c), 4), round(ewif(c.with_length(7)), 4)
(2.4595, 2.4477)

SymPy and SciPy are loaded when something that needs them is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from analysis.api import fit, optimise, predict
    from analysis.derive import symbolic_ewif
    from analysis.engines.readers import read_counters, read_counters_file
    from analysis.model import Advice, Cascade, InputError, Step, read_cascade
    from analysis.model.records.calibration import Calibration, read_calibration
    from analysis.model.records.engine_counters import EngineCounters
    from analysis.optimum import Optimum, Problem
    from analysis.theory.by_length import LengthRow, ewif_by_length
    from analysis.theory.exact import CycleLaw, cycle_law, ewif
    from analysis.theory.finite import generations
    from analysis.theory.heterogeneity import beta_ewif
    from analysis.theory.moments import CycleMoments
    from analysis.theory.moments import cycle_moments as moments

_HOMES = {
    "Advice": "analysis.model",
    "Calibration": "analysis.model.records.calibration",
    "Cascade": "analysis.model",
    "CycleLaw": "analysis.theory.exact",
    "CycleMoments": "analysis.theory.moments",
    "EngineCounters": "analysis.model.records.engine_counters",
    "InputError": "analysis.model",
    "LengthRow": "analysis.theory.by_length",
    "Optimum": "analysis.optimum",
    "Problem": "analysis.optimum",
    "Step": "analysis.model",
    "beta_ewif": "analysis.theory.heterogeneity",
    "cycle_law": "analysis.theory.exact",
    "ewif": "analysis.theory.exact",
    "ewif_by_length": "analysis.theory.by_length",
    "fit": "analysis.api",
    "generations": "analysis.theory.finite",
    "moments": "analysis.theory.moments:cycle_moments",
    "optimise": "analysis.api",
    "predict": "analysis.api",
    "read_calibration": "analysis.model.records.calibration",
    "read_cascade": "analysis.model",
    "read_counters": "analysis.engines.readers",
    "read_counters_file": "analysis.engines.readers",
    "symbolic_ewif": "analysis.derive",
}

__all__ = [
    "Advice",
    "Calibration",
    "Cascade",
    "CycleLaw",
    "CycleMoments",
    "EngineCounters",
    "InputError",
    "LengthRow",
    "Optimum",
    "Problem",
    "Step",
    "beta_ewif",
    "cycle_law",
    "ewif",
    "ewif_by_length",
    "fit",
    "generations",
    "moments",
    "optimise",
    "predict",
    "read_calibration",
    "read_cascade",
    "read_counters",
    "read_counters_file",
    "symbolic_ewif",
]


def __getattr__(name: str) -> object:
    """Load a public name when it is first used."""
    if name == "__version__":
        return import_module("analysis.model.boundary.program").version()
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, _, attribute = _HOMES[name].partition(":")
    value = globals()[name] = getattr(import_module(module), attribute or name)
    return value


def __dir__() -> list[str]:
    """The public names."""
    return sorted(__all__)
