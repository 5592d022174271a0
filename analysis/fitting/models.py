"""Maximum-likelihood acceptance models of counts: constant, typed and by position; and all models at once."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from analysis.fitting.beta import fit_beta
from analysis.fitting.decaying import fit_decaying
from analysis.fitting.errors import by_position, proportions
from analysis.fitting.hidden import fit_markov
from analysis.fitting.likelihood import log_likelihood, pearson
from analysis.fitting.observations import Observations
from analysis.fitting.result import Fit
from analysis.model import progress

Vector = NDArray[np.float64]


def fit_all(observed: Observations) -> list[Fit]:
    """Every model the observations can tell something about, the smallest AIC first where there is one.

    Typed needs both types of token, by position and decaying two positions, Beta two prompts, Markov sequences of
    cycles or at least four positions. Mere rates have no AIC; the constant model then comes first.
    """
    models: list[Callable[[Observations], Fit | None]] = [fit_constant]
    if observed.is_typed:
        models.append(fit_typed)
    if observed.positions > 1:
        models += [fit_per_position, partial(fit_decaying, floor=False)]
    if observed.positions > 2:
        models.append(partial(fit_decaying, floor=True))
    if observed.counted and observed.prompts > 1:
        models.append(fit_beta)
    if observed.counted and (observed.sequences or observed.positions > 3):
        models.append(fit_markov)
    found = [fit(observed) for fit in progress(models, "fitting", "model")]
    return sorted((fit for fit in found if fit is not None), key=lambda fit: math.inf if fit.aic is None else fit.aic)


def fit_constant(observed: Observations) -> Fit:
    """One alpha: accepted over examined."""
    hazards, errors, robust = proportions(observed, np.zeros_like(observed.position))
    return _binomial_fit(
        "constant", observed, hazards, errors, ["alpha"], float(hazards[0]), robust and robust[0], hazards[[0]]
    )


def fit_typed(observed: Observations) -> Fit:
    """One alpha for tokens an inner review accepted, one for its corrections and bonus tokens."""
    kind = observed.corrected.astype(np.intp)
    hazards, errors, robust = proportions(observed, kind)
    entry = dict(zip(("accepted", "corrected"), hazards.tolist(), strict=True))
    uncertainty = robust and dict(zip(("accepted", "corrected"), robust, strict=True))
    return _binomial_fit(
        "typed", observed, hazards, errors, ["accepted", "corrected"], entry, uncertainty, hazards[kind]
    )


def fit_per_position(observed: Observations) -> Fit:
    """One hazard a position; positions never examined are left out; nothing is said of positions behind the last."""
    seen, index = np.unique(observed.position, return_inverse=True)
    hazards, errors, robust = proportions(observed, index)
    entry = {"per_position": by_position(observed, hazards.tolist())}
    uncertainty = robust and {"per_position": by_position(observed, robust)}
    names = [f"hazard_{j}" for j in seen]
    return _binomial_fit("per_position", observed, hazards, errors, names, entry, uncertainty, hazards[index])


def _binomial_fit(
    name: str,
    observed: Observations,
    hazards: Vector,
    errors: list[float],
    names: list[str],
    entry: object,
    uncertainty: object,
    by_cell: Vector,
) -> Fit:
    counted = observed.counted
    by_cell = np.broadcast_to(by_cell, observed.examined.shape)
    return Fit(
        name,
        entry,
        uncertainty,
        dict(zip(names, hazards.tolist(), strict=True)),
        dict(zip(names, errors if counted else [None] * len(names), strict=True)),
        float(log_likelihood(observed, by_cell).sum()) if counted else None,
        len(names),
        pearson(observed, by_cell, len(names)),
    )
