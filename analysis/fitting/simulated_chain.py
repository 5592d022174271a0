"""Goodness of fit of the hidden chain: Pearson's statistic of accepted tokens, its law simulated from the fitted chain.

Neighbouring reviews depend on each other under the chain, so that the statistic has no chi-squared law. Texts are drawn
from the fitted chain instead, with the observed drafts offered in the observed order. That the parameters were fitted
to the counts is allowed for by what the score takes out of them: at the true parameters the excess of accepted tokens
at the refitted ones is, to first order, what is left of the excess after its regression on the score.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from analysis.fitting.likelihood import scores
from analysis.fitting.observations import PromptCycles
from analysis.fitting.result import GoodnessOfFit
from analysis.theory.markov import HiddenChain

Vector = NDArray[np.float64]
LikelihoodOf = Callable[[Sequence[PromptCycles]], Callable[[Vector], Vector]]
"""From sequences of cycles to the log-likelihood of each of them at given parameters."""

REPLICATES = 199
_SEED = 20231218
_LEAST_EXPECTED = 5.0
_TEST = "Pearson, accepted tokens by position"


def chain_test(
    sequences: Sequence[PromptCycles],
    chain: HiddenChain,
    alphas: tuple[float, float],
    likelihood: LikelihoodOf,
    parameters: Vector,
    free: NDArray[np.intp],
) -> GoodnessOfFit | None:
    """Test the fitted chain against the sequences it was fitted to; 199 replicates with a fixed seed.

    Args:
        sequences: Cycles of every prompt, in order.
        chain: The fitted chain.
        alphas: Acceptances in (hard, easy) text.
        likelihood: Log-likelihood of sequences by parameters.
        parameters: The fitted ones.
        free: Which of them the counts moved: those not on the edge of their range.

    Returns:
        The test; None where too few tokens were examined to expect five acceptances and five rejections.
    """
    offered = np.zeros((len(sequences), max(cycles.offered.size for cycles in sequences)), dtype=np.intp)
    seen = np.zeros((1, *offered.shape), dtype=np.intp)
    for row, cycles in enumerate(sequences):
        offered[row, : cycles.offered.size] = cycles.offered
        seen[0, row, : cycles.offered.size] = cycles.accepted
    drawn = drawn_from_chain(offered, chain, alphas, REPLICATES, np.random.default_rng(_SEED))
    examined, accepted = _by_position(offered, drawn)
    hazards = accepted.sum(axis=0) / np.maximum(examined.sum(axis=0), 1)
    groups = _groups(accepted.mean(axis=0), (examined - accepted).mean(axis=0))
    if not groups:
        return None
    excess = accepted - examined * hazards
    scale = np.sqrt([sum(examined[:, j].mean() * hazards[j] * (1 - hazards[j]) for j in group) for group in groups])
    residuals = np.stack([excess[:, group].sum(axis=1) for group in groups], axis=1) / scale
    lengths = [cycles.offered.size for cycles in sequences]

    def score_of(texts: NDArray[np.intp]) -> Vector:
        listed = [PromptCycles(offered[p, :n], text[p, :n]) for text in texts for p, n in enumerate(lengths)]
        by_prompt = scores(likelihood(listed), parameters, free)
        result: Vector = by_prompt.reshape(len(texts), len(lengths), free.size).sum(axis=1)
        return result

    regressors = score_of(drawn)
    inverse = np.linalg.pinv(regressors)
    coefficients = inverse @ residuals
    own = np.einsum("if,fi->i", regressors, inverse)  # each left out of its own regression, as the counts are
    law = (((residuals - regressors @ coefficients) / (1 - own)[:, None]) ** 2).sum(axis=1)
    examined, accepted = _by_position(offered, seen)
    found = np.array([(accepted - examined * hazards)[0, group].sum() for group in groups]) / scale
    statistic = float(((found - score_of(seen)[0] @ coefficients) ** 2).sum())
    p_value = (1 + int((law >= statistic * (1 - 1e-9)).sum())) / (1 + REPLICATES)
    return GoodnessOfFit(_TEST, statistic, None, p_value)


def drawn_from_chain(
    offered: NDArray[np.intp],
    chain: HiddenChain,
    alphas: tuple[float, float],
    replicates: int,
    generator: np.random.Generator,
) -> NDArray[np.intp]:
    """Accepted tokens of consecutive cycles of texts, shape (replicates, prompts, cycles).

    Args:
        offered: Tokens offered in each cycle, shape (prompts, cycles).
        chain: Hard and easy tokens; the first token of a text is hard with the long-run share.
        alphas: Acceptances in (hard, easy) text.
        replicates: Number of texts of each prompt.
        generator: Of random numbers.
    """
    leave = np.array([chain.leave_hard, chain.leave_easy])
    acceptance = np.array(alphas)
    accepted = np.zeros((replicates, *offered.shape), dtype=np.intp)
    easy = (generator.random(accepted.shape[:2]) < chain.shares[1]).astype(np.intp)
    for cycle in range(offered.shape[1]):
        going = np.ones(easy.shape, dtype=bool)
        for position in range(int(offered[:, cycle].max()) + 1):
            passed = going & (position < offered[:, cycle]) & (generator.random(easy.shape) < acceptance[easy])
            moves = going & (generator.random(easy.shape) < leave[easy])
            easy = np.where(moves, 1 - easy, easy)
            accepted[:, :, cycle] += passed
            going = passed
            if not going.any():
                break
    return accepted


def _by_position(offered: NDArray[np.intp], accepted: NDArray[np.intp]) -> tuple[Vector, Vector]:
    """(examined, accepted) tokens by text and position, shape (texts, positions)."""
    positions = range(int(offered.max()))
    examined = [((offered > j) & (accepted >= j)).sum(axis=(1, 2)) for j in positions]
    passed = [(accepted > j).sum(axis=(1, 2)) for j in positions]
    return np.array(examined, dtype=np.float64).T, np.array(passed, dtype=np.float64).T


def _groups(accepted: Vector, rejected: Vector) -> list[list[int]]:
    """Neighbouring positions joined until five acceptances and five rejections are expected of each group."""
    groups: list[list[int]] = []
    opened: list[int] = []
    for j in range(accepted.size):
        opened.append(j)
        if min(accepted[opened].sum(), rejected[opened].sum()) >= _LEAST_EXPECTED:
            groups.append(opened)
            opened = []
    if groups:
        groups[-1] += opened
    return groups
