"""From the rows of a comparison of formats to what they say: arithmetic on rows, which may come from a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.model.boundary.markdown import table
from analysis.model.resampling import interval_95, prompt_weights
from realrun.fidelity.proportions import mcnemar_p, paired_difference_95, wilson_95

Row = Mapping[str, Any]
Part = dict[str, Any]

RESAMPLES = 10_000


def summarise(rows: Sequence[Row], seed: int = 0) -> dict[str, list[Part]]:
    """What the rows say, by measure.

    Args:
        rows: Of one run.
        seed: Of the bootstrap over prompts.

    Returns:
        By measure that has rows, one part a format: of `kl` the reference left out, of others the reference first.
    """
    by_measure: dict[str, dict[str, list[Row]]] = {}
    for row in rows:
        by_measure.setdefault(row["measure"], {}).setdefault(row["format"], []).append(row)
    found = {}
    for measure, by_format in by_measure.items():
        if measure == "kl":
            found[measure] = [{"format": name, **divergence(of_format, seed)} for name, of_format in by_format.items()]
        else:
            reference = by_format[rows[0]["reference"]]
            found[measure] = [
                {"format": name, **accuracy(of_format), **_against(reference, of_format, measure, seed)}
                for name, of_format in by_format.items()
            ]
    return found


def divergence(rows: Sequence[Row], seed: int) -> Part:
    """Divergences of one format from the reference, in nats a token; means are over tokens, intervals over prompts."""
    tokens = np.array([row["tokens"] for row in rows], dtype=float)
    by_token = np.concatenate([row["kl"] for row in rows])
    sums = {
        "kl": np.array([sum(row["kl"]) for row in rows]),
        "total_variation": np.array([sum(row["total_variation"]) for row in rows]),
        "agreement": np.array([row["agreed"].count("1") for row in rows], dtype=float),
    }
    weights = prompt_weights(len(rows), RESAMPLES, np.random.default_rng(seed))
    result: Part = {"prompts": len(rows), "tokens": int(tokens.sum())}
    for name, values in sums.items():
        result[name] = float(values.sum() / tokens.sum())
        result[f"{name}_ci95"] = list(interval_95((weights @ values) / (weights @ tokens)))
    median, last = np.quantile(by_token, [0.5, 0.99])
    return result | {"kl_median": float(median), "kl_p99": float(last), "kl_max": float(by_token.max())}


def accuracy(rows: Sequence[Row]) -> Part:
    """Share of right answers of one format."""
    right = sum(row["right"] for row in rows)
    return {
        "questions": len(rows),
        "right": right,
        "accuracy": right / len(rows),
        "accuracy_ci95": list(wilson_95(right, len(rows))),
    }


def _against(reference: Sequence[Row], rows: Sequence[Row], measure: str, seed: int) -> Part:
    """One format's answers beside the reference's to the same questions; nothing of the reference itself.

    Rows of a run that was stopped may lack the last question of a format: only questions of both are compared.
    """
    if rows is reference:
        return {}
    first = {row["id"]: row for row in reference}
    pairs = [(first[row["id"]], row) for row in rows if row["id"] in first]
    gained = sum(new["right"] and not old["right"] for old, new in pairs)
    lost = sum(old["right"] and not new["right"] for old, new in pairs)
    given = "choice" if measure == "choices" else "answer"
    result: Part = {
        "changed": sum(old[given] != new[given] for old, new in pairs),
        "gained": gained,
        "lost": lost,
        "difference": (gained - lost) / len(pairs),
        "difference_ci95": list(paired_difference_95(gained, lost, len(pairs))),
        "mcnemar_p": mcnemar_p(gained, lost),
    }
    if measure == "answers":
        return result | {"equal_texts": sum(old["text_ids_sha256"] == new["text_ids_sha256"] for old, new in pairs)}
    more = np.array([new["nll"] - old["nll"] for old, new in pairs])
    return result | {"nll_difference": float(more.mean()), "nll_difference_ci95": list(_mean_95(more, seed))}


def _mean_95(values: NDArray[np.float64], seed: int) -> tuple[float, float]:
    weights = prompt_weights(len(values), RESAMPLES, np.random.default_rng(seed))
    return interval_95(weights @ values / len(values))


def markdown(summary: Mapping[str, Sequence[Part]], reference: str) -> str:
    """The summary as tables, a measure each."""
    said = {
        "kl": f"Laws along the greedy text of {reference}, nats a token:",
        "choices": "The likeliest letter of a choice after the question:",
        "answers": "Own greedy answers:",
    }
    return "\n\n".join(f"{said[measure]}\n\n{_TABLES[measure](parts)}" for measure, parts in summary.items())


def _divergences(parts: Sequence[Part]) -> str:
    header = ["format", "prompts", "tokens", "KL", "95 %", "median", "99 %", "greatest", "TV", "same greatest token"]
    rows = [
        [
            *(part[key] for key in ("format", "prompts", "tokens")),
            f"{part['kl']:.2g}",
            _range(part["kl_ci95"], ".2g"),
            *(f"{part[key]:.2g}" for key in ("kl_median", "kl_p99", "kl_max")),
            f"{part['total_variation']:.4f}",
            f"{part['agreement']:.1%} ({_range(part['agreement_ci95'], '.1%')})",
        ]
        for part in parts
    ]
    return table(header, rows)


def _accuracies(parts: Sequence[Part]) -> str:
    more = ["nll_difference"] if any("nll_difference" in part for part in parts) else []
    header = ["format", "questions", "right", "accuracy", "changed", "gained", "lost", "difference", "95 %"]
    header += ["NLL of the right letter"] if more else ["same text"]
    rows = []
    for part in parts:
        own = [part["format"], part["questions"], part["right"]]
        own.append(f"{part['accuracy']:.1%} ({_range(part['accuracy_ci95'], '.1%')})")
        if "changed" not in part:
            rows.append([*own, *[""] * 6])
            continue
        own += [part["changed"], part["gained"], part["lost"]]
        own += [f"{part['difference']:+.1%}", _range(part["difference_ci95"], "+.1%")]
        last = f"{part['nll_difference']:+.4f} ({_range(part['nll_difference_ci95'], '+.4f')})" if more else None
        rows.append([*own, last or part["equal_texts"]])
    return table(header, rows)


def _range(ends: Sequence[float], spec: str) -> str:
    return " to ".join(format(end, spec) for end in ends)


_TABLES = {"kl": _divergences, "choices": _accuracies, "answers": _accuracies}
