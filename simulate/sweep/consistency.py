"""Whether a row's totals can have been drawn from its task: a right checksum does not make wrong sums right."""

from __future__ import annotations

from fractions import Fraction

from analysis.model import InputError
from simulate.kernel.program import exact_cost
from simulate.kernel.totals import Totals
from simulate.sampler import Sampler

_ROUNDING = Fraction(1, 10**9)
"""Relative error of costs that are summed as doubles before they become ticks: far above theirs."""


def demand_consistency(totals: Totals, sampler: Sampler) -> None:
    """Refuse totals that no blocks of this sampler add up to.

    Raises:
        InputError: naming the column that contradicts the others or the task.
    """
    if not 1 <= totals.blocks <= totals.cycles:
        raise InputError("blocks", f"got {totals.blocks} blocks of {totals.cycles} cycles, expected at least one each")
    _demand_yields(totals, sampler)
    _demand_cost(totals, sampler)
    _demand_squares(totals)


def _demand_yields(totals: Totals, sampler: Sampler) -> None:
    most = sampler.layout.greatest_yield
    if any(not 1 <= n <= most for n in totals.yields):
        raise InputError("yields", f"expected tokens of a cycle in 1..{most}, as the row's task can give")
    if totals.yields.total() != totals.cycles:
        raise InputError("yields", "the counts of yields do not add up to the row's cycles")
    if sum(n * times for n, times in totals.yields.items()) != totals.tokens:
        raise InputError("yields", "the counts of yields do not add up to the row's tokens")
    squares = sum(n * n * times for n, times in totals.yields.items())
    if totals.blocks == totals.cycles and squares != totals.tokens_squared:
        raise InputError("yields", "the counts of yields do not add up to the row's squared tokens")


def _demand_cost(totals: Totals, sampler: Sampler) -> None:
    """Calls must be of the task's models and cost what the row's ticks say, but for half a tick of rounding each."""
    cascade = sampler.cascade
    for model, q in totals.calls:
        if model not in cascade.models:
            raise InputError("calls", f"got a model {model!r}, expected one of the row's task")
        if q < 1:
            raise InputError("calls", f"got a call on {q} tokens, expected at least one")
    reviews = sum(times for (model, _), times in totals.calls.items() if model == cascade.target)
    if reviews < totals.cycles:
        raise InputError("calls", f"got {reviews} calls of the target, expected one in each of {totals.cycles} cycles")
    expected = exact_cost(cascade, totals.calls) / Fraction(sampler.layout.tick)
    if abs(totals.ticks - expected) > totals.calls.total() + _ROUNDING * expected:
        raise InputError("ticks", "they are not what the row's calls cost")


def _demand_squares(totals: Totals) -> None:
    """No numbers have a negative variance, nor a correlation beyond 1."""
    n, tokens, ticks = totals.blocks, totals.tokens, totals.ticks
    of_tokens = n * totals.tokens_squared - tokens**2
    of_ticks = n * totals.ticks_squared - ticks**2
    of_both = n * totals.tokens_ticks - tokens * ticks
    for column, variance in (("tokens_squared", of_tokens), ("ticks_squared", of_ticks)):
        if variance < 0:
            raise InputError(column, "less than any blocks of the row's sum can give")
    if of_both**2 > of_tokens * of_ticks:
        raise InputError("tokens_ticks", "more or less than any blocks of the row's sums can give")
