"""Claims that a closed form equals the EWIF, or the law, of its cascade."""

from __future__ import annotations

import math
from fractions import Fraction

from analysis.claims.claim import Claim
from analysis.claims.exact_cascade import ExactCascade
from analysis.claims.search import COST, PROBABILITY, PROPER, Number, Property, whole
from analysis.claims.verdicts import Proof
from analysis.model import Step
from analysis.theory import exact

CS_DRAFTING = "CS Drafting, section 4"


def speculative_plan(a: Fraction, c: Fraction, k: int) -> ExactCascade:
    """One drafter, k tokens."""
    return ExactCascade((Step("d", tokens=k),), {("t", "d"): a}, {"d": c})


def vertical_plan(a: Fraction, b: Fraction, c1: Fraction, c2: Fraction, n: int, k: int) -> ExactCascade:
    """The first drafter in n rounds over k tokens of the second."""
    draft = (Step("d1", rounds=n, draft=(Step("d2", tokens=k),)),)
    return ExactCascade(draft, {("t", "d1"): a, ("d1", "d2"): b}, {"d1": c1, "d2": c2})


def _at(plan: ExactCascade, x: Fraction) -> float:
    """Mean of x to the power of a cycle's tokens, from the exact law."""
    return math.fsum(float(x) ** (i + 1) * p for i, p in enumerate(exact.cycle_law(plan.cascade()).pmf.tolist()))


def _generating(a: Fraction, x: Fraction, k: int) -> tuple[Number, Number] | None:
    if a * x == 1:
        return None
    return _at(speculative_plan(a, Fraction(0), k), x), 1 + (x - 1) * (1 - (a * x) ** (k + 1)) / (1 - a * x)


def _speculative(a: Fraction, c: Fraction, k: int) -> tuple[Number, Number]:
    return exact.ewif(speculative_plan(a, c, k).cascade()), (1 - a ** (k + 1)) / ((1 - a) * (1 + k * c))


def _gains(a: Fraction, c: Fraction) -> tuple[Number, Number]:
    best = max(Fraction(speculative_plan(a, c, k).ewif()) for k in range(1, 9))
    return int(best > 1), int(a > c)


def _gain_size(a: Fraction, c: Fraction) -> tuple[Number, Number] | None:
    if a <= c:
        return None
    return (1 + a) / (1 + c), max(Fraction(speculative_plan(a, c, k).ewif()) for k in range(1, 5))


def _operations(a: Fraction, c: Fraction, k: int) -> tuple[Number, Number]:
    """Inverse of EWIF where the target's call on q tokens takes q times its call on one, and the closed form."""
    plan = speculative_plan(a, c, k)
    reviewed = ExactCascade(
        plan.draft, plan.alphas, {**plan.costs, "t": {"fixed": Fraction(0), "per_token": Fraction(1)}}
    )
    return 1 / exact.ewif(reviewed.cascade()), (1 - a) * (k * c + k + 1) / (1 - a ** (k + 1))


def _target_reads(a: Fraction, k: int) -> tuple[Number, Number]:
    tokens = exact.cycle_law(speculative_plan(a, Fraction(0), k).cascade()).tokens_per_cycle
    return 1 / tokens, (1 - a) / (1 - a ** (k + 1))


def _vertical(a: Fraction, b: Fraction, c1: Fraction, c2: Fraction, n: int, k: int) -> tuple[Number, Number]:
    phi = 1 + (a - 1) * (1 - (a * b) ** (k + 1)) / (1 - a * b)
    closed = (1 - a * phi**n) / ((1 - a) * (1 + n * c1 + n * k * c2))
    return exact.ewif(vertical_plan(a, b, c1, c2, n, k).cascade()), closed


def _horizontal(a: Fraction, b: Fraction, c1: Fraction, c2: Fraction, k: int, m: int) -> tuple[Number, Number]:
    plan = ExactCascade(
        (Step("d1", tokens=k), Step("d2", tokens=m)), {("t", "d1"): a, ("t", "d2"): b}, {"d1": c1, "d2": c2}
    )
    closed = (1 - a ** (k + 1)) / (1 - a) + a**k * b * (1 - b**m) / (1 - b)
    return exact.ewif(plan.cascade()), closed / (1 + k * c1 + m * c2)


def deep_plan(a: Fraction, b: Fraction, m: Fraction, c: Fraction, n: int, k: int) -> ExactCascade:
    """Three levels, with steps behind the rounds on two of them."""
    inner = (Step("d2", rounds=n, draft=(Step("d3", tokens=k),)), Step("d3", tokens=1))
    alphas = {("t", "d1"): a, ("t", "d3"): m, ("d1", "d2"): b, ("d1", "d3"): m, ("d2", "d3"): a}
    return ExactCascade(
        (Step("d1", rounds=2, draft=inner), Step("d3", tokens=k)), alphas, {"d1": c, "d2": c / 2, "d3": c / 10}
    )


def _nested(a: Fraction, b: Fraction, m: Fraction, c: Fraction, n: int, k: int) -> tuple[Number, Number]:
    plan = deep_plan(a, b, m, c, n, k)
    return exact.ewif(plan.cascade()), plan.ewif()


def _geometric_survival(a: Fraction, decay: Fraction, k: int) -> tuple[Number, Number]:
    plan = ExactCascade((Step("d", tokens=k),), {("t", "d"): {"initial": a, "decay": decay}}, {"d": Fraction(0)})
    return float(exact.cycle_law(plan.cascade()).pmf[k]), a**k * decay ** (k * (k - 1) // 2)


LAW_AND_FORM = ("exact evaluation", "closed form")

CLAIMS = (
    Claim(
        "generating-function",
        "The yield of k tokens of acceptance a has the generating function 1 + (x - 1)(1 - (ax)^(k+1)) / (1 - ax).",
        CS_DRAFTING,
        Proof(
            ("generating-function",),
            Property({"a": PROBABILITY, "x": PROBABILITY, "k": whole(8)}, _generating, "==", LAW_AND_FORM),
        ),
    ),
    Claim(
        "speculative-form",
        "Constant acceptance a below 1 and constant costs: EWIF of k tokens is (1 - a^(k+1)) / ((1 - a)(1 + kc)).",
        "Leviathan et al. 2023, Theorem 3.8",
        Proof(("speculative",), Property({"a": PROPER, "c": COST, "k": whole(8)}, _speculative, "==", LAW_AND_FORM)),
    ),
    Claim(
        "gain-condition",
        "One drafter of constant acceptance, constant costs: some length gains if and only if the acceptance exceeds "
        "the cost.",
        "Leviathan et al. 2023, Corollary 3.9",
        Proof(
            ("gain-condition",),
            Property({"a": PROBABILITY, "c": COST}, _gains, "==", ("some k <= 8 gains", "a > c")),
        ),
    ),
    Claim(
        "gain-size",
        "One drafter of constant acceptance above its cost, constant costs: the best length gains at least the factor "
        "(1 + a) / (1 + c).",
        "Leviathan et al. 2023, Corollary 3.9",
        Proof(
            ("gain-size",),
            Property({"a": PROBABILITY, "c": COST}, _gain_size, "<=", ("(1 + a) / (1 + c)", "best of k <= 4")),
        ),
    ),
    Claim(
        "operations",
        "Operations per token, over the target's own: (1 - a)(k c + k + 1) / (1 - a^(k+1)), with c the drafter's "
        "share; the inverse of EWIF where a call on q tokens takes q times as long.",
        "Leviathan et al. 2023, Theorem 3.11",
        Proof(
            ("operations",),
            Property({"a": PROPER, "c": COST, "k": whole(8)}, _operations, "==", ("1 / EWIF", "closed form")),
        ),
    ),
    Claim(
        "target-reads",
        "The target is read (1 - a) / (1 - a^(k+1)) times a token: once a cycle.",
        "Leviathan et al. 2023, section 3.3",
        Proof(("target-reads",), Property({"a": PROPER, "k": whole(8)}, _target_reads, "==", LAW_AND_FORM)),
    ),
    Claim(
        "vertical-form",
        "Constant acceptances (a below 1) and costs: n rounds over k inner tokens have EWIF "
        "(1 - a phi^n) / ((1 - a)(1 + n c1 + n k c2)).",
        CS_DRAFTING,
        Proof(
            ("vertical",),
            Property(
                {"a": PROPER, "b": PROBABILITY, "c1": COST, "c2": COST, "n": whole(4), "k": whole(5)},
                _vertical,
                "==",
                LAW_AND_FORM,
            ),
        ),
    ),
    Claim(
        "horizontal-form",
        "Constant acceptances below 1: k tokens of one drafter and then m of another yield the mean of the first plus "
        "a^k b (1 - b^m) / (1 - b).",
        CS_DRAFTING,
        Proof(
            ("horizontal",),
            Property(
                {"a": PROPER, "b": PROPER, "c1": COST, "c2": COST, "k": whole(5), "m": whole(5)},
                _horizontal,
                "==",
                LAW_AND_FORM,
            ),
        ),
    ),
    Claim(
        "nested-form",
        "Constant acceptances and costs: EWIF of any nesting of `tokens` and `rounds` is the composition of its steps' "
        "affine maps.",
        "Stated here",
        Proof(
            ("affine-step", "nested"),
            Property(
                {"a": PROBABILITY, "b": PROBABILITY, "m": PROBABILITY, "c": COST, "n": whole(3), "k": whole(3)},
                _nested,
                "==",
                ("exact evaluation", "affine algebra"),
            ),
        ),
    ),
    Claim(
        "geometric-survival",
        "Hazards a g^j (g at most 1) give the survival a^k g^(k(k-1)/2).",
        "vLLM pull request 38045",
        Proof(
            ("decaying-survival",),
            Property({"a": PROBABILITY, "decay": PROBABILITY, "k": whole(6)}, _geometric_survival, "==", LAW_AND_FORM),
        ),
    ),
)
