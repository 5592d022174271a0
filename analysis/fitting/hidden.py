"""The hidden chain of hard and easy tokens (`analysis.theory.markov`) by maximum likelihood.

From sequences of cycles the likelihood is exact: a cycle that accepts a of k offered tokens multiplies the law of the
state by keep^a lose (keep^k move where a = k), with keep = diag(alpha) move and lose = diag(1 - alpha) move; the first
token's state has the text's shares. From counts by position only three of the chain's four numbers can be told, so
hard and easy text are then taken to be equally frequent, and cycles to be those of an endless text.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from analysis.fitting.errors import hazard_uncertainty, named_errors
from analysis.fitting.likelihood import Contributions, Maximum, log_likelihood, maximise, propagated
from analysis.fitting.observations import Observations, PromptCycles
from analysis.fitting.result import Fit, GoodnessOfFit
from analysis.fitting.simulated_chain import chain_test
from analysis.model import MAX_DRAFT_LENGTH
from analysis.theory.markov import HiddenChain, survival_by_position

Vector = NDArray[np.float64]

_NAMES = ("alpha_hard", "alpha_easy", "leave_hard", "leave_easy")
_BOUND = 8.0
"""Greatest logit of any parameter: beyond it a probability is 0 or 1 as far as counts can tell."""


def fit_markov(observed: Observations) -> Fit:
    """Two-state hidden chain; the entry holds the hazards of an endless text at the observed draft length."""
    exact = bool(observed.sequences)
    k = max((int(cycles.offered.max(initial=0)) for cycles in observed.sequences), default=observed.positions)
    contributions = _of_sequences(observed.sequences) if exact else _of_positions(observed, k)
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
    hazard_covariance = None if singular else propagated(entry_hazards, found.parameters, found.covariance)
    weighting = f"weighting: cycles of an endless text, drafts of {k}"
    return Fit(
        "markov",
        {"per_position": entry_hazards(found.parameters).tolist()},
        hazard_uncertainty(observed, hazard_covariance, k),
        dict(zip(_NAMES, natural(found.parameters).tolist(), strict=True)),
        named_errors(_NAMES, errors),
        found.log_likelihood,
        found.parameters.size,
        _tested(observed, found) if exact else None,
        weighting
        if exact
        else f"{weighting}; hard and easy text taken to be equally frequent; no test of fit, since counts by position "
        "do not tell how neighbouring cycles depend on each other",
    )


def _tested(observed: Observations, found: Maximum) -> GoodnessOfFit | None:
    """The test of the fitted chain; parameters on the edge of their range are held."""
    hard, easy, leave_hard, leave_easy = _ordered(found.parameters)
    free = np.flatnonzero(np.abs(found.parameters) < _BOUND - 1e-3)
    chain = HiddenChain(leave_hard, leave_easy)
    return chain_test(observed.sequences, chain, (hard, easy), _of_sequences, found.parameters, free)


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


def _of_sequences(sequences: Sequence[PromptCycles]) -> Contributions:
    outcomes, chosen = _distinct_outcomes(sequences)

    def contributions(parameters: Vector) -> Vector:
        hard, easy, leave_hard, leave_easy = _ordered(parameters)
        chain = HiddenChain(leave_hard, leave_easy)
        alphas = np.array([hard, easy])
        keep, lose = alphas[:, None] * chain.moves, (1 - alphas)[:, None] * chain.moves
        powers = [np.eye(2)]
        for _ in range(int(outcomes[:, 1].max())):
            powers.append(powers[-1] @ keep)
        table = [powers[a] @ (chain.moves if a == k else lose) for k, a in outcomes.tolist()]
        # The four entries apart: products of so small matrices are many times slower one by one.
        entries = np.array([*table, np.eye(2)]).reshape(-1, 4).T
        return _log_products(entries[:, chosen], chain.shares)

    return contributions


def _distinct_outcomes(sequences: Sequence[PromptCycles]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """(distinct (offered, accepted), index into them of every prompt's cycles; -1 past a prompt's last cycle).

    Prompts are padded to a power of two of cycles, so that matrices can be multiplied in pairs.
    """
    codes = [cycles.offered * (MAX_DRAFT_LENGTH + 1) + cycles.accepted for cycles in sequences]
    outcomes, index = np.unique(np.concatenate(codes), return_inverse=True)
    width = 1 << (max(code.size for code in codes) - 1).bit_length()
    chosen = np.full((len(codes), width), -1, dtype=np.intp)
    at = 0
    for row, code in enumerate(codes):
        chosen[row, : code.size] = index[at : at + code.size]
        at += code.size
    return np.stack(np.divmod(outcomes, MAX_DRAFT_LENGTH + 1), axis=1), chosen


def _log_products(matrices: Vector, shares: Vector) -> Vector:
    """log of shares M_1 M_2 ... M_n 1 for every prompt, by pairwise products, each rescaled to greatest entry 1.

    Args:
        matrices: Their entries (0, 0), (0, 1), (1, 0), (1, 1), shape (4, prompts, n), n a power of two.
        shares: Law of the first state, shape (2,).
    """
    log_scale = np.zeros(matrices.shape[1])
    while True:
        a, b, c, d = matrices
        greatest = np.maximum(np.maximum(np.maximum(a, b), np.maximum(c, d)), 1e-300)
        matrices = matrices / greatest
        log_scale = log_scale + np.log(greatest).sum(axis=1)
        if matrices.shape[2] == 1:
            break
        (a, b, c, d), (e, f, g, h) = matrices[..., ::2], matrices[..., 1::2]
        matrices = np.stack([a * e + b * g, a * f + b * h, c * e + d * g, c * f + d * h])
    a, b, c, d = matrices[..., 0]
    result: Vector = log_scale + np.log(np.maximum(shares[0] * (a + b) + shares[1] * (c + d), 1e-300))
    return result
