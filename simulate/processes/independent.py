"""Independent acceptance: the hazards of the specification, or position decay in the forms that engines report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from analysis.model import Acceptance, Cascade, Decaying, InputError, PerPosition
from analysis.model.boundary.fields import count, inside, mapping, only_keys, read_number, reject, sequence
from simulate.processes.base import KernelPlan, MeanOfLaw, Pair, hazards_of, law_of_hazards, runs

_BISECTIONS = 200


@dataclass(frozen=True)
class Independent(MeanOfLaw):
    """Acceptances as the specification gives them, or as engines report them for some pairs.

    Attributes:
        replaced: Acceptances that hold instead of the specification's.
        forms: The forms they were given in, numbers parsed and defaults filled in.
    """

    replaced: Mapping[Pair, Acceptance] = field(default_factory=dict)
    forms: Mapping[Pair, Mapping[str, object]] = field(default_factory=dict)

    def to_json(self) -> dict[str, object]:
        """The process as it stands in a task; empty for the specification's own acceptances."""
        table: dict[str, dict[str, object]] = {}
        for (reviewer, drafter), form in self.forms.items():
            table.setdefault(reviewer, {})[drafter] = dict(form)
        return {"decay": table} if table else {}

    def plan(self, cascade: Cascade) -> KernelPlan:
        """One cycle a block."""
        return KernelPlan(with_acceptances(cascade, self.replaced))

    def sample(
        self, cascade: Cascade, pair: Pair, k: int, drafts: int, generator: np.random.Generator
    ) -> NDArray[np.int64]:
        """Accepted tokens, 0..k, of that many drafts."""
        hazards = hazards_of(self.plan(cascade).cascade.pair(*pair), k)
        return runs(generator.random((drafts, k)) < hazards)

    def law(self, cascade: Cascade, pair: Pair, k: int) -> NDArray[np.float64]:
        """P(j tokens of a draft of k are accepted) for j = 0..k."""
        return law_of_hazards(hazards_of(self.plan(cascade).cascade.pair(*pair), k))


def with_acceptances(cascade: Cascade, replaced: Mapping[Pair, Acceptance]) -> Cascade:
    """The cascade with some acceptances replaced.

    Raises:
        InputError: where a pair is not one of the specification's.
    """
    table = {reviewer: dict(row) for reviewer, row in cascade.acceptance.items()}
    for (reviewer, drafter), acceptance in replaced.items():
        demand_pair(cascade, (reviewer, drafter))
        table[reviewer][drafter] = acceptance
    return replace(cascade, acceptance=table)


def demand_pair(cascade: Cascade, pair: Pair) -> None:
    """Refuse a pair that the specification has no acceptance for: a typing error would change nothing, silently."""
    reviewer, drafter = pair
    if drafter not in cascade.acceptance.get(reviewer, {}):
        raise InputError(f"{reviewer}.{drafter}", "unknown pair, expected one of the specification's acceptances")


def geometric_survival(initial: float, decay: float) -> Acceptance:
    """Survival initial^(i+1) decay^(i(i+1)/2): the "geometric survival" of vLLM (PR 38045)."""
    hazard = Decaying(initial, decay)
    return Acceptance(hazard, hazard)


def from_survival(survival: Sequence[float]) -> Acceptance:
    """Hazards from P(token j and all before it are accepted); the last hazard repeats.

    Args:
        survival: By position, in [0, 1], never rising.
    """
    before, hazards = 1.0, []
    for j, value in enumerate(survival):
        after = read_number(value, f"survival[{j}]", 0, before)
        hazards.append(after / before if before > 0 else 0.0)
        before = after
    hazard = PerPosition(tuple(hazards))
    return Acceptance(hazard, hazard)


def from_mean_length(mean_length: float, k: int, decay: float = 1.0, *, counts_bonus: bool = True) -> Acceptance:
    """The initial hazard for which drafts of k tokens have this mean length.

    Args:
        mean_length: Mean tokens of a cycle, as serving engines report them.
        k: Tokens of a draft, >= 1.
        decay: Factor of the hazard a position, in [0, 1]; 1 for none.
        counts_bonus: Whether the mean counts the token that every cycle adds to the accepted ones.
    """
    accepted = mean_length - counts_bonus
    low, high = 0.0, 1.0
    if not 0 <= accepted <= _mean_accepted(1.0, decay, k):
        greatest = _mean_accepted(1.0, decay, k) + counts_bonus
        reject("mean_length", mean_length, f"a number in [{float(counts_bonus):g}, {greatest:g}]")
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        if _mean_accepted(middle, decay, k) < accepted:
            low = middle
        else:
            high = middle
    return geometric_survival(high, decay)


def _mean_accepted(initial: float, decay: float, k: int) -> float:
    return float(np.cumprod(initial * decay ** np.arange(k)).sum())


def read_decay(value: object) -> Independent:
    """Read ``{reviewer: {drafter: form}}``.

    A form is ``{"survival": [...]}``, ``{"initial": a, "decay": g}`` or ``{"mean_length": m, "tokens": k}`` with
    optional `decay` (default 1) and `counts_bonus` (default true).
    """
    replaced: dict[Pair, Acceptance] = {}
    forms: dict[Pair, dict[str, object]] = {}
    for reviewer, row in mapping(value, "").items():
        with inside(reviewer):
            for drafter, form in mapping(row, "").items():
                with inside(drafter):
                    replaced[reviewer, drafter], forms[reviewer, drafter] = _read_form(mapping(form, ""))
    return Independent(replaced, forms)


def _read_form(form: Mapping[str, object]) -> tuple[Acceptance, dict[str, object]]:
    """The acceptance, and the form with its numbers parsed and its defaults filled in."""
    if "survival" in form:
        only_keys(form, ("survival",))
        values = sequence(form["survival"], "survival")
        if not values:
            reject("survival", [], "a list of at least one number in [0, 1]")
        survival = [read_number(v, f"survival[{j}]", 0, 1) for j, v in enumerate(values)]
        return from_survival(survival), {"survival": survival}
    if "mean_length" in form:
        only_keys(form, ("mean_length", "tokens", "decay", "counts_bonus"), required=("mean_length", "tokens"))
        bonus = form.get("counts_bonus", True)
        if not isinstance(bonus, bool):
            reject("counts_bonus", bonus, "true or false")
        mean_length = read_number(form["mean_length"], "mean_length", 0)
        k = count(form["tokens"], "tokens", 4096)
        decay = read_number(form.get("decay", 1.0), "decay", 0, 1)
        parsed: dict[str, object] = {"mean_length": mean_length, "tokens": k, "decay": decay, "counts_bonus": bonus}
        return from_mean_length(mean_length, k, decay, counts_bonus=bonus), parsed
    only_keys(form, ("initial", "decay"), required=("initial", "decay"))
    initial, decay = read_number(form["initial"], "initial", 0, 1), read_number(form["decay"], "decay", 0)
    return geometric_survival(initial, decay), {"initial": initial, "decay": decay}
