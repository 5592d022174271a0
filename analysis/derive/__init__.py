"""SymPy derivations of EWIF from first principles, one function a theorem, and symbolic EWIF of any nested cascade."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from analysis.derive.affine import Repeated, draft_cost, gain, repeated
from analysis.derive.bounds import ceiling, nesting_gain, useless_drafter
from analysis.derive.clairvoyance import clairvoyant, one_drafter_ceiling
from analysis.derive.corollaries import acceptance_overlap, gain_size, operations, target_reads
from analysis.derive.draft_length import decaying_survival, optimal_length, unimodal
from analysis.derive.evaluator import SymbolicEwif, rational_ewif, symbolic_ewif
from analysis.derive.horizontal import horizontal, marginal_token, order
from analysis.derive.joint import joint_gain
from analysis.derive.latex import as_document, as_latex
from analysis.derive.laws import cycle_law, derivatives
from analysis.derive.lenience import lenience_bias
from analysis.derive.lossless import lossless_review
from analysis.derive.mixtures import heterogeneity
from analysis.derive.nested import affine_step, nested
from analysis.derive.render import as_text
from analysis.derive.speculative import (
    gain_condition,
    generating_function,
    speculative,
    yield_law,
)
from analysis.derive.stopping import monotone, stopping
from analysis.derive.texts import expected_rejections, lossless_cascade
from analysis.derive.theorem import Line, ProofCheck, Theorem
from analysis.derive.trees import tree_gain, two_candidates
from analysis.derive.vertical import break_even, free_inner_drafter, vertical

THEOREMS: dict[str, Callable[[], Theorem]] = {
    "yield-law": yield_law,
    "generating-function": generating_function,
    "speculative": speculative,
    "gain-condition": gain_condition,
    "gain-size": gain_size,
    "acceptance-overlap": acceptance_overlap,
    "operations": operations,
    "target-reads": target_reads,
    "decaying-survival": decaying_survival,
    "unimodal": unimodal,
    "optimal-length": optimal_length,
    "vertical": vertical,
    "free-inner-drafter": free_inner_drafter,
    "break-even": break_even,
    "horizontal": horizontal,
    "order": order,
    "marginal-token": marginal_token,
    "affine-step": affine_step,
    "nested": nested,
    "cycle-law": cycle_law,
    "derivatives": derivatives,
    "monotone": monotone,
    "ceiling": ceiling,
    "one-drafter-ceiling": one_drafter_ceiling,
    "clairvoyant": clairvoyant,
    "nesting-gain": nesting_gain,
    "useless-drafter": useless_drafter,
    "joint-gain": joint_gain,
    "stopping": stopping,
    "heterogeneity": heterogeneity,
    "lossless-review": lossless_review,
    "lossless-cascade": lossless_cascade,
    "expected-rejections": expected_rejections,
    "lenience-bias": lenience_bias,
    "two-candidates": two_candidates,
    "tree-gain": tree_gain,
}
"""Every theorem by name, in the order of an appendix."""


@cache
def derived(name: str) -> Theorem:
    """A theorem by name, verified once a process.

    Raises:
        KeyError: where there is none of that name.
    """
    return THEOREMS[name]()


__all__ = [
    "THEOREMS",
    "Line",
    "ProofCheck",
    "Repeated",
    "SymbolicEwif",
    "Theorem",
    "as_document",
    "as_latex",
    "as_text",
    "derived",
    "draft_cost",
    "gain",
    "rational_ewif",
    "repeated",
    "symbolic_ewif",
]
