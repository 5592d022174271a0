"""From timed calls to costs in one-token target calls, with standard errors, and to the tables of a calibration."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.model.records.call_tables import CallTables, NetworkSeconds, ProposalSeconds
from analysis.model.records.call_times import CallTimes
from realrun.calibration.hazards import RESAMPLES
from realrun.calibration.timing import CycleTimes, Samples

MOST = 64
"""Greatest q of a table of costs."""


@dataclass(frozen=True)
class CostTable:
    """Costs of a model's calls on 1, 2, ... tokens, as far as timed, in one-token target calls, with their errors."""

    costs: list[float]
    errors: list[float]


def reference_context(times: CycleTimes, target: str) -> int:
    """The middle one of the contexts at which the target was timed: costs are those there."""
    contexts = _contexts(times.calls[target])
    return contexts[len(contexts) // 2]


def cost_tables(times: CycleTimes, target: str, generator: np.random.Generator) -> dict[str, CostTable]:
    """Costs of all networks: median seconds over the target's median for one token, at the reference context.

    Standard errors are by bootstrap over the timed calls; sizes between two timed ones are interpolated.
    """
    context = reference_context(times, target)
    unit, units = _medians(times.calls[target][context, 1], generator)
    result = {}
    for name, samples in times.calls.items():
        sizes = sorted(q for held, q in samples if held == context)
        values, resampled = [], []
        for q in sizes:
            value, drawn = (unit, units) if (name, q) == (target, 1) else _medians(samples[context, q], generator)
            values.append(value / unit)
            resampled.append(drawn / units)
        table = _interpolated(np.array(values)[:, None], sizes)[:, 0]
        spread = _interpolated(np.stack(resampled), sizes).std(axis=1, ddof=1)
        result[name] = CostTable(table.tolist(), spread.tolist())
    return result


def proposal_costs(times: CycleTimes, target: str, generator: np.random.Generator) -> dict[str, tuple[float, float]]:
    """Cost of a proposed token of every drafter without probabilities, and its standard error."""
    unit, units = _medians(times.calls[target][reference_context(times, target), 1], generator)
    result = {}
    for name, samples in times.propose.items():
        value, drawn = _medians(samples, generator)
        result[name] = (value / unit, float((drawn / units).std(ddof=1)))
    return result


def call_tables(times: CycleTimes) -> CallTables:
    """Medians and half interquartile ranges of all timed calls, in seconds, by model, context and q."""
    networks = {}
    for name, samples in times.calls.items():
        networks[name] = NetworkSeconds(
            median=_table(samples, samples, _median),
            spread=_table(samples, samples, _spread),
            first=_table(times.first[name], samples, _median) if name in times.first else None,
            following=_table(times.following[name], samples, _median) if name in times.following else None,
        )
    proposals = {name: ProposalSeconds(_median(values), _spread(values)) for name, values in times.propose.items()}
    return CallTables(networks, proposals)


def _table(samples: Samples, shape: Samples, number: Callable[[Sequence[float]], float]) -> CallTimes:
    """A number of each entry's samples, for the contexts and sizes of `shape`."""
    contexts, sizes = _contexts(shape), sorted({q for _, q in shape})
    rows = tuple(tuple(number(samples[context, q]) for q in sizes) for context in contexts)
    return CallTimes(tuple(contexts), tuple(sizes), rows)


def _contexts(samples: Samples) -> list[int]:
    return sorted({context for context, _ in samples})


def _interpolated(values: NDArray[np.float64], sizes: Sequence[int]) -> NDArray[np.float64]:
    """Rows for q = 1, 2, ... up to the greatest size, `MOST` at the most, from rows for some sizes: linear between."""
    wanted = np.arange(1, min(MOST, max(sizes)) + 1)
    return np.stack([np.interp(wanted, sizes, column) for column in values.T], axis=1)


def _medians(samples: Sequence[float], generator: np.random.Generator) -> tuple[float, NDArray[np.float64]]:
    """The median, and medians of resamples."""
    values = np.array(samples)
    return float(np.median(values)), np.median(generator.choice(values, (RESAMPLES, values.size)), axis=1)


def _median(samples: Sequence[float]) -> float:
    return float(np.median(samples))


def _spread(samples: Sequence[float]) -> float:
    low, high = np.quantile(samples, [0.25, 0.75])
    return float(high - low) / 2
