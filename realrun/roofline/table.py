"""A machine's limits, and engines beside them, as text."""

from __future__ import annotations

from collections.abc import Sequence

from analysis.model.records.machine_rates import MachineRates
from realrun.bench.table import aligned
from realrun.roofline.bound import MOST_TOKENS, CallBound
from realrun.roofline.engines import CallShare, MethodShare

SIZES = (1, 2, 4, 8, 16, 32)
"""Tokens of the calls that tables have."""

NOTE = """\
Least time: the longer of reading all weights and held keys and values from memory, and of arithmetic, at the
best rates that were measured. The machine may exceed these, so this estimates a bound and proves none. flat to:
up to so many tokens reading takes longer, and a call need take no longer than one on 1 token. Keys and values
take four bytes each beside weights in float32, otherwise two."""

EXCEEDED = "! above the limit: the machine did more than the rates that were measured, or a cache kept weights."


def rates_text(rates: MachineRates) -> str:
    """Two lines: reading, and products."""
    besides = []
    if rates.read_one_thread is not None:
        besides.append(f"one thread {rates.read_one_thread / 1e9:.1f}")
    if rates.read_cached is not None:
        besides.append(f"from its own caches {rates.read_cached / 1e9:.1f}")
    if rates.cache_bytes is not None:
        besides.append(f"last-level cache {rates.cache_bytes / 2**20:.0f} MiB")
    aside = f" ({', '.join(besides)})" if besides else ""
    products = ", ".join(f"{name} {rate / 1e9:.3g}" for name, rate in rates.products.items())
    threads = f", {rates.threads} thread{'s' * (rates.threads > 1)}" if rates.device == "cpu" else ""
    return (
        f"{rates.device}{threads}: reads {rates.read / 1e9:.1f} GB/s from memory{aside}\n"
        f"products, 10^9 multiply-accumulates a second: {products}"
    )


def bounds_text(bounds: Sequence[CallBound], model: str, held: int) -> str:
    """Least times by format and tokens of a call, what they mean, and the same without overlap."""
    weights = bounds[0].work.weights / 1e6
    header = ["weights", "MB", "held MB", *(f"q={q}" for q in SIZES), "flat to", "most tokens/s"]
    rows = [
        [
            bound.form.name,
            f"{bound.weight_bytes / 1e6:.1f}",
            f"{bound.work.held_bytes(bound.form, held) / 1e6:.1f}",
            *(f"{1000 * bound.least(q, held):.2f}" for q in SIZES),
            _flat(bound.flat(held)),
            f"{bound.speed(held):.1f}",
        ]
        for bound in bounds
    ]
    added = [[b.form.name, *(f"{1000 * b.in_turn(q, held):.2f}" for q in SIZES)] for b in bounds]
    title = f"Least ms of a call of {model} ({weights:.1f} million weights) on q tokens after {held} held ones"
    parts = [title, aligned(header, rows), NOTE + _kept(bounds)]
    parts += ["The same for an engine that reads first and computes then, ms: an estimate, no bound"]
    return "\n\n".join([*parts, aligned(["weights", *(f"q={q}" for q in SIZES)], added)])


def calls_text(shares: Sequence[CallShare], file: str, weights: str) -> str:
    """Timed calls at one number of held tokens beside their least times."""
    rows = [
        [str(s.q), f"{1000 * s.seconds:.2f}", f"{1000 * s.least:.2f}", _percent(s.share, s.share > 1)] for s in shares
    ]
    title = f"Calls of the target after {shares[0].held} held tokens, {weights} ({file})"
    table = aligned(["q", "measured ms", "least ms", "of the limit"], rows, text_columns=0)
    return "\n\n".join([title, table, *([EXCEEDED] if any(s.share > 1 for s in shares) else [])])


def methods_text(shares: Sequence[MethodShare]) -> str:
    """Measured methods beside the limits."""
    rows = [
        [
            share.method,
            share.weights or "-",
            f"{share.tokens_per_second:.1f}",
            _percent(share.of_plain, share.exceeded and not share.drafts),
            _percent(share.of_calls, (share.of_calls or 0) > 1),
        ]
        for share in shares
    ]
    header = ["method", "weights", "tokens/s", "of plain limit", "of its calls' limit"]
    note = (
        "of plain limit: tokens a second over the greatest without speculation; accepted drafts may pass it.\n"
        "of its calls' limit: least time of the target's calls that were made, over all time of decoding."
    )
    parts = [aligned(header, rows, text_columns=2), note]
    return "\n\n".join([*parts, *([EXCEEDED] if any(share.exceeded for share in shares) else [])])


def _kept(bounds: Sequence[CallBound]) -> str:
    """What a last-level cache could keep."""
    cache = bounds[0].rates.cache_bytes
    if cache is None:
        return ""
    shares = ", ".join(f"{b.form.name} {100 * min(1.0, cache / b.weight_bytes):.0f} %" for b in bounds)
    return f"\nThe last-level cache could keep from call to call, which is not counted on: {shares} of the weights."


def _flat(q: int) -> str:
    return f"{q}+" if q == MOST_TOKENS else str(q)


def _percent(share: float | None, exceeded: bool) -> str:
    return "-" if share is None else f"{100 * share:.1f} %{' !' if exceeded else ''}"
