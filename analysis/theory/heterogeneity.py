"""Acceptance that differs from prompt to prompt: EWIF under a Beta law of alpha, for two weightings of the prompts.

Within a prompt alpha is constant; over prompts it is Beta(a, b). What a benchmark averages decides the answer:

- equal cycles: every prompt runs the same number of cycles (or alpha is drawn anew for every cycle):
  E[T(alpha)] / E[C(alpha)]. The posterior of Beta makes this exactly a cascade with rising hazards
  (a + j) / (a + b + j) at position j. For an alpha of the target it is at least the i.i.d. EWIF: cost does not depend
  on alpha, and T is a polynomial in alpha with no negative coefficient, so convex (Jensen).
- equal tokens: every prompt generates the same number of tokens: 1 / E[C(alpha) / T(alpha)], the harmonic mean of
  the prompts' EWIFs. For speculative decoding (one leaf step) it is at most the i.i.d. EWIF, since 1 / T is convex:
  with n = k + 1, (1/T)'' = n x^(n-2) B(x) / (1 - x^n)^3 where B is convex and B(1) = B'(1) = 0.
  Not for every cascade: in a draft of one token of another drafter, accepted with 1/2, and two free tokens whose
  alpha is 0 in half of the prompts and 1/2 in the others, it is 5/3 against 53/32 i.i.d.

Example: Beta(3, 2) and a draft of k = 5 tokens that cost nothing give 2.383 i.i.d. at the mean alpha 0.6, 2.667 for
equal cycles and 2.296 for equal tokens.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh_tridiagonal

from analysis.model import Acceptance, Cascade, PerPosition
from analysis.model.boundary.fields import read_number, reject
from analysis.theory.exact import cycle_law

Vector = NDArray[np.float64]

LEAST_SHAPE = 1e-3
GREATEST_SHAPE = 1e5
"""Range of a and b within which the quadrature nodes are accurate."""
LEAST_MEAN = 1e-7
"""Least mean of a Beta law, and least distance to 1, for which shapes in that range exist."""
_TOLERANCE = 1e-12
_MOST_NODES = 512


@dataclass(frozen=True)
class HeterogeneousEwif:
    """EWIF where one alpha varies over prompts, against the i.i.d. prediction.

    Attributes:
        mean_alpha: Mean alpha over prompts, in [0, 1].
        iid: EWIF of the i.i.d. model at that mean.
        equal_cycles: EWIF where every prompt runs the same number of cycles.
        equal_tokens: EWIF where every prompt generates the same number of tokens.
    """

    mean_alpha: float
    iid: float
    equal_cycles: float
    equal_tokens: float

    @property
    def error_equal_cycles(self) -> float:
        """Relative error iid / equal_cycles - 1 of the i.i.d. prediction; negative: it promises too little."""
        return self.iid / self.equal_cycles - 1

    @property
    def error_equal_tokens(self) -> float:
        """Relative error iid / equal_tokens - 1 of the i.i.d. prediction; positive: it promises too much.

        Never negative for speculative decoding; it can be for a horizontal cascade (see the module).
        """
        return self.iid / self.equal_tokens - 1


def beta_ewif(cascade: Cascade, reviewer: str, drafter: str, a: float, b: float) -> HeterogeneousEwif:
    """EWIF of any cascade whose acceptance of one pair is Beta(a, b) over prompts and constant within each.

    Gauss-Jacobi quadrature over the exact law of a cycle, with nodes doubled until both means agree to 1e-12; for
    equal cycles the integrands are polynomials, for which it is exact.

    Args:
        cascade: The cascade; its own acceptance of the pair is not read.
        reviewer: Reviewer of the pair.
        drafter: Drafter of the pair.
        a: First shape of the Beta law, in [1e-3, 1e5]; mean a / (a + b).
        b: Second shape, in the same range.

    Raises:
        InputError: for shapes outside their range, or models the cascade does not have.
    """
    check_shape(a, "a")
    check_shape(b, "b")
    for model, field in ((reviewer, "reviewer"), (drafter, "drafter")):
        if model not in cascade.models:
            reject(field, model, f"one of the models {', '.join(cascade.models)}")
    mean = a / (a + b)
    nodes, previous = 8, (np.inf, np.inf)
    while True:
        alphas, weights = beta_nodes(a, b, nodes)
        laws = [cycle_law(_with_alpha(cascade, reviewer, drafter, alpha)) for alpha in alphas]
        tokens = np.array([law.tokens_per_cycle for law in laws])
        costs = np.array([law.cost_per_cycle for law in laws])
        found = (float(weights @ tokens) / float(weights @ costs), 1 / float(weights @ (costs / tokens)))
        if np.allclose(found, previous, rtol=_TOLERANCE, atol=0) or nodes >= _MOST_NODES:
            break
        nodes, previous = 2 * nodes, found
    iid = cycle_law(_with_alpha(cascade, reviewer, drafter, mean)).ewif
    return HeterogeneousEwif(mean, iid, *found)


def scattered_ewif(cascade: Cascade, reviewer: str, drafter: str, mean: float, deviation: float) -> HeterogeneousEwif:
    """`beta_ewif` by the mean and the standard deviation of alpha over prompts; without deviation all three agree.

    Args:
        cascade: The cascade; its own acceptance of the pair is not read.
        reviewer: Reviewer of the pair.
        drafter: Drafter of the pair.
        mean: Mean alpha, in [1e-7, 1 - 1e-7], or in [0, 1] without deviation.
        deviation: 0, or a number in `deviation_range`.

    Raises:
        InputError: for values outside their range.
    """
    if deviation == 0:
        iid = cycle_law(_with_alpha(cascade, reviewer, drafter, read_number(mean, "mean", 0, 1))).ewif
        return HeterogeneousEwif(mean, iid, iid, iid)
    return beta_ewif(cascade, reviewer, drafter, *beta_from_mean(mean, deviation))


def beta_nodes(a: float, b: float, nodes: int) -> tuple[Vector, Vector]:
    """Gauss-Jacobi nodes in [0, 1] and weights of total 1: exact means of polynomials of degree < 2 nodes.

    By the eigenvectors of the Jacobi matrix (Golub and Welsch 1969), whose weights stay accurate for a or b below 1.
    """
    left, right = a - 1, b - 1
    total = left + right
    n = np.arange(1, nodes)
    diagonal = np.empty(nodes)
    diagonal[0] = (left - right) / (total + 2)
    diagonal[1:] = (left - right) * total / ((2 * n + total) * (2 * n + total + 2))
    # The factor (n + total) / (2 n + total - 1) is 1 at n = 1, also where both parts of it vanish.
    ratio = np.ones(nodes - 1)
    ratio[1:] = (n[1:] + total) / (2 * n[1:] + total - 1)
    square = 4 * n * (n + left) * (n + right) * ratio / ((2 * n + total) ** 2 * (2 * n + total + 1))
    x, vectors = eigh_tridiagonal(diagonal, np.sqrt(square))
    return np.clip((1 + x) / 2, 0.0, 1.0), vectors[0] ** 2


def beta_from_mean(mean: float, deviation: float) -> tuple[float, float]:
    """Shapes (a, b) of the Beta law with a mean in [1e-7, 1 - 1e-7] and a standard deviation in `deviation_range`.

    Raises:
        InputError: for values outside their range.
    """
    deviation = read_number(deviation, "deviation", *deviation_range(mean))
    concentration = mean * (1 - mean) / deviation**2 - 1
    return mean * concentration, (1 - mean) * concentration


def deviation_range(mean: float) -> tuple[float, float]:
    """Least and greatest standard deviation of a Beta law with this mean and shapes within [1e-3, 1e5].

    The variance is mean (1 - mean) / (a + b + 1), so it lies in (0, mean (1 - mean)). Rounded inwards to six digits.

    Raises:
        InputError: for a mean outside [1e-7, 1 - 1e-7].
    """
    mean = read_number(mean, "mean", LEAST_MEAN, 1 - LEAST_MEAN)
    less, more = sorted((mean, 1 - mean))
    low = (less * more / (GREATEST_SHAPE / more + 1)) ** 0.5
    high = (less * more / (LEAST_SHAPE / less + 1)) ** 0.5
    return float(f"{low * (1 + 1e-5):.6g}"), float(f"{high * (1 - 1e-5):.6g}")


def hazards_of_equal_cycles(a: float, b: float, positions: int) -> PerPosition:
    """Hazards (a + j) / (a + b + j): the law of a cycle whose alpha is drawn anew from Beta(a, b).

    Exact for the reviewer's cycles over leaf steps of this drafter; `positions` entries, the last one repeats.
    """
    j = np.arange(positions)
    return PerPosition(tuple(((a + j) / (a + b + j)).tolist()))


def hazards_of_equal_tokens(a: float, b: float, positions: int) -> PerPosition:
    """Hazards over the cycles of prompts that all generate as many tokens, each cycle drafting `positions` tokens.

    A prompt then runs cycles in proportion to 1 / T(alpha), so survival is E[alpha^(j+1) / T] / E[1 / T]; its sum is
    the harmonic mean of T, so the EWIF of a leaf step of `positions` tokens comes out as `equal_tokens`. Exact for
    that draft length only.
    """
    alphas, weights = beta_nodes(a, b, max(64, positions + 1))
    powers = alphas ** np.arange(positions + 1)[:, None]
    cycles = weights / powers.sum(axis=0)
    survival = powers @ cycles
    return PerPosition(tuple(np.minimum(survival[1:] / survival[:-1], 1.0).tolist()))


def pooled_alpha(hazards: PerPosition, draft_length: int) -> float:
    """The alpha that pooled counts estimate, accepted over examined tokens, from cycles drafting this many tokens."""
    survival = np.cumprod([1.0, *(hazards.at(j) for j in range(draft_length))])
    return float(survival[1:].sum() / survival[:-1].sum())


def _with_alpha(cascade: Cascade, reviewer: str, drafter: str, alpha: float) -> Cascade:
    hazard = PerPosition((float(alpha),))
    row: Mapping[str, Acceptance] = {**cascade.acceptance.get(reviewer, {}), drafter: Acceptance(hazard, hazard)}
    return replace(cascade, acceptance={**cascade.acceptance, reviewer: row})


def check_shape(value: float, field: str) -> float:
    """Check a shape parameter of the Beta law.

    Raises:
        InputError: where it is outside [1e-3, 1e5].
    """
    return read_number(value, field, LEAST_SHAPE, GREATEST_SHAPE)
