"""Do all prompts, and all domains, share one alpha? Seen by agreement, at every place of a text.

The agreements of one text are correlated (see `serial`), so the rates of prompts differ more than binomial counts would
even where all prompts are alike. What belongs to a prompt shows in stretches of its text that lie far apart. Texts are
cut into blocks with gaps between; if prompts are alike and correlation dies out within a gap, the blocks at one place
of the texts are exchangeable between prompts, which gives an exact permutation test, and the products of the residuals
of two blocks of one prompt have the variance of agreement over prompts as their mean.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from analysis.checks.counts import Vector, interval, ratio
from analysis.checks.traces import ABSTAINED, Bits, Traces
from analysis.checks.verdict import Check
from analysis.model.records.traces import Pair

BLOCK = 16
"""Tokens of a block."""
GAP = 16
"""Tokens between blocks, which no block holds: longer than agreements are correlated, it is assumed."""
PERMUTATIONS = 4999


def check_prompts(traces: Traces, pair: Pair, generator: np.random.Generator) -> Check:
    """Does agreement vary over prompts, beyond binomial counts and beyond correlation along the text?"""
    agreed, seen = block_counts(traces.sequences(pair))
    used = (seen > 0).sum(axis=1) > 1
    agreed, seen = agreed[used], seen[used]
    prompts = int(used.sum())
    enough = prompts > 1
    effect, low, high = _deviation(lambda w: _prompt_variance(agreed, seen, w), prompts, generator) if enough else _NONE
    rates = ratio(agreed.sum(axis=1), seen.sum(axis=1))
    return Check(
        "one-alpha-of-prompts",
        *pair,
        prompts,
        int(seen.sum()),
        effect,
        low,
        high,
        prompts_p_value(agreed, seen, generator) if enough else np.nan,
        f"standard deviation of agreement over prompts, from blocks of {BLOCK} tokens, {GAP} apart; permutation of "
        "blocks between prompts",
        {"deviation_of_rates": float(rates.std(ddof=1)) if enough else np.nan},
    )


_NONE = (float("nan"),) * 3


def _deviation(
    variance: Callable[[Vector], Vector], prompts: int, generator: np.random.Generator
) -> tuple[float, float, float]:
    """A standard deviation and its interval, from an estimate of the variance that chance can make negative.

    Where it is negative, the interval is moved up with it to 0: bad luck must not pass for precision.
    """
    estimate = float(variance(np.ones((1, prompts)))[0])
    low, high = interval(variance, prompts, generator)
    up = max(-estimate, 0.0)
    found = np.sqrt(np.maximum(np.array([estimate, low, high]) + up, 0.0))
    return float(found[0]), float(found[1]), float(found[2])


def block_counts(texts: Sequence[Bits]) -> tuple[Vector, Vector]:
    """(agreed, seen) by prompt and block, both of shape (prompts, blocks); a block past a text's end has seen 0."""
    stride = BLOCK + GAP
    blocks = max((1 + max(text.size - BLOCK, 0) // stride for text in texts), default=1)
    agreed, seen = np.zeros((len(texts), blocks)), np.zeros((len(texts), blocks))
    for prompt, bits in enumerate(texts):
        for block in range((bits.size + GAP) // stride):
            part = bits[block * stride : block * stride + BLOCK]
            agreed[prompt, block], seen[prompt, block] = (part == 1).sum(), (part != ABSTAINED).sum()
    return agreed, seen


def prompts_p_value(agreed: Vector, seen: Vector, generator: np.random.Generator) -> float:
    """P(prompts' totals differ as much | blocks at one place of the texts are exchangeable between prompts)."""
    residuals = agreed - seen * ratio(agreed.sum(axis=0), seen.sum(axis=0).astype(float))
    residuals = np.where(seen > 0, residuals, 0.0)
    observed = _between(residuals)
    exceeding = 0
    rows = [np.flatnonzero(seen[:, block] > 0) for block in range(seen.shape[1])]
    moved = np.zeros_like(residuals)
    for _ in range(PERMUTATIONS):
        for block, members in enumerate(rows):
            moved[members, block] = residuals[generator.permutation(members), block]
        exceeding += _between(moved) >= observed * (1 - 1e-12)
    return (1 + exceeding) / (1 + PERMUTATIONS)


def _between(residuals: Vector) -> float:
    """Products of residuals of different blocks of a prompt, summed: large where prompts differ."""
    return float((residuals.sum(axis=1) ** 2 - (residuals**2).sum(axis=1)).sum())


def _prompt_variance(agreed: Vector, seen: Vector, weights: Vector) -> Vector:
    """Variance of agreement over prompts in each bootstrap sample; may be negative.

    Args:
        agreed: Agreements, shape (prompts, blocks).
        seen: Places, the same shape.
        weights: Shape (samples, prompts).
    """
    means = ratio(weights @ agreed, weights @ seen)[:, None, :]
    residuals = np.where(seen > 0, agreed - seen * means, 0.0)
    products = residuals.sum(axis=2) ** 2 - (residuals**2).sum(axis=2)
    sizes = seen.sum(axis=1) ** 2 - (seen**2).sum(axis=1)
    # Residuals from a mean that the prompt itself moved are too small by (n - 1) / n in square.
    n = weights.sum(axis=1)
    result: Vector = ratio((weights * products).sum(axis=1), weights @ sizes) * n / np.maximum(n - 1, 1)
    return result


def check_domains(traces: Traces, pair: Pair, generator: np.random.Generator) -> Check:
    """Does agreement vary over domains, beyond prompts that differ?"""
    texts = traces.sequences(pair)
    agreed = np.array([(bits == 1).sum() for bits in texts], dtype=float)
    seen = np.array([(bits != ABSTAINED).sum() for bits in texts], dtype=float)
    used = seen > 0
    agreed, seen = agreed[used], seen[used]
    names, domain = np.unique(np.array(traces.categories)[used], return_inverse=True)
    prompts = int(used.sum())
    member = (domain[:, None] == np.arange(len(names))).astype(float)
    # A spread over domains needs two of them, and two prompts of one to be told from the prompts' own.
    enough = len(names) > 1 and bool((member.sum(axis=0) > 1).sum() > 1)
    effect, low, high = (
        _deviation(lambda w: _domain_variance(agreed, seen, member, w), prompts, generator) if enough else _NONE
    )
    return Check(
        "one-alpha-of-domains",
        *pair,
        prompts,
        int(seen.sum()),
        effect,
        low,
        high,
        domains_p_value(agreed, seen, domain, generator) if enough else np.nan,
        "standard deviation of agreement over domains; permutation of prompts between domains",
        {"domains": [_of_domain(agreed, seen, domain == i, str(n), generator) for i, n in enumerate(names)]},
    )


def _of_domain(
    agreed: Vector, seen: Vector, chosen: NDArray[np.bool_], domain: str, generator: np.random.Generator
) -> dict[str, object]:
    a, s = agreed[chosen], seen[chosen]
    low, high = interval(lambda w: ratio(w @ a, w @ s), a.size, generator) if a.size > 1 else _NONE[1:]
    return {"domain": domain, "prompts": int(a.size), "agreement": float(a.sum() / s.sum()), "low": low, "high": high}


def domains_p_value(agreed: Vector, seen: Vector, domain: NDArray[np.intp], generator: np.random.Generator) -> float:
    """P(domains' totals differ as much | prompts are exchangeable between domains)."""
    residuals = agreed - seen * agreed.sum() / seen.sum()

    def between(labels: NDArray[np.intp]) -> float:
        sums, sizes = (np.bincount(labels, weights=values) for values in (residuals, seen))
        return float((sums**2 / sizes).sum())

    observed = between(domain)
    exceeding = sum(between(generator.permutation(domain)) >= observed * (1 - 1e-12) for _ in range(PERMUTATIONS))
    return (1 + exceeding) / (1 + PERMUTATIONS)


def _domain_variance(agreed: Vector, seen: Vector, member: Vector, weights: Vector) -> Vector:
    """Variance of agreement over domains in each bootstrap sample: products of different prompts of one domain."""
    means = ratio(weights @ agreed, weights @ seen)[:, None]
    residuals = agreed - seen * means
    products = ((weights * residuals) @ member) ** 2 - (weights * residuals) ** 2 @ member
    sizes = ((weights * seen) @ member) ** 2 - (weights * seen) ** 2 @ member
    return ratio(products.sum(axis=1), sizes.sum(axis=1))
