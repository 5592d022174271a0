"""SGLang: flags of ``python -m sglang.launch_server``.

Names: the server arguments of 0.5 after pull request 21225 of sgl-project/sglang (March 2026), which took the window of
a match out of the n-gram drafter. A number of draft tokens there counts the token that the draft starts from.
"""

from __future__ import annotations

from analysis.engines.settings.speculation import Speculation
from analysis.engines.settings.typed import (
    IN_WORDS,
    EngineSettings,
    Told,
    as_flags,
    cascade_lost,
    impossible,
    no_speculation,
    to_fill_in,
    weights,
)

ENGINE, NAMES_OF = "SGLang", "0.5, since March 2026"

ALGORITHMS = {"model": "STANDALONE", "ngram": "NGRAM", "eagle": "EAGLE", "eagle3": "EAGLE3", "mtp": "NEXTN"}


def sglang(speculation: Speculation) -> EngineSettings:
    """Settings of SGLang for a speculation."""
    if not speculation.tokens:
        return no_speculation(ENGINE, NAMES_OF, "--speculative-algorithm")
    if speculation.kind not in ALGORITHMS:
        notes = ("NGRAM is the nearest: it matches every suffix of the text",) if speculation.kind == "suffix" else ()
        return impossible(ENGINE, NAMES_OF, IN_WORDS[speculation.kind], *notes)
    told = _of_copying(speculation) if speculation.kind == "ngram" else _of_a_network(speculation)
    return told.settings(ENGINE, NAMES_OF, as_flags(told.values))


def _of_a_network(speculation: Speculation) -> Told:
    values: dict[str, object] = {"--speculative-algorithm": ALGORITHMS[speculation.kind]}
    if speculation.kind != "mtp":
        values["--speculative-draft-model-path"] = weights(speculation)
    values |= {
        "--speculative-num-steps": speculation.tokens,
        "--speculative-eagle-topk": 1,
        "--speculative-num-draft-tokens": speculation.tokens + 1,
    }
    lost = [*cascade_lost(speculation)]
    if speculation.confidence is not None:
        lost.append(
            f"no threshold on confidence: every step drafts {speculation.tokens} tokens (the thresholds of acceptance "
            "change what is generated)"
        )
    note = "topk 1 drafts one sequence of tokens, as the prediction does; a greater one drafts a tree"
    return Told(values, (*to_fill_in(speculation), note), tuple(lost))


def _of_copying(speculation: Speculation) -> Told:
    values: dict[str, object] = {
        "--speculative-algorithm": "NGRAM",
        "--speculative-num-draft-tokens": speculation.tokens + 1,
        "--speculative-ngram-max-bfs-breadth": 1,
    }
    notes = ["breadth 1 drafts one sequence of tokens, as the prediction does; the default, 10, drafts a tree"]
    lost = [*cascade_lost(speculation)]
    if speculation.match_min or speculation.match_max:
        lost.append(
            "no limit on the length of a match: every suffix that occurred before proposes (before March 2026: "
            "--speculative-ngram-min-match-window-size and --speculative-ngram-max-match-window-size)"
        )
    return Told(values, tuple(notes), tuple(lost))
