"""vLLM: the JSON of ``--speculative-config``.

Names: documentation of `vllm.config.speculative` in 0.12.0 and the configuration reference of the later releases, which
agree on every key used here.
"""

from __future__ import annotations

import json

from analysis.engines.settings.speculation import WITH_WEIGHTS, Speculation
from analysis.engines.settings.typed import (
    EngineSettings,
    Told,
    as_flags,
    cascade_lost,
    no_speculation,
    to_fill_in,
    weights,
)

ENGINE, NAMES_OF = "vLLM", "0.12 and later"

FLAG = "--speculative-config"

METHODS = {
    "model": "draft_model",
    "ngram": "ngram",
    "suffix": "suffix",
    "eagle": "eagle",
    "eagle3": "eagle3",
    "mtp": "mtp",
    "medusa": "medusa",
    "mlp": "mlp_speculator",
}


def vllm(speculation: Speculation) -> EngineSettings:
    """Settings of vLLM for a speculation."""
    if not speculation.tokens:
        return no_speculation(ENGINE, NAMES_OF, FLAG)
    told = _told(speculation)
    return told.settings(ENGINE, NAMES_OF, as_flags({FLAG: json.dumps(told.values)}))


def _told(speculation: Speculation) -> Told:
    values: dict[str, object] = {"method": METHODS[speculation.kind], "num_speculative_tokens": speculation.tokens}
    notes, lost = [*to_fill_in(speculation)], [*cascade_lost(speculation)]
    if speculation.kind in WITH_WEIGHTS:
        values["model"] = weights(speculation)
    if speculation.kind == "model":
        notes.append("0.10 to 0.13 refuse a draft model (issue 31883 of vllm-project/vllm)")
    if speculation.kind == "ngram":
        values |= {
            "prompt_lookup_max": speculation.match_max or speculation.match_min or 5,
            "prompt_lookup_min": speculation.match_min or speculation.match_max or 5,
        }
        if not speculation.match_min and not speculation.match_max:
            notes.append("a match of 5 tokens is the engine's own choice; a shorter one proposes more often")
    if speculation.kind == "suffix":
        notes.append(
            "needs the package arctic-inference; a draft is at most as long as its match, unless "
            "suffix_decoding_max_spec_factor is raised above 1"
        )
    if speculation.confidence is not None:
        if speculation.kind == "suffix":
            values["suffix_decoding_min_token_prob"] = speculation.confidence
            notes.append("the threshold is on the frequency of a token in the suffix tree")
        else:
            lost.append(f"no threshold on confidence: every step drafts {speculation.tokens} tokens")
    return Told(values, tuple(notes), tuple(lost))
