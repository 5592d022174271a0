"""transformers: attributes of a `GenerationConfig`.

Names: transformers 5.23. An assistant model reads its own configuration, not that of the model it drafts for.
"""

from __future__ import annotations

from analysis.engines.settings.speculation import Speculation
from analysis.engines.settings.typed import (
    IN_WORDS,
    EngineSettings,
    Told,
    cascade_lost,
    impossible,
    no_speculation,
    to_fill_in,
    weights,
)

ENGINE, NAMES_OF = "transformers", "5.23"

OWN_MATCH = 2
"""Greatest number of tokens that prompt lookup matches where it is not told otherwise."""


def transformers_config(speculation: Speculation) -> EngineSettings:
    """Settings of transformers for a speculation; `values` are the attributes of the `GenerationConfig` to set."""
    if not speculation.tokens:
        return no_speculation(ENGINE, NAMES_OF, "assistant_model, prompt_lookup_num_tokens and use_mtp")
    if speculation.kind == "ngram":
        told, whose = _of_copying(speculation), "generation_config"
    elif speculation.kind == "model":
        told, whose = _of_a_model(speculation), "assistant_model.generation_config"
    elif speculation.kind == "mtp":
        told, whose = _of_own_heads(speculation), "generation_config"
    else:
        return impossible(ENGINE, NAMES_OF, IN_WORDS[speculation.kind])
    told = Told(told.values, told.notes, (*cascade_lost(speculation), *told.lost))
    typed = ", ".join(f"{key}={value!r}" for key, value in sorted(told.values.items()))
    return told.settings(ENGINE, NAMES_OF, f"{whose}.update({typed})")


def _of_a_model(speculation: Speculation) -> Told:
    values = {
        "num_assistant_tokens": speculation.tokens,
        "num_assistant_tokens_schedule": "constant",
        "assistant_confidence_threshold": speculation.confidence or 0.0,
    }
    where = f"the model loaded from {weights(speculation)}"
    notes = [*to_fill_in(speculation), f"assistant_model is {where}; pass it to generate(..., assistant_model=...)"]
    if speculation.confidence is None:
        notes.append("a threshold of 0 keeps every draft at its length; without it transformers stops below 0.4")
    else:
        notes.append("the token below the threshold is still offered, and the threshold adapts where scikit-learn is")
    return Told(values, tuple(notes))


def _of_copying(speculation: Speculation) -> Told:
    values = {
        "prompt_lookup_num_tokens": speculation.tokens,
        "max_matching_ngram_size": speculation.match_max or speculation.match_min or OWN_MATCH,
    }
    lost: tuple[str, ...] = ()
    if speculation.match_min is not None and speculation.match_min > 1:
        lost = (f"no least match: it proposes after 1 matching token already, not only after {speculation.match_min}",)
    return Told(values, (), lost)


def _of_own_heads(speculation: Speculation) -> Told:
    lost = [f"no draft length: it drafts as many tokens as the target has heads, not {speculation.tokens}"]
    if speculation.confidence is not None:
        lost.append("no threshold on the confidence of these heads")
    return Told({"use_mtp": True}, (), tuple(lost))
