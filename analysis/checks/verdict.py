"""What a check found, and the verdict on all checks of a run together."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Literal

LEVEL = 0.05
"""Chance that any verdict of a run is `violated` although all assumptions hold (Holm's correction)."""

MARGIN = 0.05
"""Effects no larger are negligible: a check that no test refutes holds if its whole interval is within.

One that a test does refute is violated all the same, however small its effect.
"""

Verdict = Literal["holds", "violated", "undecided"]


@dataclass(frozen=True)
class Check:
    """One assumption on one pair, held against recorded texts.

    Attributes:
        name: The assumption.
        reviewer: Who accepts.
        drafter: Who drafts.
        prompts: Prompts with any data, >= 0.
        tokens: Tokens reviewed in them.
        effect: Size of the departure, 0 where the assumption holds; nan where the data give none.
        low: Lower end of its 95 % bootstrap interval over prompts.
        high: Upper end.
        p_value: P(a departure at least as great | the assumption holds), in [0, 1]; nan without a test.
        test: What was tested, and the effect's definition, in words.
        data: Numbers behind it, for figures and readers.
    """

    name: str
    reviewer: str
    drafter: str
    prompts: int
    tokens: int
    effect: float
    low: float
    high: float
    p_value: float
    test: str
    data: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Judged:
    """A check with its verdict.

    Attributes:
        check: What was found.
        adjusted: Its p-value by Holm's step-down correction over the run's tests; nan without a test.
        verdict: violated: adjusted p below `LEVEL`; holds: not so, and the interval within +-`MARGIN`; else undecided.
    """

    check: Check
    adjusted: float
    verdict: Verdict

    def to_json(self) -> dict[str, object]:
        """One flat object; numbers that do not exist are null."""
        flat = asdict(self.check) | {"adjusted": self.adjusted, "verdict": self.verdict}
        return {key: finite(value) for key, value in flat.items()}


def judge(checks: Sequence[Check]) -> list[Judged]:
    """The verdict on every check, all tests of the run taken together."""
    adjusted = holm([check.p_value for check in checks])
    return [Judged(check, p, _verdict(check, p)) for check, p in zip(checks, adjusted, strict=True)]


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's adjusted p-values; nan stays nan and counts for nothing."""
    tested = sorted((p, i) for i, p in enumerate(p_values) if not math.isnan(p))
    result = [math.nan] * len(p_values)
    greatest = 0.0
    for rank, (p, i) in enumerate(tested):
        greatest = max(greatest, min(1.0, (len(tested) - rank) * p))
        result[i] = greatest
    return result


def _verdict(check: Check, adjusted: float) -> Verdict:
    if adjusted < LEVEL:
        return "violated"
    return "holds" if -MARGIN <= check.low <= check.high <= MARGIN else "undecided"


def finite(value: object) -> object:
    """The value with every nan in it replaced by None, as JSON demands."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(item) for item in value]
    return value
