"""What in counts was probably meant otherwise: hazards for survival, shares for counts, the bonus token counted in."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from analysis.fitting.observations import Observations, read_observations
from analysis.fitting.summary import MeanLength
from analysis.model import advise
from analysis.model.boundary.fields import mapping, sequence
from analysis.model.misuse import looks_like_hazards

_MANY_CYCLES = 100


def read_plausible(value: object) -> Observations | MeanLength:
    """`read_observations`, with a warning of one line for everything that looks like a mistake.

    Raises:
        InputError: as `read_observations`.
    """
    seen = read_observations(value)
    fields = mapping(value, "counts")
    if "survival" in fields:
        for line in _survival([float(s) for s in sequence(fields["survival"], "survival")]):  # type: ignore[arg-type]
            advise(line)
    elif isinstance(seen, Observations):
        for line in _rates(seen) if "rows" in fields else _bonus(seen):
            advise(line)
    return seen


def _survival(rates: list[float]) -> Iterator[str]:
    if looks_like_hazards(rates):
        shown = ", ".join(f"{b / a:.3g}" for a, b in itertools.pairwise(rates[:6]))
        yield (
            f"survival: behind {rates[0]:g} it hardly falls, so that later tokens would be accepted with {shown}: are "
            'these acceptances given those before? They go into "rows", or into per_position of a specification'
        )


def _rates(seen: Observations) -> Iterator[str]:
    whole = bool((seen.accepted == seen.accepted.round()).all())
    if seen.examined.max() <= 1 and not whole:
        yield (
            "rows: no more than one token examined at any position: shares are no counts, and errors are those of "
            'single tokens; for rates use "survival", with "cycles"'
        )
    elif seen.accepted.max() <= 1 and seen.examined.min() > 1 and not whole:
        yield "rows: accepted: at most 1 at every position: rates? Counts of accepted tokens are expected"


def _bonus(seen: Observations) -> Iterator[str]:
    cycles = [(k, a) for each in seen.sequences for k, a in zip(each.offered.tolist(), each.accepted.tolist()) if k]  # noqa: B905
    least, share = min(a for _, a in cycles), sum(a for _, a in cycles) / sum(k for k, _ in cycles)
    if len(cycles) >= _MANY_CYCLES and least >= 1 and share < 0.8:
        yield (
            f"sequences: every one of {len(cycles)} drafts had a token accepted, though only {share:.0%} of all were: "
            "is the correction or bonus token counted in? It is no accepted token"
        )
