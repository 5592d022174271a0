"""One run of speculative decoding, told in the form of every engine: the same steps, counted by each convention."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Run:
    """Steps of requests: tokens offered (0 where the drafter abstained) and accepted, request by request."""

    offered: tuple[tuple[int, ...], ...]
    accepted: tuple[tuple[int, ...], ...]
    length: int
    step_seconds: float = 0.02

    @property
    def flat(self):
        """(offered, accepted) of every step."""
        pairs = [
            (k, a) for ks, xs in zip(self.offered, self.accepted, strict=True) for k, a in zip(ks, xs, strict=True)
        ]
        return np.array(pairs).T

    @property
    def steps(self):
        return self.flat.shape[1]

    @property
    def drafts(self):
        return int((self.flat[0] > 0).sum())

    @property
    def total_accepted(self):
        return int(self.flat[1].sum())

    @property
    def survival_counts(self):
        return tuple(float((self.flat[1] > j).sum()) for j in range(self.length))


def drawn_run(seed=0, requests=20, steps=60, length=4, hazards=(0.8, 0.7, 0.6, 0.5), abstaining=0.0):
    """A run with these hazards and share of steps without a draft."""
    generator = np.random.default_rng(seed)
    offered, accepted = [], []
    for _ in range(requests):
        ks = np.where(generator.random(steps) < abstaining, 0, length)
        survives = np.cumprod(generator.random((steps, length)) < np.array(hazards[:length]), axis=1)
        offered.append(tuple(int(k) for k in ks))
        accepted.append(tuple(int(a) for a in np.where(ks > 0, survives.sum(axis=1), 0)))
    return Run(tuple(offered), tuple(accepted), length)


def vllm_page(run, *, model="meta/target", engines=("0",), prefix="", plain=False, older=False):
    """vLLM's page; counters divided over data-parallel engines; `plain` without speculation."""
    share = len(engines)
    clock = "time_per_output_token_seconds" if older else "inter_token_latency_seconds"
    tokens = run.steps if plain else run.total_accepted + run.steps
    lines = [
        "# HELP python_info Python platform information.",
        "# TYPE python_info gauge",
        'python_info{major="3"} 1.0',
    ]

    def counter(name, value, labels="", kind="counter"):
        lines.append(f"# HELP vllm:{name} What it counts.")
        lines.append(f"# TYPE vllm:{name} {kind}")
        for engine in engines:
            told = f'engine="{engine}",model_name="{model}"{labels}'
            lines.append(f"vllm:{name}{{{told}}} {value / share}")
            if kind == "counter":
                lines.append(f"vllm:{name.removesuffix('_total')}_created{{{told}}} 1.7814317481188235e+09")

    if not plain:
        counter("spec_decode_num_drafts_total", run.drafts)
        counter("spec_decode_num_draft_tokens_total", int(run.flat[0].sum()))
        counter("spec_decode_num_accepted_tokens_total", run.total_accepted)
        for j, count in enumerate(run.survival_counts):
            counter("spec_decode_num_accepted_tokens_per_pos_total", count, f',position="{j}"')
    counter("num_requests_running", 0, kind="gauge")
    counter("generation_tokens_total", tokens + len(run.offered))
    for name, count, total in (
        (clock, run.steps, run.steps * run.step_seconds),
        ("time_to_first_token_seconds", len(run.offered), 1.5),
        ("iteration_tokens_total", run.steps / 4, tokens),
    ):
        lines.append(f"# TYPE vllm:{name} histogram")
        for engine in engines:
            told = f'engine="{engine}",model_name="{model}"'
            lines.append(f'vllm:{name}_bucket{{{told},le="0.1"}} {count / share / 2}')
            lines.append(f'vllm:{name}_bucket{{{told},le="+Inf"}} {count / share}')
            lines.append(f"vllm:{name}_count{{{told}}} {count / share}")
            lines.append(f"vllm:{name}_sum{{{told}}} {total / share}")
    return prefix + "\n".join(lines) + "\n"


def vllm_log(run, parts=4):
    """Lines of vLLM's log, each over a part of the requests."""
    lines = ["INFO 11-26 04:00:00 [loggers.py:123] Engine 000: Avg generation throughput: 100.0 tokens/s"]
    for offered, accepted in zip(
        np.array_split(np.array(run.offered), parts), np.array_split(np.array(run.accepted), parts), strict=True
    ):
        drafts, total = int((offered > 0).sum()), int(accepted.sum())
        rates = ", ".join(f"{(accepted > j).sum() / drafts:.3f}" for j in range(run.length))
        lines.append(
            "(APIServer pid=7) INFO 11-26 04:00:10 [metrics.py:96] SpecDecoding metrics: "
            f"Mean acceptance length: {1 + total / drafts:.2f}, Accepted throughput: {total / 10:.2f} tokens/s, "
            f"Drafted throughput: {offered.sum() / 10:.2f} tokens/s, Accepted: {total} tokens, "
            f"Drafted: {offered.sum()} tokens, Per-position acceptance rate: {rates}, "
            f"Avg Draft acceptance rate: {100 * total / offered.sum():.1f}%"
        )
    return "\n".join(lines) + "\n"


def vllm_bench(run):
    """The report of ``vllm bench serve``."""
    tokens = run.total_accepted + run.steps
    rows = [
        "============ Serving Benchmark Result ============",
        f"Successful requests:                     {len(run.offered)}",
        "Failed requests:                         0",
        "Maximum request concurrency:             4",
        f"Total generated tokens:                  {tokens + len(run.offered)}",
        "-----Time per Output Token (excl. 1st token)------",
        f"Mean TPOT (ms):                          {1000 * run.step_seconds * run.steps / tokens:.4f}",
        "---------------Speculative Decoding---------------",
        f"Acceptance rate (%):                     {100 * run.total_accepted / run.flat[0].sum():.2f}",
        f"Acceptance length:                       {1 + run.total_accepted / run.drafts:.2f}",
        f"Drafts:                                  {run.drafts}",
        f"Draft tokens:                            {run.flat[0].sum()}",
        f"Accepted tokens:                         {run.total_accepted}",
        "Per-position acceptance (%):",
        *(
            f"  Position {j}:                            {100 * n / run.drafts:.2f}"
            for j, n in enumerate(run.survival_counts)
        ),
        "==================================================",
    ]
    return "\n".join(rows) + "\n"


def sglang_answers(run, *, bonus_in_index=False):
    """Answers of SGLang, one JSON object a line."""
    lines = []
    for accepted in run.accepted:
        histogram = np.bincount(np.array(accepted) + bonus_in_index, minlength=run.length + 1 + bonus_in_index)
        meta = {
            "prompt_tokens": 12,
            "completion_tokens": sum(accepted) + len(accepted) + 1,
            "spec_verify_ct": len(accepted),
            "spec_num_correct_drafts": sum(accepted),
            "spec_num_proposed_drafts": len(accepted) * run.length,
            "spec_accept_histogram": histogram.tolist(),
            "decode_throughput": (sum(accepted) + len(accepted)) / (len(accepted) * run.step_seconds),
        }
        lines.append(json.dumps({"text": "so", "meta_info": meta}))
    return "\n".join(lines) + "\n"


def spec_bench(run):
    """Spec-Bench's answer file."""
    lines = []
    for i, accepted in enumerate(run.accepted):
        lengths = [a + 1 for a in accepted]
        choice = {"index": 0, "turns": ["so"], "new_tokens": [sum(lengths)], "accept_lengths": lengths}
        choice["wall_time"] = [len(lengths) * run.step_seconds]
        lines.append(json.dumps({"question_id": i, "model_id": "m", "choices": [choice], "tstamp": 1.0}))
    return "\n".join(lines) + "\n"


def llama_answers(run):
    """llama.cpp's answers, one JSON object a line."""
    lines = []
    for offered, accepted in zip(run.offered, run.accepted, strict=True):
        timings = {
            "prompt_n": 12,
            "prompt_ms": 30.5,
            "predicted_n": sum(accepted) + len(accepted) + 1,
            "predicted_ms": 1000 * len(accepted) * run.step_seconds,
            "draft_n": sum(offered),
            "draft_n_accepted": sum(accepted),
        }
        lines.append(json.dumps({"content": "so", "stop": True, "timings": timings}))
    return "\n".join(lines) + "\n"


def llama_log(run, *, with_positions=True):
    """The log of llama.cpp's server."""
    lines = ["0.07.845.042 I srv    load_model: speculative decoding context initialized"]
    drafts = accepted_before = offered_before = 0
    for i, (offered, accepted) in enumerate(zip(run.offered, run.accepted, strict=True)):
        tokens, milliseconds = sum(accepted) + len(accepted) + 1, 1000 * len(accepted) * run.step_seconds
        made = sum(k > 0 for k in offered)
        drafts, accepted_before, offered_before = (
            drafts + made,
            accepted_before + sum(accepted),
            offered_before + sum(offered),
        )
        rates = ", ".join(f"{sum(a > j for a in accepted) / made:.3f}" for j in range(run.length))
        start = f"0.16.519.182 I slot print_timing: id  0 | task {i} | "
        per = f"({milliseconds / tokens:8.2f} ms per token, {1000 * tokens / milliseconds:8.2f} tokens per second)"
        lines += [
            f"{start}prompt eval time =     714.79 ms / 1091 tokens (   0.66 ms per token,  1526.3 tokens per second)",
            f"{start}       eval time = {milliseconds:10.2f} ms / {tokens:5d} tokens {per}",
            f"{start}      total time = {milliseconds + 714.79:10.2f} ms / {tokens + 1091:5d} tokens",
            f"{start}draft acceptance = {sum(accepted) / sum(offered):.5f} ({sum(accepted):5d} accepted / "
            f"{sum(offered):5d} generated)"
            + (
                f", mean acceptance length = {1 + sum(accepted) / made:5.2f}, acceptance rate per position = ({rates})"
                if with_positions
                else ""
            ),
            f"0.16.519.216 I statistics        draft-mtp: #calls(b,g,a) = {i + 1} {drafts} {drafts}, #gen drafts = "
            f"{drafts}, #acc drafts = 9, #gen tokens = {offered_before}, #acc tokens = {accepted_before}, "
            f"dur(b,g,a) = 0.004, {4.0 * drafts:.3f}, 0.264 ms",
        ]
    return "\n".join(lines) + "\n"


def tensorrt_iterations(run, batch=4):
    """TensorRT-LLM's statistics by iteration, requests in batches of steps; the first iteration reads prompts."""
    rows = [
        {
            "iter": 0,
            "iterLatencyMS": 200.0,
            "inflightBatchingStats": {"numContextRequests": batch, "numGenRequests": 0},
            "specDecodingStats": {"numDraftTokens": 0, "numAcceptedTokens": 0, "numRequestsWithDraftTokens": 0},
        }
    ]
    offered, accepted = run.flat
    for first in range(0, run.steps, batch):
        ks, xs = offered[first : first + batch], accepted[first : first + batch]
        having = int((ks > 0).sum())
        spec = {
            "numDraftTokens": int(ks.sum()),
            "numAcceptedTokens": int(xs.sum()),
            "numRequestsWithDraftTokens": having,
            "acceptanceLength": 1 + xs.sum() / having if having else 0.0,
            "iterLatencyMS": 4.0,
            "draftOverhead": 0.2,
        }
        rows.append(
            {
                "iter": len(rows),
                "iterLatencyMS": 1000 * run.step_seconds,
                "inflightBatchingStats": {"numContextRequests": 0, "numGenRequests": len(ks)},
                "specDecodingStats": spec,
            }
        )
    return json.dumps(rows)


def sglang_log(run, running=4):
    """SGLang's log: lines of the means of 40 steps of the running requests."""
    mean = 1 + run.total_accepted / run.steps
    speed = running * mean / run.step_seconds
    line = (
        f"[2026-11-26 04:00:00 TP0] Decode batch. #running-req: {running}, #token: 3121, token usage: 0.01, "
        f"accept len: {mean:.2f}, accept rate: {(mean - 1) / run.length:.2f}, cuda graph: True, "
        f"gen throughput (token/s): {speed:.2f}, #queue-req: 0"
    )
    prefill = "[2026-11-26 04:00:00 TP0] Prefill batch. #new-seq: 4, #new-token: 100, #running-req: 0, #queue-req: 0"
    return "\n".join([prefill, line, line]) + "\n"


def positions_csv(run):
    """A table by position, of steps that had a draft."""
    counts = (float(run.drafts), *run.survival_counts)
    rows = [f"{j},{counts[j]:g},{counts[j + 1]:g}" for j in range(run.length)]
    return "\n".join(["position,examined,accepted", *rows]) + "\n"
