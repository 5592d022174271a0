"""Hypothesis strategies for cascade specifications, as the JSON a user would write."""

from __future__ import annotations

from hypothesis import strategies as st

DRAFTERS = ("a", "b", "c")
"""Drafters from the outermost down; each may draft for those before it, so that no model drafts for itself."""

probabilities = st.one_of(st.sampled_from([0.0, 0.5, 1.0]), st.floats(0, 1, allow_subnormal=False))
costs = st.one_of(st.sampled_from([0.0, 0.1, 1.0]), st.floats(0, 2, allow_subnormal=False))


@st.composite
def hazards(draw):
    """A hazard of one type of token: constant, by position or decaying."""
    kind = draw(st.sampled_from(["constant", "per_position", "decaying"]))
    if kind == "constant":
        return draw(probabilities)
    if kind == "per_position":
        return {"per_position": draw(st.lists(probabilities, min_size=1, max_size=4)), "beyond": "last"}
    value = {"initial": draw(probabilities), "decay": draw(st.floats(0, 1.5, allow_subnormal=False))}
    return value | draw(st.sampled_from([{}, {"floor": 0.25}]))


acceptances = st.one_of(hazards(), st.fixed_dictionaries({"accepted": hazards(), "corrected": hazards()}))
"""An entry of `acceptance`: one hazard, or one by type of token."""


def by_tokens(entries):
    """A table of costs that goes on in one of the two ways, since drafts are often longer than it is."""
    lists = st.lists(entries, min_size=2, max_size=4)
    return st.fixed_dictionaries({"by_tokens": lists, "beyond": st.sampled_from(["last", "linear"])})


call_costs = st.one_of(
    costs,
    st.fixed_dictionaries({"fixed": costs, "per_token": costs}),
    by_tokens(costs),
)
"""Any model's `cost`."""

by_draft = st.fixed_dictionaries(
    {"by_draft": st.lists(costs, min_size=2, max_size=4), "beyond": st.sampled_from(["last", "linear"])}
)
"""The `cost` of a model that drafts and never reviews, by tokens drafted in one go."""

target_costs = st.one_of(
    st.floats(0.5, 2),
    st.fixed_dictionaries({"fixed": st.floats(0.5, 2), "per_token": costs}),
    by_tokens(st.floats(0.5, 2)),
)
"""The target's `cost`, which is positive."""


@st.composite
def steps(draw, drafters=DRAFTERS, depth=2, greatest=2, lenient=False):
    """One step by any of the drafters, over inner drafts of depth at most `depth` - 1."""
    chosen = draw(st.integers(0, len(drafters) - 1))
    step = {"by": drafters[chosen]}
    below = drafters[chosen + 1 :]
    if depth > 1 and below and draw(st.booleans()):
        step[draw(st.sampled_from(["rounds", "until"]))] = draw(st.integers(1, greatest))
        step["draft"] = draw(drafts(below, depth - 1, greatest, min_size=1, lenient=lenient))
        if lenient and draw(st.booleans()):
            step["lenience"] = draw(st.floats(1, 4))
        return step
    step[draw(st.sampled_from(["tokens", "until"]))] = draw(st.integers(1, greatest))
    if "until" in step and draw(st.booleans()):
        step["block"] = draw(st.integers(1, greatest))
    return step


def drafts(drafters=DRAFTERS, depth=2, greatest=2, min_size=0, max_size=2, lenient=False):
    """A list of steps."""
    return st.lists(steps(drafters, depth, greatest, lenient), min_size=min_size, max_size=max_size)


def as_rounds(steps):
    """A drawn draft with its `until` made `tokens` or `rounds`."""
    result = []
    for step in steps:
        times = step.get("tokens") or step.get("rounds") or step["until"]
        if "draft" in step:
            result.append({"by": step["by"], "rounds": times, "draft": as_rounds(step["draft"])})
        else:
            result.append({"by": step["by"], "tokens": times})
    return result


@st.composite
def specs(draw, depth=3, greatest=2, max_size=2, costs=call_costs, acceptance=acceptances, lenient=False, goes=True):
    """A whole specification with target "t" and every acceptance pair, small enough to enumerate.

    Args:
        draw: Given by Hypothesis.
        depth: Greatest nesting of drafts.
        greatest: Greatest count of tokens, rounds, until or block.
        max_size: Greatest number of steps in one draft.
        costs: Strategy for the drafters' costs.
        acceptance: Strategy for the acceptance entries.
        lenient: Whether leniences may be other than 1.
        goes: Whether the cost of a drafter that only drafts may be by draft.
    """
    drafting = dict.fromkeys(DRAFTERS, costs)
    if goes and costs is call_costs:
        drafting["c"] = st.one_of(costs, by_draft)  # for whom nobody drafts
    reviewers = {"t": DRAFTERS, "a": DRAFTERS[1:], "b": DRAFTERS[2:]}
    return {
        "target": "t",
        "models": {"t": {"cost": draw(target_costs)}} | {d: {"cost": draw(of)} for d, of in drafting.items()},
        "acceptance": {r: {d: draw(acceptance) for d in below} for r, below in reviewers.items()},
        "draft": draw(drafts(DRAFTERS, depth, greatest, max_size=max_size, lenient=lenient)),
    }
