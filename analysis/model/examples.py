"""Example cascades: those that come with the package as specifications, and those that speed is measured on."""

from __future__ import annotations

from collections.abc import Mapping

from analysis.model.cascade import Cascade
from analysis.model.models import acceptances, scalar_models
from analysis.model.step import Step

ALPHA, COST, TOKENS = 0.8, 0.1, 5
"""Acceptance, cost and length of the flat cascade."""

_MODELS = {"t": {"cost": 1.0}, "d1": {"cost": 0.1}, "mag": {"cost": 0.0}}
_ACCEPTANCE = {"t": {"d1": 0.8, "mag": 0.4}, "d1": {"mag": 0.45}}
_INNER = {"by": "mag", "tokens": 10}

EXAMPLES: Mapping[str, tuple[str, Mapping[str, object]]] = {
    "full": (
        "the full cascade: d1 reviews what Max-Gram drafts for it, Max-Gram adds tokens of its own",
        {
            "target": "t",
            "models": _MODELS,
            "acceptance": _ACCEPTANCE,
            "draft": [{"by": "d1", "rounds": 3, "draft": [_INNER]}, {"by": "mag", "tokens": 4}],
        },
    ),
    "speculative": (
        "speculative decoding with one drafter",
        {
            "target": "t",
            "models": {"t": {"cost": 1.0}, "d": {"cost": COST}},
            "acceptance": {"t": {"d": ALPHA}},
            "draft": [{"by": "d", "tokens": TOKENS}],
        },
    ),
    "vertical": (
        "a vertical cascade: every token of d1 is drafted by Max-Gram",
        {
            "target": "t",
            "models": _MODELS,
            "acceptance": _ACCEPTANCE,
            "draft": [{"by": "d1", "until": 6, "draft": [_INNER]}],
        },
    ),
    "horizontal": (
        "a horizontal cascade: d1 drafts the early tokens, Max-Gram the later ones",
        {
            "target": "t",
            "models": _MODELS,
            "acceptance": _ACCEPTANCE,
            "draft": [{"by": "d1", "tokens": 4}, {"by": "mag", "tokens": 6}],
        },
    ),
    "engine": (
        "hazards by position, as a serving engine's counters give them, and a review that costs more for more tokens",
        {
            "target": "t",
            "models": {"t": {"cost": {"fixed": 0.98, "per_token": 0.02}}, "d": {"cost": 0.06}},
            "acceptance": {"t": {"d": {"per_position": [0.82, 0.793, 0.738, 0.688, 0.636]}}},
            "draft": [{"by": "d", "tokens": 3}],
        },
    ),
    "heads": (
        "a drafter whose cost hardly depends on how many tokens it drafts at once, and copying behind it",
        {
            "target": "t",
            "models": {
                "t": {"cost": {"fixed": 0.997, "per_token": 0.003}},
                "eagle": {"cost": {"by_draft": [0.3, 0.3, 0.3, 0.301], "beyond": "linear"}},
                "copy": {"cost": 0.001},
            },
            "acceptance": {"t": {"eagle": {"per_position": [0.82, 0.793, 0.738], "beyond": "last"}, "copy": 0.5}},
            "draft": [{"by": "eagle", "tokens": 4}, {"by": "copy", "tokens": 4}],
        },
    ),
    "smollm2": (
        "real models: the embedded target, its two drafters and Max-Gram, to generate with or to calibrate",
        {
            "target": "t",
            "models": {
                "t": {"load": "smollm2-135m"},
                "d1": {"load": "smollm2-d1"},
                "d2": {"load": "smollm2-d2"},
                "mag": {"load": "maxgram"},
            },
            "draft": [{"by": "d1", "rounds": 1, "draft": [{"by": "mag", "tokens": 6}]}, {"by": "mag", "tokens": 4}],
        },
    ),
}
"""What each example shows, and its specification, by name."""


def flat(hazard: object = ALPHA, tokens: int = TOKENS, cost: float = COST) -> Cascade:
    """Speculative decoding, in benchmarks with k = 5 and c = 0.1."""
    return Cascade(
        "t",
        scalar_models({"t": 1, "d": cost}),
        acceptances({"t": {"d": hazard}}),
        (Step("d", tokens=tokens),),
    )


def three_levels() -> Cascade:
    """The target over `until 8` of a, a over `rounds 2` of b, b over 4 tokens of c."""
    return Cascade(
        "t",
        scalar_models({"t": 1, "a": 0.1, "b": 0.03, "c": 0.01}),
        acceptances({"t": {"a": 0.8}, "a": {"b": 0.7}, "b": {"c": 0.6}}),
        (Step("a", until=8, draft=(Step("b", rounds=2, draft=(Step("c", tokens=4),)),)),),
    )
