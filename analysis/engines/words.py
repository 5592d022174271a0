"""What was read and what is advised, as lines for a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from analysis.engines.advice import EngineAdvice, PricedLengths
from analysis.engines.by_length import LengthEstimate
from analysis.engines.comparison import ALIKE
from analysis.engines.settings import EngineSettings
from analysis.model.records.engine_counters import EngineCounters

WIDTH = 110
NAMES = {
    "vllm": "vLLM",
    "sglang": "SGLang",
    "tensorrt-llm": "TensorRT-LLM",
    "spec-bench": "Spec-Bench",
    "plain": "counts of your own",
}
"""How engines write their own names, where not as the record has them."""

HARDLY = 0.02
"""Gain below which speculation hardly pays."""

_INDENT = 13


def labelled(label: str, text: str) -> list[str]:
    """A text behind its label, broken at `WIDTH`."""
    first = f"{label:<{_INDENT}}"
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=first,
        subsequent_indent=" " * _INDENT,
        break_long_words=False,
        break_on_hyphens=False,
    )


def read_lines(label: str, counters: EngineCounters) -> list[str]:
    """What was read of one run, and by which convention."""
    return [*labelled(label, f"{_whose(counters)}: {_counted(counters)}"), *_clock_lines(counters)]


def _whose(counters: EngineCounters) -> str:
    return NAMES.get(counters.engine, counters.engine) + (f", {counters.model}" if counters.model else "")


def _counted(counters: EngineCounters) -> str:
    if not counters.is_speculative and not counters.drafted:
        counted = None if counters.is_rounded and counters.requests is None else counters.tokens
        return "no speculation" + (f", {counted:,.0f} tokens" if counted else "")
    parts = []
    if counters.drafts is not None:
        parts.append(f"{counters.drafts:,.0f} drafts{_length(counters)}")
    if counters.drafted is not None and counters.accepted is not None:
        rate = counters.acceptance_rate
        parts.append(
            f"{counters.accepted:,.0f} of {counters.drafted:,.0f} drafted tokens accepted"
            + ("" if rate is None else f" ({rate:.1%})")
        )
    elif counters.accepted is not None:
        parts.append(f"{counters.accepted:,.0f} drafted tokens accepted")
    per_draft = counters.tokens_per_draft()
    if counters.drafts is None and per_draft is not None:
        parts.append(f"a mean of {per_draft:.3f} tokens a step with a draft, bonus counted")
    return "; ".join(parts)


def _length(counters: EngineCounters) -> str:
    mean = counters.mean_drafted
    if counters.has_one_length:
        return f" of {counters.draft_length} tokens"
    return f" of {mean:.2f} tokens in the mean" if mean else ""


def _clock_lines(counters: EngineCounters) -> list[str]:
    parts = []
    per_step, per_draft = counters.tokens_per_step(), counters.tokens_per_draft()
    if counters.is_speculative and per_step is not None:
        parts.append(f"{per_step:.3f} tokens a step, bonus counted")
        if counters.abstained and per_draft is not None:
            parts.append(
                f"{counters.abstained:.1%} of steps had no draft (without them: {per_draft:.3f}, the engine's own mean)"
            )
        elif counters.abstained == 0:
            parts.append("every step had a draft")
    if counters.seconds_per_step:
        parts.append(f"{counters.seconds_per_step * 1000:.2f} ms a step")
    if counters.tokens_per_second:
        parts.append(f"{counters.tokens_per_second:.1f} tokens a second for one sequence")
    if counters.concurrency and counters.concurrency != 1:
        parts.append(f"{counters.concurrency:.1f} sequences at a time")
    return labelled("", "; ".join(parts)) if parts else []


def advice_lines(advice: EngineAdvice) -> Iterator[str]:
    """All that is advised, the answer first."""
    yield from labelled("advice", _answer(advice))
    yield ""
    yield from read_lines("read", advice.counters)
    if advice.comparison is not None:
        yield from read_lines("baseline", advice.comparison.plain)
        yield from labelled("measured", _measured(advice))
    yield from labelled("convention", advice.counters.convention)
    yield ""
    yield from _alpha_lines(advice)
    yield from _alone_lines(advice)
    yield ""
    yield from _length_lines(advice)
    yield ""
    for i, sentence in enumerate(advice.unknown):
        yield from labelled("not known" if i == 0 else "", f"- {sentence}")


def _answer(advice: EngineAdvice) -> str:
    rows = [each.rows[advice.tokens] for each in advice.priced]
    if advice.tokens == 0:
        text = "switch speculation off: no draft length gains at these costs"
    else:
        text = f"draft {advice.tokens} token{'s' * (advice.tokens > 1)}: expected speedup {_range(rows)}"
    limit = "a limit on drafts that end by themselves" if advice.counters.has_one_length is False else ""
    if advice.tokens and max(row.ewif for row in rows) < 1 + HARDLY:
        text += ", which hardly pays: without speculation it is 1"
    parts = [text + (f" ({limit})" if limit and advice.tokens else "")]
    if advice.tokens == advice.used_length and not limit:
        parts.append("as many as now")
    if advice.tokens == advice.used_length and advice.tokens and not limit:
        parts.append(f"whether more gain is not known from drafts of {advice.tokens}")
    parts += _guesses(advice)
    return "; ".join(parts) + "."


def _range(rows: Sequence[LengthEstimate]) -> str:
    if len(rows) > 1 and abs(rows[0].ewif - rows[1].ewif) > 5e-4:
        low, high = min(row.ewif for row in rows), max(row.ewif for row in rows)
        return f"{low:.3f} to {high:.3f}, by how the cost of a step divides"
    row = rows[0]
    return f"{row.ewif:.3f}" + ("" if row.low is None else f", 95 % interval {row.low:.3f} to {row.high:.3f}")


def _guesses(advice: EngineAdvice) -> list[str]:
    for each in advice.priced:
        if each.guess is not None and advice.tokens == advice.used_length:
            tokens, value = each.guess
            gain = value / each.rows[-1].ewif - 1
            return [
                f"a guess, not data: if acceptance went on as at token {advice.used_length} and costs rose with the "
                f"tokens, {tokens} would gain {gain:.1%} more, so try a run with {tokens}"
            ]
    return []


def _measured(advice: EngineAdvice) -> str:
    both = advice.comparison
    assert both is not None
    text = (
        f"speedup {both.speedup:.3f} at the length of this run: {both.tokens_per_step:.3f} tokens written a step, "
        f"which costs {both.step_cost:.3f} steps without speculation. Two runs tell this sum alone, not how it "
        "divides into drafting, review and overhead"
    )
    text += ("; and they had batches of different size" if both.loads_differ else "") + "."
    return text + (f" {both.doubts[0]}" if both.step_cost < 1 - ALIKE else "")


def _alpha_lines(advice: EngineAdvice) -> Iterator[str]:
    over = "all steps" if advice.counters.undrafted else "drafts"
    yield f"{'alpha':<{_INDENT}}token   accepted of examined      alpha   95 % interval      survival (share of {over})"
    survival = 1.0
    for rate in advice.rates:
        survival *= rate.hazard
        counts = f"{rate.accepted:,.0f} of {rate.examined:,.0f}" if rate.examined and advice.counters.rates() else "-"
        interval = "-" if rate.low is None else f"{rate.low:.4f} to {rate.high:.4f}"
        yield (
            f"{'':<{_INDENT}}{rate.position + 1:5d}   {counts:>20}   {rate.hazard:8.4f}   {interval:<16}"
            f"   {survival:.4f}"
        )


def _alone_lines(advice: EngineAdvice) -> Iterator[str]:
    """Token 1 where steps without a draft are left out."""
    counters = advice.counters
    first = next(iter(counters.rates()), None)
    if counters.undrafted and first is not None:
        yield from labelled(
            "",
            f"Steps without a draft count as rejections of token 1; of steps with one, {first.accepted:,.0f} of "
            f"{first.examined:,.0f} accepted it ({first.hazard:.4f}).",
        )


def _length_lines(advice: EngineAdvice) -> Iterator[str]:
    for i, each in enumerate(advice.priced):
        if i:
            yield ""
        costs = "beyond a plain step, if" if len(advice.priced) > 1 else "if"
        yield from labelled("lengths", f"{costs} {each.cost.words} (costs in one-token target calls):")
        yield from _table(each)


def _table(each: PricedLengths) -> Iterator[str]:
    yield f"{'':<{_INDENT}}tokens     EWIF   95 % interval      tokens a step   cost of a step"
    for row in each.rows:
        interval = "-" if row.low is None or not row.tokens else f"{row.low:.4f} to {row.high:.4f}"
        mark = "   best" if row.is_best else "   within 1 % of the best" if row.is_near else ""
        yield (
            f"{'':<{_INDENT}}{row.tokens:6d}   {row.ewif:6.4f}   {interval:<16}   {row.tokens_per_step:13.4f}"
            f"   {row.cost_per_step:14.4f}{mark}"
        )


def settings_lines(
    typed: Sequence[EngineSettings], kind: str, *, is_guess: bool, has_match: bool = False
) -> Iterator[str]:
    """What to type, engine by engine; a copier's match is not in the counters, so it may have to be given."""
    whose = f"for a drafter of kind {kind}" + (" (a guess; --drafter says otherwise)" if is_guess else "")
    if kind == "ngram" and not has_match:
        whose += "; which match the run asked for is not told, but advice holds for it (--match-min, --match-max)"
    yield from labelled("settings", whose)
    for each in typed:
        yield f"{each.engine:<{_INDENT}}{each.text or '(nothing to type)'}"
        for note in each.notes:
            yield from labelled("", f"- {note}")
