"""Seconds of a replayed run from measured call times and the loop's own time."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cache

from analysis.model.records.calibration import Calibration
from analysis.model.records.call_tables import When
from simulate.replay.decode import Call, ReplayedCycle, ReplayedGeneration


@dataclass(frozen=True)
class Switches:
    """What a replay counts; each can be left out, to see what it is worth.

    Attributes:
        loop: The decoding loop's own time.
        catch_up: Tokens that a model reads only because it had not seen them yet.
        cold: That a drafter's first call after one of the target takes longer than those that follow it; without it
            each takes their mean.
        context: That calls take longer the more tokens are held; without it all are at the reference context.
        last_cycles: The cycles that the end of a text cuts, or could cut; without them only the others are counted.
    """

    loop: bool = True
    catch_up: bool = True
    cold: bool = True
    context: bool = True
    last_cycles: bool = True

    @classmethod
    def without(cls, name: str) -> Switches:
        """All on but one."""
        return cls(**{name: False})


ALL = Switches()
NAMES = tuple(field.name for field in fields(Switches))
LOOP = "loop"


class Clock:
    """Turns calls into seconds.

    Args:
        calibration: The measured times; they are smoothed for prediction (`Calibration.smoothed`).
    """

    def __init__(self, calibration: Calibration) -> None:
        self._calibration = calibration
        self._times = calibration.smoothed
        self._at = cache(self._looked_up)

    def cascade(self, run: ReplayedGeneration, switches: Switches = ALL) -> dict[str, float]:
        """Decoding seconds of a run by model, and of the loop."""
        parts = {LOOP: 0.0}
        for cycle in run.cycles:
            if cycle.cut and not switches.last_cycles:
                continue
            if switches.loop:
                parts[LOOP] += self._loop(cycle)
            called: set[str] = set()  # since the target's last call, which ends the cycle
            for call in cycle.calls:
                first = call.model not in called
                called.add(call.model)
                parts[call.model] = parts.get(call.model, 0.0) + self._call(call, first, switches)
        return parts

    def autoregressive(self, run: ReplayedGeneration, switches: Switches = ALL) -> dict[str, float]:
        """Decoding seconds of the target alone for the same tokens, in the same parts."""
        target, loop = self._calibration.target, self._calibration.loop
        tokens = sum(cycle.tokens for cycle in run.cycles if switches.last_cycles or not cycle.cut)
        reference = self._calibration.reference
        held = ((run.prompt_tokens - 1 + i) if switches.context else reference for i in range(tokens))
        return {
            LOOP: tokens * loop.per_cycle if switches.loop else 0.0,
            target: sum(self._at(target, "mean", 1, each) for each in held),
        }

    def _loop(self, cycle: ReplayedCycle) -> float:
        loop = self._calibration.loop
        proposals = sum(call.model in self._calibration.statistical for call in cycle.calls)  # abstaining is one too
        drafted = len(cycle.calls) - 1 - cycle.inner_reviews - proposals
        return (
            loop.per_cycle
            + loop.per_review * cycle.inner_reviews
            + loop.per_drafted_token * drafted
            + loop.per_proposal * proposals
        )

    def _call(self, call: Call, first: bool, switches: Switches) -> float:
        if call.model in self._calibration.statistical:
            return self._times.propose[call.model]
        q = call.q if switches.catch_up else call.judged
        when: When = ("first" if first else "following") if switches.cold else "mean"
        return self._at(call.model, when, q, call.held if switches.context else self._calibration.reference)

    def _looked_up(self, model: str, when: When, q: int, held: int) -> float:
        return self._times.networks[model].of(when).at(q, held)
