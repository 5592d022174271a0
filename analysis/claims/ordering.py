"""Claims on the order of drafters."""

from __future__ import annotations

from fractions import Fraction
from itertools import permutations, product

from analysis.claims.claim import Claim
from analysis.claims.drafters import FREE, Sides
from analysis.claims.exact_cascade import ExactCascade
from analysis.claims.search import PROBABILITY, REALISTIC, Property, whole
from analysis.claims.verdicts import Proof, Refutation
from analysis.model import Step


def _step(drafter: str, n: int, k: int) -> Step:
    """k leaf tokens for n = 0, else n rounds over k tokens of the free drafter "e"."""
    if n == 0:
        return Step(drafter, tokens=k)
    return Step(drafter, rounds=n, draft=(Step("e", tokens=k),))


def _order(rounds: tuple[int, int, int], shares: tuple[Fraction, ...], b: Fraction, k: int) -> Sides:
    names = ("d1", "d2", "d3")
    alphas = {("t", d): a for d, a in zip(names, shares, strict=True)} | {(d, "e"): b for d in names}
    costs = {"d1": Fraction(1, 2), "d2": Fraction(1, 3), "d3": Fraction(1, 5), "e": Fraction(1, 50)}
    steps = dict(
        zip(names, (_step(d, n, k + i) for i, (d, n) in enumerate(zip(names, rounds, strict=True))), strict=True)
    )

    def in_order(order: tuple[str, ...]) -> ExactCascade:
        return ExactCascade(tuple(steps[d] for d in order), alphas, costs)

    falling = tuple(sorted(names, key=lambda d: -alphas["t", d]))
    return max(Fraction(in_order(order).ewif()) for order in permutations(names)), in_order(falling)


def _order_of_leaves(a: Fraction, b: Fraction, m: Fraction, k: int) -> Sides:
    return _order((0, 0, 0), (a, b, m), FREE, k)


def _order_of_steps(a: Fraction, b: Fraction, m: Fraction, inner: Fraction, k: int, n: int) -> Sides:
    return _order((n, 0, n), (a, b, m), inner, k)


def _in_turn(drafters: tuple[str, ...], a0: Fraction, a1: Fraction, b0: Fraction, b1: Fraction) -> ExactCascade:
    """A token of each named drafter in turn; hazards at position 0 and from position 1 on, nothing costs."""
    alphas = {
        ("t", "d1"): {"per_position": [a0, a1], "beyond": "last"},
        ("t", "d2"): {"per_position": [b0, b1], "beyond": "last"},
    }
    return ExactCascade(tuple(Step(drafter, tokens=1) for drafter in drafters), alphas, {"d1": FREE, "d2": FREE})


def _hazard_order(size: int, a0: Fraction, a1: Fraction, b0: Fraction, b1: Fraction) -> Sides:
    """As many tokens of each drafter: the second drafter first, against the first drafter first."""
    first, second = ("d1",) * size, ("d2",) * size
    return _in_turn(second + first, a0, a1, b0, b1), _in_turn(first + second, a0, a1, b0, b1)


def _dominant_first(a0: Fraction, a1: Fraction, b0: Fraction, b1: Fraction) -> Sides | None:
    return _hazard_order(1, a0, a1, b0, b1) if a0 > b0 and a1 > b1 else None


def _crossing(a0: Fraction, a1: Fraction, b0: Fraction, b1: Fraction) -> Sides | None:
    return _hazard_order(2, a0, a1, b0, b1) if a0 > b0 and a1 < b1 else None


def _best_at_each_position(a0: Fraction, a1: Fraction, b0: Fraction, b1: Fraction) -> Sides | None:
    if not (a0 > b0 and a1 < b1):
        return None
    best = max(_in_turn(turn, a0, a1, b0, b1).ewif() for turn in product(("d1", "d2"), repeat=3))
    return best, _in_turn(("d1", "d2", "d2"), a0, a1, b0, b1)


def _ratio_does_not_fall(a0: Fraction, a1: Fraction, b0: Fraction, b1: Fraction) -> Sides | None:
    return _hazard_order(1, a0, a1, b0, b1) if a0 >= b0 and b1 * a0 >= b0 * a1 else None


_HAZARDS = dict.fromkeys(("a0", "a1", "b0", "b1"), PROBABILITY)
_REAL_HAZARDS = dict.fromkeys(_HAZARDS, REALISTIC)
_ORDERS = ("d2 first", "d1 first")

CLAIMS = (
    Claim(
        "order-of-tokens",
        "For a fixed multiset of leaf tokens of constant acceptance, falling acceptance is the best order, whatever "
        "the costs.",
        "CS Drafting uses it as a heuristic (horizontal cascade: larger drafters first); stated as a theorem here",
        Proof(
            ("order",),
            Property(
                {"a": PROBABILITY, "b": PROBABILITY, "m": PROBABILITY, "k": whole(3)},
                _order_of_leaves,
                "==",
                ("best of all orders", "falling acceptance"),
            ),
        ),
    ),
    Claim(
        "order-of-steps",
        "The same holds for the steps of the target's draft that are `rounds` over inner drafts: only each drafter's "
        "acceptance by the target matters.",
        "Stated here",
        Proof(
            ("order",),
            Property(
                {
                    "a": PROBABILITY,
                    "b": PROBABILITY,
                    "m": PROBABILITY,
                    "inner": PROBABILITY,
                    "k": whole(2),
                    "n": whole(3),
                },
                _order_of_steps,
                "==",
                ("best of all orders", "falling acceptance"),
            ),
        ),
    ),
    Claim(
        "order-dominating-hazards",
        "A drafter whose hazard is greater at every position goes first.",
        "CS Drafting's horizontal cascade, applied to position-dependent acceptance",
        Refutation(
            Property(_REAL_HAZARDS, _dominant_first, "<=", _ORDERS),
            "greater at the position, and the other's hazards do not fall relative to its own from there on",
            Property(_HAZARDS, _ratio_does_not_fall, "<=", _ORDERS),
            note="What counts is the product along the draft: a weak drafter's one good position may be worth taking. "
            "Neighbours at j swap with difference a_j - b_j + (a_j b_(j+1) - b_j a_(j+1))(1 + g).",
        ),
    ),
    Claim(
        "order-crossing-hazards",
        "With crossing hazards the drafter that is better at the first position goes first.",
        "CS Drafting's horizontal cascade, applied to position-dependent acceptance",
        Refutation(
            Property(_REAL_HAZARDS, _crossing, "<=", _ORDERS),
            "equal costs, and how many tokens of each is free to choose: at each position the drafter that is best "
            "there",
            Property(_HAZARDS, _best_at_each_position, "==", ("best of all drafts", "best at each position")),
        ),
    ),
)
