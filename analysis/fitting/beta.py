"""Beta law of alpha over prompts, by the beta-binomial likelihood of each prompt's counts.

A prompt with alpha ~ Beta(a, b) that shows x accepted and y rejected reviews has likelihood B(a + x, b + y) / B(a, b),
whatever rule decided when its drafts and its generation stopped.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaln, expit, logit
from scipy.stats import chi2

from analysis.fitting.errors import hazard_uncertainty, named_errors
from analysis.fitting.likelihood import log_likelihood, maximise, propagated
from analysis.fitting.observations import Observations
from analysis.fitting.result import Fit, GoodnessOfFit
from analysis.theory.heterogeneity import LEAST_SHAPE, hazards_of_equal_cycles, hazards_of_equal_tokens

Vector = NDArray[np.float64]

MOST_CONCENTRATION = 1e4
"""Greatest a + b considered: beyond it prompts do not differ by anything that counts could show."""
_REPLICATES = 999
_SEED = 20231218


def fit_beta(observed: Observations) -> Fit:
    """Beta(a, b) over prompts, every prompt weighing the same.

    The entry holds the hazards of the cycles of prompts that all generate as many tokens, drafting as many tokens as
    were observed; `alternatives` holds those of prompts that all run as many cycles.
    """
    accepted = observed.by_prompt(observed.accepted)
    rejected = observed.by_prompt(observed.examined) - accepted

    def contributions(parameters: Vector) -> Vector:
        a, b = _shapes(parameters)
        result: Vector = betaln(a + accepted, b + rejected) - betaln(a, b)
        return result

    rate = float(np.clip(accepted.sum() / observed.examined.sum(), 1e-3, 1 - 1e-3))
    bounds = [(-12.0, 12.0), (np.log(1e-2), np.log(MOST_CONCENTRATION))]
    found = maximise(contributions, [[logit(rate), np.log(c)] for c in (1.0, 10.0, 100.0)], bounds)
    a, b = _shapes(found.parameters)

    def natural(parameters: Vector) -> Vector:
        a, b = _shapes(parameters)
        mean = a / (a + b)
        return np.array([a, b, mean, np.sqrt(mean * (1 - mean) / (a + b + 1))])

    names = ("a", "b", "mean", "deviation")
    singular = bool(np.isnan(found.covariance).any())
    errors = None if singular else propagated(natural, found.parameters, found.covariance)
    k = observed.positions

    def entry_hazards(parameters: Vector) -> Vector:
        hazards = hazards_of_equal_tokens(*_shapes(parameters), k)
        return np.array([hazards.at(j) for j in range(k)])

    hazard_covariance = None if singular else propagated(entry_hazards, found.parameters, found.covariance)
    constant = np.full_like(observed.examined, observed.accepted.sum() / observed.examined.sum())
    ratio = max(2 * (found.log_likelihood - float(log_likelihood(observed, constant).sum())), 0.0)
    return Fit(
        "beta",
        {"per_position": entry_hazards(found.parameters).tolist()},
        hazard_uncertainty(observed, hazard_covariance, k),
        dict(zip(names, natural(found.parameters).tolist(), strict=True)),
        named_errors(names, errors),
        found.log_likelihood,
        2,
        _predictive_test(observed, a, b),
        f"weighting: prompts with equal tokens, drafts of {k}; likelihood ratio against one alpha for all prompts "
        f"{ratio:.4g}, p = {0.5 * chi2.sf(ratio, 1) if ratio > 0 else 1.0:.3g}",
        {"equal_cycles": hazards_of_equal_cycles(a, b, k).to_json()},
    )


def _shapes(parameters: Vector) -> tuple[float, float]:
    """(a, b) from (logit mean, log (a + b)), kept within what the quadrature over Beta laws can hold."""
    mean, concentration = expit(parameters[0]), np.exp(parameters[1])
    return max(float(mean * concentration), LEAST_SHAPE), max(float((1 - mean) * concentration), LEAST_SHAPE)


def _predictive_test(observed: Observations, a: float, b: float) -> GoodnessOfFit | None:
    """Whether hazards are flat within a prompt: a posterior predictive test on accepted tokens by position.

    Statistic: sum over positions of (accepted - expected)^2 / variance, each prompt at the posterior mean of its
    alpha. Its law is simulated: alphas from the posteriors, each position examined as often as the prompt's accepted
    tokens went on to be examined. 999 replicates with a fixed seed; conservative, as such tests are.
    """
    if observed.positions < 2 or observed.corrected.any():
        return None
    examined = np.zeros((observed.prompts, observed.positions))
    accepted = np.zeros_like(examined)
    examined[observed.prompt, observed.position] = np.rint(observed.examined)
    accepted[observed.prompt, observed.position] = np.minimum(np.rint(observed.accepted), np.rint(observed.examined))
    goes_on = np.minimum(examined[:, 1:] / np.maximum(accepted[:, :-1], 1), 1.0)
    generator = np.random.default_rng(_SEED)
    shape = (_REPLICATES, observed.prompts)
    total = accepted.sum(axis=1)
    alphas = generator.beta(a + total, b + examined.sum(axis=1) - total, shape)
    drawn_examined = np.empty((*shape, observed.positions))
    drawn_accepted = np.empty_like(drawn_examined)
    drawn_examined[..., 0] = examined[:, 0]
    for j in range(observed.positions):
        drawn_accepted[..., j] = generator.binomial(drawn_examined[..., j].astype(np.int64), alphas)
        if j + 1 < observed.positions:
            drawn_examined[..., j + 1] = generator.binomial(drawn_accepted[..., j].astype(np.int64), goes_on[:, j])
    statistic = float(_flatness(examined, accepted, a, b))
    # A replicate equal to the counts themselves must count as exceeding, whatever the order of summation.
    exceeding = int((_flatness(drawn_examined, drawn_accepted, a, b) >= statistic * (1 - 1e-9)).sum())
    return GoodnessOfFit(
        "posterior predictive, accepted tokens by position", statistic, None, (1 + exceeding) / (1 + _REPLICATES)
    )


def _flatness(examined: Vector, accepted: Vector, a: float, b: float) -> Vector:
    """The statistic, for arrays that end in (prompts, positions)."""
    total = accepted.sum(axis=-1, keepdims=True)
    alphas = (a + total) / (a + b + examined.sum(axis=-1, keepdims=True))
    excess = (accepted - examined * alphas).sum(axis=-2)
    variance = (examined * alphas * (1 - alphas)).sum(axis=-2)
    result: Vector = (excess**2 / np.maximum(variance, 1e-300)).sum(axis=-1)
    return result
