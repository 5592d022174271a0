"""Made-up calibrations whose every number is known, and traces drawn from a stated law."""

from __future__ import annotations

import gzip
import json

ORDER = ("t", "a", "b", "mag")
"""The target, two neural drafters and Max-Gram."""

SECONDS = {"t": 0.04, "a": 0.004, "b": 0.001}
PROPOSE = 2e-5
SIZES, CONTEXTS = [1, 2, 4, 8, 16, 32, 64], [0, 100, 200]
PER_TOKEN, PER_HELD = 0.01, 0.001
"""Every further token of a call adds so much of a call on one, every token held so much."""


def call_seconds(model, q, held):
    return SECONDS[model] * (1 + PER_TOKEN * (q - 1) + PER_HELD * held)


def unit():
    """Seconds of a one-token target call at the reference context."""
    return call_seconds("t", 1, CONTEXTS[1])


def calibration(acceptance, prompts=None, models=ORDER, uncertainty=None, **details):
    """A calibration as a specification in JSON.

    Args:
        acceptance: ``[reviewer][drafter]``; a number is also the acceptance of the first rung, otherwise `iid` must be
            among the details.
        prompts: Lists of (tokens, {(reviewer, drafter): (accepted, examined)}).
        models: Some of `ORDER`.
        uncertainty: As in a specification.
        details: Further keys of `meta.calibration`.
    """
    specs, seconds = {}, {}
    for name in models:
        if name == "mag":
            specs[name] = {"load": "maxgram", "cost": PROPOSE / unit()}
            seconds[name] = {"propose": {"median": PROPOSE, "spread": 0.0}}
            continue
        table = [[call_seconds(name, q, held) for q in SIZES] for held in CONTEXTS]
        costs = [call_seconds(name, q, CONTEXTS[1]) / unit() for q in range(1, 65)]
        specs[name] = {"load": name, "cost": {"by_tokens": costs}}
        seconds[name] = {"unit": "s", "contexts": CONTEXTS, "q": SIZES, "median": table, "spread": table}
    iid = {r: {d: h for d, h in row.items() if isinstance(h, (int, float))} for r, row in acceptance.items()}
    meta = {"schema": 1, "acceptance_iid": iid, "seconds": seconds, "max_new_tokens": 96, "reference_context": 100}
    meta["by_prompt"] = [
        {"id": i, "category": None, "tokens": tokens, "agree": _nested(counts)}
        for i, (tokens, counts) in enumerate(prompts or [(96, {})])
    ]
    spec = {"target": "t", "models": specs, "acceptance": acceptance, "draft": []}
    spec |= {"uncertainty": uncertainty} if uncertainty else {}
    return spec | {"meta": {"calibration": meta | details}}


def flat(alphas):
    """Acceptances of all pairs from ``{"ta": 0.7, ...}``, keys being reviewer and drafter by first letter."""
    names = {name[0]: name for name in ORDER}
    result = {}
    for (reviewer, drafter), alpha in alphas.items():
        result.setdefault(names[reviewer], {})[names[drafter]] = alpha
    return result


OF_TARGET = {"a": 0.75, "b": 0.5, "mag": 0.35}
ALPHAS = {"ta": 0.75, "tb": 0.5, "tm": 0.35, "ab": 0.55, "am": 0.4, "bm": 0.45}


def _nested(counts):
    result = {}
    for (reviewer, drafter), pair in counts.items():
        result.setdefault(reviewer, {})[drafter] = list(pair)
    return result


def traces(generator, alphas, prompts, tokens, prompt_tokens=20):
    """Traces of drafters that say the target's token or one of three others; nothing is known off the target's text.

    Args:
        generator: Makes the choices.
        alphas: Chance of the target's token by drafter.
        prompts: Number of prompts.
        tokens: Tokens of each.
        prompt_tokens: Length of each prompt.
    """
    lines = [{"schema": 1, "target": "t", "reviewers": ORDER[:-1], "drafters": ORDER[1:], "policy": "greedy"}]
    for i in range(prompts):
        said = {"t": generator.integers(0, 1, tokens)}
        for name, alpha in alphas.items():
            said[name] = (generator.random(tokens) >= alpha) * generator.integers(1, 4, tokens)
        agree = {
            r: {d: "".join("01"[int(same)] for same in said[r] == said[d]) for d in later}
            for r, later in ((name, list(said)[j + 1 :]) for j, name in enumerate(said))
            if later and r != "mag"
        }
        line = {"id": i, "category": "all", "prompt_tokens": prompt_tokens, "tokens": tokens, "finish": "length"}
        lines.append(line | {"agree": agree, "off": {}})
    return lines


def write_lines(path, lines):
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.writelines(json.dumps(line) + "\n" for line in lines)
    return path


def write(path, value):
    path.write_text(json.dumps(value))
    return path
