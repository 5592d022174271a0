"""Where two greedy outputs of one target first differ, and whether rounding explains it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from realrun.cached_model import CachedModel

BFLOAT16_FRACTION_BITS = 7
NEAR_TIE_ULPS = 4.0
"""A float32 margin of at most this many units in the last place of bfloat16 is a near-tie: two for each contender."""

Kind = Literal["identical", "near-tie", "divergent"]


@dataclass(frozen=True)
class Divergence:
    """How an output compares with a reference output.

    Attributes:
        kind: Identical; or a first difference between tokens that float32 holds nearly equal; or a real divergence.
        position: Index of the first difference; None where identical.
        margin_ulps: Distance of the two tokens' float32 logits there, >= 0, in bfloat16 units in the last place of
            the greatest logit; None where identical.
    """

    kind: Kind
    position: int | None = None
    margin_ulps: float | None = None


def compare(exact: CachedModel, prompt: Sequence[int], tokens: Sequence[int], reference: Sequence[int]) -> Divergence:
    """Compare two outputs for one prompt, judging their first difference by the float32 target.

    Args:
        exact: The target in float32.
        prompt: The prompt's ids.
        tokens: One output.
        reference: The other; where one ends earlier than the other, that is a divergence of infinite margin.
    """
    position = next((i for i, (a, b) in enumerate(zip(tokens, reference, strict=False)) if a != b), None)
    if position is None:
        if len(tokens) == len(reference):
            return Divergence("identical")
        return Divergence("divergent", min(len(tokens), len(reference)), math.inf)
    shared = [*prompt, *reference[:position]]
    exact.prefill(shared)
    logits = exact.logits(shared, 1)[0]
    ulp = 2.0 ** (math.floor(math.log2(abs(float(logits.max())))) - BFLOAT16_FRACTION_BITS)
    margin = abs(float(logits[tokens[position]] - logits[reference[position]])) / ulp
    return Divergence("near-tie" if margin <= NEAR_TIE_ULPS else "divergent", position, margin)
