"""Agreements of tiny models recorded by brute force: every next token by a call of its own, without a cache."""

from __future__ import annotations

import gzip
import json

import numpy as np
import tiny
import torch

from realrun.maxgram.bigram import Bigram
from realrun.maxgram.drafter import MaxGram

ORDER = ("t", "a", "b", "mag")
"""The target, two neural drafters and Max-Gram."""


BIGRAM = Bigram(np.roll(np.arange(tiny.VOCABULARY), 5), "tiny")
"""A fallback that knows a successor of every token, so that Max-Gram never abstains."""


def next_tokens(networks, sequence, prompt, bigram):
    """Greedy next token of every model after a sequence; None where Max-Gram abstains."""
    found = {}
    with torch.inference_mode():
        for name, network in networks.items():
            found[name] = int(network(torch.tensor([sequence])).logits[0, -1].argmax())
    mag = MaxGram(bigram)
    mag.prefill(prompt)
    found["mag"] = mag.propose_next(sequence)
    return found


def trace(networks, prompt, tokens, eos, name, off_length, bigram=BIGRAM):
    """One line of a traces file, from the target's own text of at most so many tokens."""
    text, following = [], []
    while len(text) < tokens and not (text and text[-1] in eos):
        following.append(next_tokens(networks, prompt + text, prompt, bigram))
        text.append(following[-1]["t"])
    agree = {r: {d: "".join(_equal(each, r, d) for each in following) for d in _later(r)} for r in ORDER[:-1]}
    off = {r: {d: [] for d in _later(r)} for r in ORDER[1:-1]}
    for reviewer, rows in off.items():
        starts = [i for i, each in enumerate(following) if each[reviewer] != each["t"]]
        for start in starts if off_length else ():
            sequence = [*prompt, *text[:start], following[start][reviewer]]
            seen = []
            for _ in range(off_length):
                seen.append(next_tokens(networks, sequence, prompt, bigram))
                sequence.append(seen[-1][reviewer])
            for drafter, strings in rows.items():
                strings.append([start, "".join(_equal(each, reviewer, drafter) for each in seen)])
    return {
        "id": name,
        "category": "all",
        "prompt_tokens": len(prompt),
        "tokens": len(text),
        "finish": "eos" if text[-1] in eos else "length",
        "agree": agree,
        "off": off,
    }


def _later(name):
    return ORDER[ORDER.index(name) + 1 :]


def _equal(following, reviewer, drafter):
    return "." if following[drafter] is None else str(int(following[reviewer] == following[drafter]))


def write(path, traces):
    header = {"schema": 1, "target": "t", "reviewers": ORDER[:-1], "drafters": ORDER[1:], "policy": "greedy"}
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.writelines(json.dumps(line) + "\n" for line in (header, *traces))
    return path
