"""An explanation as lines for a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from analysis.engines.advice import EngineAdvice
from analysis.engines.comparison import ALIKE
from analysis.engines.explanation import Explanation
from analysis.engines.words import labelled, read_lines

SMALL = 0.005
"""Tokens of a step below which a loss is not told."""


def explanation_lines(found: Explanation) -> Iterator[str]:
    """All that is known of why speculation gained or lost, the verdict first."""
    both = found.comparison
    yield from labelled("verdict", _verdict(found))
    yield ""
    yield from read_lines("read", both.speculative)
    yield from read_lines("baseline", both.plain)
    yield from labelled("convention", both.speculative.convention)
    yield ""
    yield from labelled("acceptance", _acceptance(found))
    yield from labelled("cost", _cost(found))
    yield from labelled("", _parts(found))
    yield ""
    for i, sentence in enumerate(_changes(found)):
        yield from labelled("break-even" if i == 0 else "", f"- {sentence}")
    yield ""
    for i, sentence in enumerate(found.unknown):
        yield from labelled("not known" if i == 0 else "", f"- {sentence}")


def _verdict(found: Explanation) -> str:
    both = found.comparison
    fast, slow = both.speculative.tokens_per_second, both.plain.tokens_per_second
    change = both.speedup - 1
    word = "gains" if change > 0 else "loses"
    what = f"{word} {abs(change):.1%}" if abs(change) >= SMALL else "neither gains nor loses"
    return (
        f"speculation {what}: {fast:.1f} tokens a second for one sequence with it, {slow:.1f} "
        f"without. A step writes {both.tokens_per_step:.3f} tokens and costs {both.step_cost:.3f} plain steps: "
        f"{both.tokens_per_step:.3f} / {both.step_cost:.3f} = {both.speedup:.3f}."
        + (f" {both.doubts[0]}" if both.step_cost < 1 - ALIKE else "")
    )


def _acceptance(found: Explanation) -> str:
    tokens = found.tokens
    if tokens.possible is None or tokens.rejected is None or tokens.abstained is None or tokens.shorter is None:
        return f"{tokens.written:.3f} tokens a step; the length of drafts is not told, so neither is what was lost."
    losses = (
        ("to drafts that end early", tokens.shorter),
        ("to steps without a draft", tokens.abstained),
        ("to rejections", tokens.rejected),
        ("to ends of texts", tokens.cut),
    )
    lost = ", ".join(f"{value:.3f} {where}" for where, value in losses if value > SMALL)
    return (
        f"of {tokens.possible:g} tokens that a step could write, {lost or 'nothing'} lost: {tokens.written:.3f} remain."
    )


def _cost(found: Explanation) -> str:
    both = found.comparison
    step, plain = both.speculative.seconds_per_step, both.plain.seconds_per_step
    assert step is not None
    assert plain is not None
    return (
        f"a step takes {step * 1000:.2f} ms, one without speculation {plain * 1000:.2f}: {both.beyond:+.3f} plain "
        f"steps beyond its own ({(step - plain) * 1000:+.2f} ms)."
    )


def _parts(found: Explanation) -> str:
    cost = found.cost
    if cost.drafting is None:
        seen = found.comparison.speculative
        copies = seen.abstained or (seen.has_one_length is False and seen.engine != "llama.cpp")
        hint = (
            " A drafter that abstains is mostly a copier, which costs next to nothing: then it is review and overhead."
        )
        hint *= bool(copies)
        return f"drafting, review and overhead together: {cost.rest:+.3f}.{hint}"
    negative = " (negative: the cost of drafting is too great, or the loads differ)" if cost.rest < 0 else ""
    return f"drafting {cost.drafting:.3f}; review and overhead {cost.rest:+.3f}{negative}."


def _changes(found: Explanation) -> Iterator[str]:
    both, cost, tokens = found.comparison, found.cost, found.tokens
    if found.cannot_gain:
        yield (
            f"acceptance: none would do. Were every token accepted, a step would write {tokens.possible:g} and still "
            f"cost {cost.whole:.3f}."
        )
    else:
        yield f"acceptance: at this cost a step must write {cost.whole:.3f} tokens; it writes {tokens.written:.3f}."
        needed, rates = both.break_even_hazard, both.speculative.rates()
        if needed is not None and rates:
            now = " ".join(f"{rate.hazard:.3f}" for rate in rates)
            yield f"alpha: {needed:.3f} at every token of a draft would break even; it is {now}."
    if cost.per_drafted is not None and cost.most_per_drafted is not None:
        yield (
            f"cost: at this acceptance each drafted token may cost at most {cost.most_per_drafted:.3f} plain steps, "
            f"drafting, review and its share of overhead; it costs {cost.per_drafted:.3f}."
        )
    most, step = both.tokens_per_step * (both.plain.seconds_per_step or 0.0), both.speculative.seconds_per_step or 0.0
    yield f"time: a step may take at most {most * 1000:.2f} ms; it takes {step * 1000:.2f}."
    if found.lengths is not None:
        yield _length(found.lengths)


def _length(advice: EngineAdvice) -> str:
    """What shorter drafts would do, between the extremes of how the cost of a step divides."""
    used = advice.used_length
    bests = sorted({each.best.tokens for each in advice.priced})
    if bests == [0]:
        return f"length: none of 1 to {used} tokens gains, whether costs rise with the tokens or are all fixed."
    if advice.counters.has_one_length is False:
        rows = [each.rows[advice.tokens].ewif for each in advice.priced]
        return (
            f"length: of limits up to {used} tokens, the last that was ever accepted, {advice.tokens} loses least, "
            f"with a speedup of at least {min(rows):.3f}; limits are priced at the most that they can cost."
        )
    if bests == [used]:
        return f"length: {used} tokens, as now, are best of 0 to {used}, however the cost of a step divides."
    low, high = sorted(each.rows[advice.tokens].ewif for each in advice.priced)
    between = f"{low:.3f}" if high - low < SMALL else f"{low:.3f} to {high:.3f}, by how the cost of a step divides"
    return (
        f"length: {advice.tokens} of 0 to {used} tokens lose least whatever holds, with a speedup of {between} (the "
        f"best are {' or '.join(map(str, bests))} at the extremes)."
    )
