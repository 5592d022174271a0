"""Two runs of one engine, with and without speculation: what was gained, what was paid, what would break even."""

from __future__ import annotations

from dataclasses import dataclass

from scipy.optimize import brentq

from analysis.model import InputError
from analysis.model.records.engine_counters import EngineCounters

ALIKE = 0.1
"""Relative difference in load up to which two runs are taken to be comparable."""


@dataclass(frozen=True)
class EngineComparison:
    """A run with speculation beside one without.

    Attributes:
        speculative: The run with speculation.
        plain: The run without.
        speedup: Tokens of a sequence in a second of decoding, with over without.
        tokens_per_step: Tokens of a step with speculation, as written: speedup x step_cost.
        step_cost: Seconds of a step with speculation over seconds of one without.
    """

    speculative: EngineCounters
    plain: EngineCounters
    speedup: float
    tokens_per_step: float
    step_cost: float

    @property
    def beyond(self) -> float:
        """Cost of a step beyond that of one without speculation: drafting, verification, overhead; may be negative."""
        return self.step_cost - 1

    @property
    def draft_share(self) -> float | None:
        """Cost of drafting in a step, in steps without speculation, where the engine measures it."""
        seconds, steps = self.speculative.draft_seconds, self.speculative.steps
        plain = self.plain.seconds_per_step
        return seconds / steps / plain if seconds is not None and steps and plain else None

    @property
    def draft_length(self) -> float | None:
        """Mean tokens drafted in a step, abstentions counted with none."""
        drafted, steps = self.speculative.drafted, self.speculative.steps
        return drafted / steps if drafted is not None and steps else None

    @property
    def break_even_hazard(self) -> float | None:
        """The acceptance, equal at every position, at which steps of this cost gain nothing.

        None where no acceptance would do, or the length of drafts is not known. Steps without a draft stay as many.
        """
        length = self.speculative.draft_length
        share = 1 - (self.speculative.abstained or 0.0)
        if not length or not share or self.speculative.has_one_length is False:
            return None
        needed = self.beyond / share
        if needed > length:
            return None
        return (
            float(brentq(lambda a: sum(a ** (j + 1) for j in range(length)) - needed, 0.0, 1.0)) if needed > 0 else 0.0
        )

    @property
    def loads_differ(self) -> bool:
        """Whether the runs had batches of different size, as far as is known."""
        ours, theirs = self.speculative.concurrency, self.plain.concurrency
        return bool(ours and theirs and abs(ours / theirs - 1) > ALIKE)

    @property
    def doubts(self) -> tuple[str, ...]:
        """What speaks against the runs being of one model, one load and the same requests, in sentences."""
        ours, theirs = self.speculative, self.plain
        found = []
        if self.step_cost < 1 - ALIKE:
            found.append(
                "The runs are hardly alike: at one load a step with speculation cannot cost less than one without, "
                f"but takes {self.step_cost:.3f} of it."
            )
        if ours.requests and theirs.requests and abs(ours.requests / theirs.requests - 1) > ALIKE:
            found.append(f"The runs had {ours.requests:,.0f} (with) and {theirs.requests:,.0f} (without) requests.")
        if ours.model and theirs.model and ours.model != theirs.model:
            found.append(f"Whether both are of one model: their pages say {ours.model} and {theirs.model}.")
        return tuple(found)

    def to_json(self) -> dict[str, object]:
        """The comparison as it is printed."""
        return {
            "speedup": self.speedup,
            "tokens_per_step": self.tokens_per_step,
            "step_cost": self.step_cost,
            "draft_cost_of_a_step": self.draft_share,
            "break_even_tokens_per_step": self.step_cost,
            "break_even_step_cost": self.tokens_per_step,
            "break_even_hazard": self.break_even_hazard,
            "loads_differ": self.loads_differ,
            "doubts": list(self.doubts),
            "speculative": self.speculative.to_json(),
            "plain": self.plain.to_json(),
        }


def compared(speculative: EngineCounters, plain: EngineCounters) -> EngineComparison:
    """Compare two runs.

    Raises:
        InputError: where the baseline speculates, the other does not, the engines are not one, or either lacks tokens
            and seconds.

    >>> fast = EngineCounters("plain", "counts", drafts=100, steps_without_draft=0, drafted=300, accepted=200,
    ...                       tokens=300, decode_seconds=3.0)
    >>> slow = EngineCounters("plain", "counts", drafts=0, steps_without_draft=300, accepted=0, tokens=300,
    ...                       decode_seconds=6.0)
    >>> both = compared(fast, slow)
    >>> both.speedup, both.tokens_per_step, both.step_cost
    (2.0, 3.0, 1.5)
    """
    if plain.is_speculative:
        raise InputError("baseline", f"has {_drafts(plain)} drafts, expected a run without speculation")
    if not speculative.is_speculative and not speculative.drafted:
        raise InputError("metrics", "has no drafts, expected a run with speculation")
    if speculative.engine != plain.engine and "plain" not in (speculative.engine, plain.engine):
        raise InputError("baseline", f"is of {plain.engine}, expected a run of {speculative.engine} like the other")
    speeds = []
    for name, each in (("metrics", speculative), ("baseline", plain)):
        if not each.tokens_per_second or not each.seconds_per_step:
            raise InputError(name, "tells no tokens and seconds of decoding, which a comparison needs")
        speeds.append((each.tokens_per_second, each.seconds_per_step))
    (fast, step), (slow, plain_step) = speeds
    return EngineComparison(speculative, plain, fast / slow, fast * step, step / plain_step)


def _drafts(counters: EngineCounters) -> str:
    return f"{counters.drafts:,.0f}" if counters.drafts else "some"
