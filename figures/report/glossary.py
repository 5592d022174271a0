"""The words of a report, in a line each."""

from __future__ import annotations

from analysis.model.boundary.markdown import table

WORDS = {
    "alpha": "acceptance: the probability that a reviewer accepts a drafted token, all before it in the draft accepted",
    "agreement": "the share of all places of a text at which drafter and target say the same; alpha counts only the "
    "places that drafts come to, beginning where cycles begin, and is lower for a drafter that copies",
    "hazard": "alpha at one position of the draft, given that everything before it was accepted",
    "survival": "the probability that all tokens up to a position are accepted: the product of the hazards",
    "cycle": "one draft and the target's review of it; yields the accepted tokens and one more",
    "round": "the same one level down: a drafter reviews a draft made for it by smaller ones",
    "c": "cost of one call of a model, where a one-token call of the target costs 1",
    "t(q)": "cost of a call on q tokens, measured",
    "EWIF": "expected walltime improvement factor: tokens per cycle over cost per cycle; autoregressive decoding is 1",
    "SWI": "standardised walltime improvement: the same from counted calls, weighted by a fixed table of costs (MS: "
    "parameters, PW: costs of prior work)",
    "speedup": "measured: seconds of autoregressive decoding over seconds of the cascade, for the same text",
    "rung": "one way of predicting a speedup, from one alpha and cost per model (iid) to decoding recorded texts again "
    "(replay)",
    "regret": "what is lost by measuring the cascade that a prediction calls best instead of the best one measured",
    "abstain": "a drafter that proposes nothing where it finds no match, as `copy` does below two matching tokens",
    "vertical": "a cascade whose drafters draft for each other: steps inside steps",
    "horizontal": "a cascade whose drafters take turns along one draft: steps beside each other",
    "d1 x4": "the model d1 drafts four tokens",
    "d1 2x(copy x4)": "d1 reviews two rounds of four tokens of copy each, and hands up what it accepted",
    "d1 to5(mag x4)": "d1 reviews rounds of four tokens of mag until the draft holds five tokens",
    "d1 x2 + mag x4": "two tokens of d1, then four of mag",
}
"""Word to meaning."""


def glossary() -> str:
    """The glossary as a table."""
    return table(["word", "meaning"], list(WORDS.items()), text_columns=2)
