"""Traces with a known truth: agreements drawn from stated laws, written as a traces file."""

from __future__ import annotations

import gzip
import json

import numpy as np

from analysis.checks.traces import ABSTAINED, PromptTrace, Traces

DOMAINS = ("chat", "code", "maths", "news")


def independent(generator, prompts=100, tokens=96, alpha=0.5):
    """Every token agrees with the same alpha."""
    return [(generator.random(tokens) < alpha).astype(np.int8) for _ in range(prompts)]


def beta(generator, prompts=100, tokens=96, a=3.0, b=3.0):
    """Every prompt has an alpha of its own."""
    return [(generator.random(tokens) < generator.beta(a, b)).astype(np.int8) for _ in range(prompts)]


def hidden(generator, prompts=100, tokens=96, alphas=(0.2, 0.8), stay=0.8):
    """Hard and easy text in turns, equally frequent; all prompts alike. Lag-1 correlation falls from stay."""
    result = []
    for _ in range(prompts):
        moves = generator.random(tokens) >= stay
        state = (generator.integers(2) + np.cumsum(moves)) % 2
        result.append((generator.random(tokens) < np.array(alphas)[state]).astype(np.int8))
    return result


def copying(generator, prompts=100, tokens=96, first=0.4, step=0.1, greatest=0.9):
    """The hazard rises with the agreements in a row before, as when a text is being copied."""
    result = []
    for _ in range(prompts):
        bits, run = np.zeros(tokens, dtype=np.int8), 0
        for i in range(tokens):
            bits[i] = generator.random() < min(greatest, first + step * run)
            run = run + 1 if bits[i] else 0
        result.append(bits)
    return result


def abstaining(generator, texts, share=0.2):
    """The same texts with a share of positions where the drafter knew nothing."""
    return [np.where(generator.random(bits.size) < share, ABSTAINED, bits).astype(np.int8) for bits in texts]


def as_traces(texts_by_pair, domains=DOMAINS, target="t"):
    """Traces of texts by pair; prompts take the domains in turn."""
    pairs = tuple(sorted(texts_by_pair, key=lambda pair: pair[0] != target))
    prompts = tuple(
        PromptTrace(f"p{i}", domains[i % len(domains)], {pair: texts_by_pair[pair][i] for pair in pairs})
        for i in range(len(next(iter(texts_by_pair.values()))))
    )
    return Traces(target, tuple(dict.fromkeys(drafter for _, drafter in pairs)), pairs, prompts)


def as_text(bits):
    return "".join(".01"[bit + 1] for bit in bits)


def as_lines(traces):
    """The lines of a traces file."""
    reviewers = list(dict.fromkeys(reviewer for reviewer, _ in traces.pairs))
    header = {"schema": 1, "target": traces.target, "reviewers": reviewers, "drafters": list(traces.drafters)}
    lines = [header | {"policy": "greedy", "models": {}}]
    for prompt in traces.prompts:
        agree = {}
        for (reviewer, drafter), bits in prompt.agree.items():
            agree.setdefault(reviewer, {})[drafter] = as_text(bits)
        size = next(iter(prompt.agree.values())).size
        lines.append(
            {"id": prompt.id, "category": prompt.category, "prompt_tokens": 20, "tokens": size, "finish": "length"}
            | {"agree": agree, "off": {}}
        )
    return [json.dumps(line) for line in lines]


def write(traces, path):
    """Write a traces file, gzipped where its name ends so."""
    raw = ("\n".join(as_lines(traces)) + "\n").encode()
    path.write_bytes(gzip.compress(raw) if path.suffix == ".gz" else raw)
    return path
