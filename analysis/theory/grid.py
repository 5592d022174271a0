"""EWIF of flat cascades, drafts of leaf steps only, over whole grids at once."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analysis.model import MAX_DRAFT_LENGTH, InputError

Values: TypeAlias = NDArray[np.float64]


def flat_ewif(alpha: ArrayLike, c: ArrayLike, k: ArrayLike) -> Values:
    """EWIF of one drafter for every combination of the arrays, which broadcast against each other.

    (1 + alpha + ... + alpha^k) / (1 + k c): Theorem 3.8 of Leviathan et al. (arXiv 2211.17192). For example
    ``flat_ewif(alphas[:, None, None], costs[:, None], lengths)`` is a map over all three.

    Args:
        alpha: Acceptance, in [0, 1]; at 1 there are k + 1 tokens a cycle.
        c: Cost of a drafter's call in one-token target calls, finite, >= 0.
        k: Tokens drafted, whole numbers in 0..4096; 0 is autoregressive decoding.

    Raises:
        InputError: naming the array and its allowed range.
    """
    alphas, costs, lengths = _checked(alpha, c, k)
    return np.asarray((1 + accepted(alphas, lengths)) / (1 + lengths * costs))


def leaves_ewif(alpha: ArrayLike, c: ArrayLike, k: ArrayLike) -> Values:
    """EWIF of drafts of several leaf steps; the last axis of every array is the steps, in order.

    With S_j the probability that all tokens before step j are accepted, tokens per cycle are
    1 + sum_j S_j (alpha_j + ... + alpha_j^k_j), and S_{j+1} = S_j alpha_j^k_j.

    Args:
        alpha: Acceptance of each step's tokens by the target, in [0, 1].
        c: Cost of a call of each step's drafter in one-token target calls, finite, >= 0.
        k: Tokens of each step, whole numbers in 0..4096; a step of 0 tokens is none.

    Returns:
        An array of the broadcast shape without its last axis.

    Raises:
        InputError: naming the array and its allowed range.
    """
    alphas, costs, lengths = _checked(alpha, c, k)
    alphas, costs, lengths = np.broadcast_arrays(alphas, costs, lengths)
    survival = np.ones_like(alphas)
    np.cumprod((alphas**lengths)[..., :-1], axis=-1, out=survival[..., 1:])
    gain = (survival * accepted(alphas, lengths)).sum(axis=-1)
    return np.asarray((1 + gain) / (1 + (lengths * costs).sum(axis=-1)))


def accepted(alpha: Values, k: Values | NDArray[np.intp]) -> Values:
    """Expected accepted tokens of k drafted, alpha + ... + alpha^k, without loss of digits near alpha = 1.

    With b = 1 - alpha, which is exact for alpha >= 1/2, alpha (1 - alpha^k) / b with 1 - alpha^k = -expm1(k log1p(-b)).
    """
    b = 1.0 - alpha
    with np.errstate(divide="ignore", invalid="ignore"):
        lost = -np.expm1(k * np.log1p(-b))
        tokens = alpha * lost / b
    tokens = np.where(b == 0, k, tokens)
    return np.asarray(np.where(k == 0, 0.0, tokens))


def _checked(alpha: ArrayLike, c: ArrayLike, k: ArrayLike) -> tuple[Values, Values, Values]:
    alphas, costs, lengths = (np.asarray(values, dtype=np.float64) for values in (alpha, c, k))
    if not np.all((alphas >= 0) & (alphas <= 1)):
        raise InputError("alpha", "expected numbers in [0, 1]")
    if not np.all((costs >= 0) & np.isfinite(costs)):
        raise InputError("c", "expected finite numbers >= 0")
    if not np.all((lengths >= 0) & (lengths <= MAX_DRAFT_LENGTH) & (lengths == np.floor(lengths))):
        raise InputError("k", f"expected whole numbers in 0..{MAX_DRAFT_LENGTH}")
    return alphas, costs, lengths
