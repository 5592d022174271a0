"""Claims on verification of actual tokens: overlap, losslessness, rejections, blocks, candidates and trees."""

from __future__ import annotations

from fractions import Fraction

from analysis.claims.claim import Claim
from analysis.claims.drafters import Sides
from analysis.claims.search import PROBABILITY, Number, Property, whole
from analysis.claims.verdicts import ByExamples, Proof
from analysis.derive.block import block_accepted, token_accepted
from analysis.derive.text_law import Model, cascade_text, last_token_model, model_text, rejections, summed_distances
from analysis.derive.texts import CASCADES, models
from analysis.derive.token_law import distance, review
from analysis.derive.trees import accepted_depth, path_products, two_candidates_review


def _pair(p0: Fraction, p1: Fraction, q0: Fraction, q1: Fraction) -> tuple[Model, Model]:
    return last_token_model(p0, p1), last_token_model(q0, q1)


def _overlap(p: Fraction, q: Fraction) -> Sides:
    laws = (p, 1 - p), (q, 1 - q)
    return review(*laws).acceptance, 1 - distance(*laws)


def _text(p0: Fraction, p1: Fraction, q0: Fraction, q1: Fraction, r0: Fraction, r1: Fraction, draft: int) -> Sides:
    """Distance of the laws of a cascade's text of two tokens and of the target's own."""
    named = models(p0, p1, q0, q1, r0, r1, q1, r0)
    written, own = cascade_text(CASCADES[draft], named, 2), model_text(named["t"], 2)
    texts = written.keys() | own.keys()
    none = Fraction(0)
    return sum((abs(written.get(text, none) - own.get(text, none)) for text in texts), none) / 2, none


def _rejected(p0: Fraction, p1: Fraction, q0: Fraction, q1: Fraction, n: int) -> Sides:
    pair = _pair(p0, p1, q0, q1)
    return rejections(*pair, n), summed_distances(*pair, n)


def _block(p0: Fraction, p1: Fraction, q0: Fraction, q1: Fraction, k: int) -> Sides:
    pair = _pair(p0, p1, q0, q1)
    return token_accepted(*pair, k), block_accepted(*pair, k)


def _candidates(p: Fraction, q: Fraction) -> Sides:
    laws = (p, 1 - p), (q, 1 - q)
    return review(*laws).acceptance, two_candidates_review(*laws)[0]


def _tree(a: Fraction, b: Fraction, c: Fraction, d: Fraction) -> tuple[Number, Number]:
    """Two children, the first with two of its own; b and d are of what the sibling leaves."""
    tree = ((a, ((c, ()), ((1 - c) * d, ()))), ((1 - a) * b, ()))
    return accepted_depth(tree), path_products(tree)


_PAIR = {"p": PROBABILITY, "q": PROBABILITY}
_MODELS = dict.fromkeys(("p0", "p1", "q0", "q1"), PROBABILITY)

CLAIMS = (
    Claim(
        "acceptance-overlap",
        "A token is accepted with the overlap of both laws, the sum of min(p, q): 1 less their total variation.",
        "Leviathan et al. 2023, Corollary 3.6",
        Proof(("acceptance-overlap",), Property(_PAIR, _overlap, "==", ("enumerated", "1 - total variation"))),
    ),
    Claim(
        "lossless-cascade",
        "The text of a cascade of any nesting, all reviews lossless, has the law that the target writes by itself, "
        "whatever the models look at.",
        "One drafter: Leviathan et al. 2023, appendix A.1; nested: CS Drafting",
        Proof(
            ("lossless-cascade",),
            Property(
                {**_MODELS, "r0": PROBABILITY, "r1": PROBABILITY, "draft": whole(len(CASCADES) - 1, 0)},
                _text,
                "==",
                ("distance of the laws of two tokens", "claimed"),
            ),
            examples=60,
        ),
    ),
    Claim(
        "expected-rejections",
        "If every token is drafted and reviewed (no bonus tokens), the expected number of rejections is the total "
        "variation of both laws summed along the target's text.",
        "Yin et al. 2024, arXiv 2411.00841",
        Proof(
            ("expected-rejections",),
            Property({**_MODELS, "n": whole(4)}, _rejected, "==", ("enumerated", "summed distances")),
        ),
    ),
    Claim(
        "block-verification",
        "Block verification accepts no fewer tokens of a draft than verification token by token.",
        "Sun et al. 2024, arXiv 2403.10444",
        ByExamples(
            Property({**_MODELS, "k": whole(4)}, _block, "<=", ("token by token", "block")),
            note="Target (1/3, 2/3), drafter (2/3, 1/3), two tokens: 11/9 accepted against 10/9, as published.",
        ),
    ),
    Claim(
        "two-candidates",
        "A second candidate, reviewed with the residual of the first, never lowers the acceptance and loses nothing.",
        "SpecInfer (Miao et al. 2023)",
        Proof(("two-candidates",), Property(_PAIR, _candidates, "<=", ("one candidate", "two candidates"))),
    ),
    Claim(
        "tree-gain",
        "The expected accepted tokens of a tree are a sum over its nodes, of the product of acceptances on their path.",
        "Used by SpecInfer (Miao et al. 2023) and Sequoia (Chen et al. 2024)",
        Proof(
            ("tree-gain",),
            Property(
                dict.fromkeys(("a", "b", "c", "d"), PROBABILITY), _tree, "==", ("enumerated", "sum of path products")
            ),
        ),
    ),
)
