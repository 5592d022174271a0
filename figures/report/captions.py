"""Titles and captions of all artefacts, by name."""

from __future__ import annotations

CAPTIONS = {
    "table1": (
        "Table 1 of the paper",
        "EWIF under Bernoulli acceptance: as reported, by the closed form, by the exact recursion and by simulation.",
    ),
    "schematic": (
        "The two cascades",
        "Vertical: each drafter's work is itself drafted by a smaller one. Horizontal: larger drafters draft the early "
        "tokens of a draft, smaller ones the later.",
    ),
    "ewif-curves": (
        "EWIF against draft length",
        "Exact EWIF of speculative decoding with the English-German drafters of Leviathan et al. (arXiv 2211.17192).",
    ),
    "allocation": (
        "How to share a draft between two drafters",
        "Horizontal cascades of Table 1's CNN/DailyMail drafters; contours are shares of the best EWIF.",
    ),
    "vertical-region": (
        "Where a vertical step pays",
        "Best EWIF with the second drafter below the first, over the best without it.",
    ),
    "horizontal-region": (
        "Where a horizontal step pays",
        "Best EWIF with the second drafter's tokens after the first's, over the best of either alone.",
    ),
    "iid-error": (
        "How wrong the i.i.d. assumption is",
        "Relative error of the i.i.d. prediction when acceptance varies, by how prompts are weighted.",
    ),
    "published": (
        "Published predictions against published measurements",
        "Theorem 3.8 at the published acceptances and costs of Leviathan et al.; the band is +-20 %.",
    ),
    "convergence": (
        "A simulation converges",
        "A three-level cascade; the interval narrows with the square root of the cycles drawn.",
    ),
    "agreement": (
        "Simulated against exact",
        "Random cascades of up to three levels with hazards of every kind; 5 % should lie outside their intervals.",
    ),
    "decay": (
        "When acceptance decays with position",
        "Hazard 0.9 times the decay rate to the power of the position, simulated.",
    ),
    "departures": (
        "What heterogeneity and dependence cost",
        "Change of EWIF when acceptance varies over prompts or along the text, at equal mean acceptance.",
    ),
    "claims": (
        "The claims, held to the proof",
        "Each row was checked by this run: proved (SymPy), tested, or refuted with the smallest counterexample found.",
    ),
    "real-prompts": ("Models and prompts of this run", ""),
    "real-calibration": ("Calibration of this run's models", ""),
    "real-predictions": ("Predictions for this run's cascades", ""),
    "real-choice": ("Which cascades this run measures", ""),
    "real-measurements": ("Rows of this run", ""),
    "real-lossless": (
        "Is the text the target's own?",
        "Texts that are the autoregressive ones token for token, that differ first at a near-tie, or are off, which "
        "none may be. A call on several tokens rounds differently from a call on one; a first difference is a tie "
        "where the tokens' float32 logits are within 1e-4, or within 4 units in the last place of bfloat16.",
    ),
    "real-ladder": (
        "Predicted and measured, in this run",
        "Measured now, in bfloat16, on other prompts than those calibrated on. The quick profile takes few prompts, so "
        "its intervals are wide, and of every family the cascade of the greatest prediction. Predictions from one "
        "acceptance a pair and one cost a model (iid), with call times by the number of tokens (iid+t(q)), by "
        "position and type (fits), and by decoding the recorded texts again (replay). Speedup is "
        "autoregressive over cascade seconds, prefill left out.",
    ),
    "real-figure": (
        "Predicted against measured, in this run",
        "One panel a rung; the band is +-5 %. Bars are 95 % intervals.",
    ),
    "ladder": (
        "The prediction ladder",
        "Every rung's errors as they fell, what choosing by it costs, and every cascade.",
    ),
    "ladder-figure": (
        "Predicted against measured",
        "One panel a rung, one mark a cascade, by family; the band is +-5 %. Bars are 95 % intervals. A replay of the "
        "same prompts knows the measured texts: it tells how much of the error is that prompts differ.",
    ),
    "remainder": (
        "What the replay leaves",
        "log(predicted / measured) of the replay, split exactly; the fastest cascade first. The band is +-5 %.",
    ),
    "checks": (
        "Which assumptions hold",
        "Departures with intervals over prompts: the hazard after three accepted tokens less the first, standard "
        "deviations of alpha over prompts and domains, the correlation of neighbouring tokens, and how much likelier "
        "acceptance is where the inner review agreed.",
    ),
    "checks-figure": (
        "Sizes of the departures",
        "Within the grey band a departure is negligible. Violated is what is significant after Holm's correction over "
        "all tests, however small.",
    ),
    "survival": (
        "Acceptance by position",
        "P(the first tokens of a draft are all accepted), from every start of the recorded texts. A constant hazard is "
        "a straight line. Two laws bend it: alpha that differs over prompts, and hard and easy text.",
    ),
    "domains": ("Acceptance by domain", "Intervals over prompts."),
    "correlation": ("Acceptance along the text", "Cleared of what prompts differ; bands over prompts."),
    "call-times": ("Call times", "Medians; the band is half the interquartile range."),
    "neighbourhood": (
        "Around the optimum",
        "EWIF by the calibrated hazards and call times; numbers are measured speedups.",
    ),
    "headline": (
        "The best cascade over the best speculative decoding",
        "Additional speedup by fixed cost tables and by the clock, decoding alone.",
    ),
    "scale": (
        "At the paper's scale",
        "EWIF of published acceptances by parameter ratios (MS), by costs of prior work (PW), and, where the target's "
        "calls were timed, by a measured cost of one-token calls (c) and by measured call times (t(q)). In brackets "
        "the best EWIF by those costs and its draft length.",
    ),
    "costs": (
        "Cost ratios, assumed and measured",
        "What a drafter's one-token call costs, in one-token calls of its target.",
    ),
    "learning": (
        "How the drafters learnt",
        "Greedy agreement with the target on texts never trained on, as the drafters were distilled.",
    ),
}
"""Name to (title, caption)."""
