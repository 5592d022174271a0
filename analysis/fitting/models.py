"""Maximum-likelihood acceptance models of counts: constant, typed, by position and decaying; and all models at once."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from analysis.fitting.beta import fit_beta
from analysis.fitting.hidden import fit_markov
from analysis.fitting.likelihood import LEAST_PROMPTS, log_likelihood, maximise, pearson, propagated, robust_covariance
from analysis.fitting.observations import Observations
from analysis.fitting.result import Fit

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
    found = [fit(observed) for fit in tqdm(models, unit="model", desc="fitting", delay=2)]
    return sorted((fit for fit in found if fit is not None), key=lambda fit: math.inf if fit.aic is None else fit.aic)


def fit_constant(observed: Observations) -> Fit:
    """One alpha: accepted over examined."""
    hazards, errors, robust = _proportions(observed, np.zeros_like(observed.position))
    return _binomial_fit(
        "constant", observed, hazards, errors, ["alpha"], float(hazards[0]), robust and robust[0], hazards[[0]]
    )


def fit_typed(observed: Observations) -> Fit:
    """One alpha for tokens an inner review accepted, one for its corrections and bonus tokens."""
    kind = observed.corrected.astype(np.intp)
    hazards, errors, robust = _proportions(observed, kind)
    entry = dict(zip(("accepted", "corrected"), hazards.tolist(), strict=True))
    uncertainty = robust and dict(zip(("accepted", "corrected"), robust, strict=True))
    return _binomial_fit(
        "typed", observed, hazards, errors, ["accepted", "corrected"], entry, uncertainty, hazards[kind]
    )


def fit_per_position(observed: Observations) -> Fit:
    """One hazard a position; positions never examined are left out, the last one repeats."""
    seen, index = np.unique(observed.position, return_inverse=True)
    hazards, errors, robust = _proportions(observed, index)
    listed = np.maximum(np.searchsorted(seen, np.arange(seen[-1] + 1), side="right") - 1, 0)
    entry = {"per_position": hazards[listed].tolist()}
    uncertainty = robust and {"per_position": [robust[i] for i in listed]}
    names = [f"hazard_{j}" for j in seen]
    return _binomial_fit("per_position", observed, hazards, errors, names, entry, uncertainty, hazards[index])


def fit_decaying(observed: Observations, *, floor: bool) -> Fit | None:
    """Hazard min(1, max(floor, initial decay^j)); without `floor` it is 0, so survival is geometric (vLLM PR 38045).

    None where a floor is asked for and the best one lies below every hazard: the model without floor is as good.
    """

    def hazards(parameters: Vector) -> Vector:
        raw = _raw_hazard(parameters, observed.position)
        clipped: Vector = np.clip(raw, parameters[2] if floor else 0.0, 1.0)
        return clipped

    def contributions(parameters: Vector) -> Vector:
        return observed.by_prompt(log_likelihood(observed, hazards(parameters)))

    rate = float(np.clip(observed.accepted.sum() / observed.examined.sum(), 0.01, 0.99))
    starts = [[rate, decay, 0.0] for decay in (0.8, 1.0, 1.1)]
    if floor:
        starts += [[min(1.2 * rate, 0.99), 0.7, share * rate] for share in (0.5, 0.8)]
    size = 3 if floor else 2
    found = maximise(
        contributions,
        [start[:size] for start in starts],
        [(0.0, 1.0), (0.0, MOST_DECAY), (0.0, 1.0)][:size],
        kinks=True,
    )
    if floor and found.parameters[2] <= _raw_hazard(found.parameters, np.array(observed.positions - 1)):
        return None
    names = ["initial", "decay", "floor"][:size]
    values = dict(zip(names, found.parameters.tolist(), strict=True))
    errors: dict[str, float | None] = dict.fromkeys(names)
    uncertainty = None
    if observed.counted:
        errors = dict(zip(names, found.standard_errors, strict=True))
        covariance = found.covariance
        if observed.prompts >= LEAST_PROMPTS:
            covariance = robust_covariance(contributions, found)
        robust = propagated(lambda parameters: parameters, found.parameters, covariance)
        uncertainty = None if robust is None else dict(zip(names, robust, strict=True))
    return Fit(
        "decaying_floor" if floor else "decaying",
        values,
        uncertainty,
        values,
        errors,
        found.log_likelihood if observed.counted else None,
        size,
        pearson(observed, hazards(found.parameters), size),
    )


def _raw_hazard(parameters: Vector, position: NDArray[np.intp]) -> Vector:
    """initial decay^j, held finite where a growing factor overflows far into a draft; it is cut to 1 anyway."""
    with np.errstate(over="ignore"):
        power = np.minimum(np.power(parameters[1], position), _MOST_POWER)
    return np.asarray(parameters[0] * power)


_MOST_POWER = 1e300

MOST_DECAY = 4.0
"""Greatest factor a position that a decaying fit considers."""


def _proportions(observed: Observations, group: NDArray[np.intp]) -> tuple[Vector, list[float], list[float] | None]:
    """Proportion accepted in each group of cells, with its standard errors.

    Returns:
        (hazards, standard errors of binomial trials, standard errors robust to prompts that differ); the last falls
        back to the binomial ones where fewer than ten prompts were told apart, and is None for mere rates. With a
        proportion of 0 or 1 the binomial error is that of half a count more on either side, never 0.
    """
    examined = np.bincount(group, weights=observed.examined)
    accepted = np.bincount(group, weights=observed.accepted)
    hazards = accepted / examined
    inner = np.where((hazards == 0) | (hazards == 1), (accepted + 0.5) / (examined + 1), hazards)
    errors = np.sqrt(inner * (1 - inner) / examined)
    if not observed.counted:
        return hazards, errors.tolist(), None
    if observed.prompts < LEAST_PROMPTS:
        return hazards, errors.tolist(), errors.tolist()
    excess = np.zeros((observed.prompts, examined.size))
    np.add.at(excess, (observed.prompt, group), observed.accepted - observed.examined * hazards[group])
    correction = observed.prompts / (observed.prompts - 1)
    robust = np.sqrt(correction * (excess**2).sum(axis=0)) / examined
    return hazards, errors.tolist(), np.where(robust > 0, robust, errors).tolist()


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
