"""The benchmark's summary as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Summary = Mapping[str, Any]

SHOWN_POSITIONS = 8

METHODS_NOTE = """\
dtype: number format of the target's weights; gguf: the file's own. In another one it is another model.
tok/s: tokens a second, prefill included; decode: after the first review, which reads the prompt. Both are medians over
prompts, the second with its 95 % bootstrap interval.
MAL: mean acceptance length, tokens a target review, its bonus or correction counted. acc/draft, acc/exam:
of the tokens offered to the target, those accepted over all, and over those up to the first one rejected.
p50, p95: ms a token, the time of a cycle shared over its tokens. equal: prompts with the target's tokens.
peak: memory during a text above what was there before it, caches included; caches: what these take of it."""

POSITIONS_NOTE = """\
Hazard and survival in % by position in the whole draft: accepted over examined there, and the product of
the hazards so far."""

TIME_NOTE = """\
Parts of the wall time in %. loop: all outside models and Max-Gram, acceptance and argmax included. Of llama.cpp and of
compiled transformers all decoding counts as the target's."""

COMPARISONS_NOTE = """\
ratio: median over prompts of how many times as fast a token came, prefill included, with its 95 % bootstrap
interval over prompts. Same settings: same drafter and draft length; best settings: each side's, searched
on prompts that are not measured."""


def render(summary: Summary) -> str:
    """Tables of methods, positions, wall time and comparisons, with what their columns mean."""
    parts = [_methods(summary), METHODS_NOTE]
    if any(method["positions"]["survival"] for method in summary["methods"].values()):
        parts += [_positions(summary), POSITIONS_NOTE]
    parts += [_time(summary), TIME_NOTE]
    if summary["comparisons"]:
        parts += [_comparisons(summary), COMPARISONS_NOTE]
    parts += [f"{name}: not available: {reason}" for name, reason in summary["unavailable"].items()]
    if summary["strongest"]:
        parts.append(_strongest(summary["strongest"]))
    return "\n\n".join(parts)


def _methods(summary: Summary) -> str:
    header = [
        "method",
        "dtype",
        "tok/s",
        "decode",
        "95 % interval",
        "MAL",
        "acc/draft",
        "acc/exam",
        "p50",
        "p95",
        "equal",
        "peak MB",
        "caches MB",
    ]
    rows = []
    for name, method in summary["methods"].items():
        latency = method["ms_per_token"] or {"p50": None, "p95": None}
        memory = method["memory"] or {"peak_bytes": None, "cache_bytes": None}
        rows.append(
            [
                name,
                method["dtype"],
                _number(method["tokens_per_second"], 1),
                _number(method["decode_tokens_per_second"], 1),
                "{:.1f} to {:.1f}".format(*method["decode_ci95"]) if method["decode_ci95"] else "-",
                _number(method["mean_acceptance_length"], 2),
                _number(method["accepted_per_drafted"], 3),
                _number(method["accepted_per_examined"], 3),
                _number(latency["p50"], 1),
                _number(latency["p95"], 1),
                f"{method['equal_tokens']['equal']}/{method['equal_tokens']['prompts']}",
                _number(memory["peak_bytes"], 1, 1e-6),
                _number(memory["cache_bytes"], 1, 1e-6),
            ]
        )
    return aligned(header, rows, text_columns=2)


def _positions(summary: Summary) -> str:
    found = {name: method["positions"] for name, method in summary["methods"].items()}
    shown = min(SHOWN_POSITIONS, max(len(positions["survival"]) for positions in found.values()))
    rows = [
        [
            name,
            *(f"{100 * h:.0f} {100 * s:.0f}" for h, s in zip(positions["hazard"], positions["survival"], strict=False)),
        ]
        for name, positions in found.items()
        if positions["survival"]
    ]
    padded = [[*row[: shown + 1], *["-"] * (shown + 1 - len(row))] for row in rows]
    return aligned(["method", *map(str, range(shown))], padded)


def _time(summary: Summary) -> str:
    models = dict.fromkeys(name for method in summary["methods"].values() for name in method["time_share"]["calls"])
    rows = []
    for name, method in summary["methods"].items():
        share = method["time_share"]
        calls = [_number(share["calls"].get(model), 1, 100) for model in models]
        rows.append([name, _number(share["prefill"], 1, 100), *calls, _number(share["loop"], 1, 100)])
    return aligned(["method", "prefill", *models, "loop"], rows)


def _comparisons(summary: Summary) -> str:
    rows = [
        [
            found["what"],
            found["method"],
            found["against"],
            _number(found["ratio"], 3),
            "{:.3f} to {:.3f}".format(*found["ci95"]),
            f"{found['faster_on']}/{found['prompts']}",
        ]
        for found in summary["comparisons"]
    ]
    return aligned(["with", "method", "against", "ratio", "95 % interval", "faster on"], rows, text_columns=3)


def _strongest(found: Mapping[str, Any]) -> str:
    """The strongest baseline, and how many times as fast each cascade decodes."""
    head = f"Strongest baseline: {found['baseline']}, {found['decode_tokens_per_second']:.1f} tokens a second (decode)."
    rows = [
        [
            name,
            _number(ratio["ratio"], 3),
            "{:.3f} to {:.3f}".format(*ratio["ci95"]),
            f"{ratio['faster_on']}/{ratio['prompts']}",
        ]
        for name, ratio in found["cascades"].items()
    ]
    return f"{head}\n\n{aligned(['decode against it', 'ratio', '95 % interval', 'faster on'], rows)}"


def aligned(header: Sequence[str], rows: Sequence[Sequence[str]], text_columns: int = 1) -> str:
    """Columns of equal width, text to the left and numbers to the right."""
    lines = [list(header), *map(list, rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(header))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if i < text_columns else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def _number(value: float | None, digits: int, factor: float = 1) -> str:
    return "-" if value is None else f"{factor * value:.{digits}f}"
