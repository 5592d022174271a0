"""The hidden chain of hard and easy tokens (`analysis.theory.markov`) by maximum likelihood.

From sequences of cycles the likelihood is exact: a cycle that accepts a of k offered tokens multiplies the law of the
state by keep^a lose (keep^k move where a = k), with keep = diag(alpha) move and lose = diag(1 - alpha) move; the first
token's state has the text's shares. From counts by position only three of the chain's four numbers can be told, so
hard and easy text are then taken to be equally frequent, and cycles to be those of an endless text.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from analysis.fitting.likelihood import Contributions, log_likelihood, maximise, pearson, propagated
from analysis.fitting.observations import Cycles, Observations
from analysis.fitting.result import Fit
from analysis.theory.markov import HiddenChain, survival_by_position

Vector = NDArray[np.float64]

_NAMES = ("alpha_hard", "alpha_easy", "leave_hard", "leave_easy")
_BOUND = 8.0
"""Greatest logit of any parameter: beyond it a probability is 0 or 1 as far as counts can tell."""


def fit_markov(observed: Observations) -> Fit:
    """Two-state hidden chain; the entry holds the hazards of an endless text at the observed draft length."""
    exact = bool(observed.sequences)
    k = max((int(cycles.offered.max(initial=0)) for cycles in observed.sequences), default=observed.positions)
    contributions = _of_sequences(observed) if exact else _of_positions(observed, k)
    rate = float(np.clip(observed.accepted.sum() / observed.examined.sum(), 0.05, 0.95))
    spread = 0.7 * min(rate, 1 - rate)
    starts = [
        [logit(rate - spread), logit(rate + spread), logit(leave), logit(leave)][: 4 if exact else 3]
        for leave in (0.05, 0.3, 0.7)
    ]
    found = maximise(contributions, starts, [(-_BOUND, _BOUND)] * len(starts[0]))

    def natural(parameters: Vector) -> Vector:
        return np.array(_ordered(parameters))

    def entry_hazards(parameters: Vector) -> Vector:
        return _hazards(parameters, k)

    singular = bool(np.isnan(found.covariance).any())
    errors = None if singular else propagated(natural, found.parameters, found.covariance)
    entry_errors = propagated(entry_hazards, found.parameters, found.covariance)
    weighting = f"weighting: cycles of an endless text, drafts of {k}"
    return Fit(
        "markov",
        {"per_position": entry_hazards(found.parameters).tolist()},
        None if entry_errors is None else {"per_position": entry_errors},
        dict(zip(_NAMES, natural(found.parameters).tolist(), strict=True)),
        dict(zip(_NAMES, errors, strict=True)) if errors else dict.fromkeys(_NAMES),
        found.log_likelihood,
        found.parameters.size,
        pearson(observed, _hazards(found.parameters, observed.positions)[observed.position], found.parameters.size),
        weighting if exact else f"{weighting}; hard and easy text taken to be equally frequent",
    )


def _ordered(parameters: Vector) -> tuple[float, float, float, float]:
    """(alpha_hard, alpha_easy, leave_hard, leave_easy) from logits, the harder state first."""
    first, second, leave_first = (float(expit(x)) for x in parameters[:3])
    leave_second = float(expit(parameters[3])) if parameters.size == 4 else leave_first
    if first <= second:
        return first, second, leave_first, leave_second
    return second, first, leave_second, leave_first


def _hazards(parameters: Vector, draft_length: int) -> Vector:
    hard, easy, leave_hard, leave_easy = _ordered(parameters)
    survival = survival_by_position(HiddenChain(leave_hard, leave_easy), (hard, easy), draft_length)
    result: Vector = np.minimum(survival[1:] / survival[:-1], 1.0)
    return result


def _of_positions(observed: Observations, draft_length: int) -> Contributions:
    def contributions(parameters: Vector) -> Vector:
        return observed.by_prompt(log_likelihood(observed, _hazards(parameters, draft_length)[observed.position]))

    return contributions


def _of_sequences(observed: Observations) -> Contributions:
    outcomes, chosen = _distinct_outcomes(observed.sequences)

    def contributions(parameters: Vector) -> Vector:
        hard, easy, leave_hard, leave_easy = _ordered(parameters)
        chain = HiddenChain(leave_hard, leave_easy)
        alphas = np.array([hard, easy])
        keep, lose = alphas[:, None] * chain.moves, (1 - alphas)[:, None] * chain.moves
        powers = [np.eye(2)]
        for _ in range(int(outcomes[:, 1].max())):
            powers.append(powers[-1] @ keep)
        table = [powers[a] @ (chain.moves if a == k else lose) for k, a in outcomes.tolist()]
        return _log_products(np.array([*table, np.eye(2)])[chosen], chain.shares)

    return contributions


def _distinct_outcomes(sequences: tuple[Cycles, ...]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """(distinct (offered, accepted), index into them of every prompt's cycles; -1 past a prompt's last cycle).

    Prompts are padded to a power of two of cycles, so that matrices can be multiplied in pairs.
    """
    pairs = [np.column_stack([cycles.offered, cycles.accepted]) for cycles in sequences]
    outcomes, index = np.unique(np.concatenate(pairs), axis=0, return_inverse=True)
    width = 1 << (max(len(pair) for pair in pairs) - 1).bit_length()
    chosen = np.full((len(pairs), width), -1, dtype=np.intp)
    at = 0
    for row, pair in enumerate(pairs):
        chosen[row, : len(pair)] = index.ravel()[at : at + len(pair)]
        at += len(pair)
    return outcomes, chosen


def _log_products(matrices: Vector, shares: Vector) -> Vector:
    """log of shares M_1 M_2 ... M_n 1 for every prompt, by pairwise products, each rescaled to greatest entry 1."""
    log_scale = np.zeros(matrices.shape[0])
    while True:
        greatest = np.maximum(matrices.max(axis=(2, 3), keepdims=True), 1e-300)
        matrices = matrices / greatest
        log_scale = log_scale + np.log(greatest).sum(axis=(1, 2, 3))
        if matrices.shape[1] == 1:
            break
        matrices = matrices[:, ::2] @ matrices[:, 1::2]
    result: Vector = log_scale + np.log(np.maximum(shares @ matrices[:, 0].sum(axis=-1).T, 1e-300))
    return result
