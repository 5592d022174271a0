"""The verdict of a report: what its finished artefacts say in ten lines, each computed from their files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from analysis.model.boundary.markdown import escaped
from figures.report.artefacts import Build

CLOCK = "wall-clock"
PAPERS_MEASURE = "SWI (MS), all"
"""By which the paper states its headline."""
PAPER = "CS Drafting"
"""In the source of a claim that is the paper's."""
DIAGNOSIS = "same prompts"
"""In the name of a rung that knows the measured texts, and so predicts nothing."""


def verdict(run: Build, finished: set[str]) -> list[str]:
    """Sentences on what finished artefacts found; of what is not finished nothing is said.

    Args:
        run: Where the files are.
        finished: Names of artefacts whose files may be read.
    """
    lines: list[str] = []
    for name, (file, sentences) in SAYS.items():
        if name in finished:
            lines += sentences(run.read(file))
    return lines


def of_table1(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """What EWIF says, and whether it is the paper's."""
    off = max(abs(row["exact"] - row["reported"]) for row in rows)
    inside = sum(row["ci95"][0] <= row["exact"] <= row["ci95"][1] for row in rows)
    best = max(rows, key=lambda row: row["exact"])
    single = max(r["exact"] for r in rows if r["dataset"] == best["dataset"] and "+" not in r["drafters"])
    return [
        f"EWIF, theory against the paper: the exact values of Table 1 differ from the {len(rows)} reported ones by at "
        f"most {off:.3f}; {inside} of {len(rows)} simulated 95 % intervals hold them.",
        f"EWIF, what it promises: at best {best['exact']:.2f} ({best['drafters']}, {best['k']} tokens, "
        f"{best['dataset']}), {best['exact'] / single - 1:+.1%} over the best single drafter there.",
    ]


def of_claims(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """How the claims fared, and which of the paper's own fail."""
    counts = Counter(row["verdict"] for row in rows)
    said = ", ".join(f"{counts[verdict]} {verdict}" for verdict in sorted(counts))
    refuted = [str(row["name"]) for row in rows if row["verdict"] == "refuted" and PAPER in row["source"]]
    names = ", ".join(escaped(name) for name in refuted)
    fails = f" Where the paper, or a reading of it, fails by counterexample or recorded data: {names}." if names else ""
    return [f"Claims: of {len(rows)}, {said}.{fails}"]


def of_lossless(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Whether cascades write the target's own text."""
    counts = Counter(row["category"] for row in rows)
    return [
        f"Lossless (float32, this run): {counts['identical']} of {len(rows)} greedy texts are the target's own token "
        f"for token, {counts['near-tie']} part at a near-tie, {counts['divergent']} are off."
    ]


def of_ladder(found: Mapping[str, Any]) -> list[str]:
    """What was measured, how far predictions were off, and what choosing by them costs."""
    rows = sorted(found["cascades"], key=lambda row: -row["measured"]["speedup"])
    if not rows or not found["rungs"]:
        return []
    best, last = rows[0], rows[-1]
    rungs = {rung: entry for rung, entry in found["rungs"].items() if DIAGNOSIS not in rung}
    if not rungs:
        return []
    closest = min(rungs, key=lambda rung: rungs[rung]["median_absolute"])
    errors = ", ".join(f"{escaped(rung)} {100 * entry['median_absolute']:.1f} %" for rung, entry in rungs.items())
    lines = [
        f"Measured: {len(rows)} cascades on {found['prompts']} prompts, speedups from "
        f"{last['measured']['speedup']:.2f} to {best['measured']['speedup']:.2f}; "
        f"best cascade: {escaped(best['name'])}, {best['measured']['speedup']:.3f} "
        f"({best['measured']['low']:.3f} to {best['measured']['high']:.3f}).",
        f"Prediction, median |error|: {errors}; the greatest of {escaped(closest)} is "
        f"{100 * rungs[closest]['max_absolute']:.1f} %.",
    ]
    if closest in found.get("regret", {}):
        regret = found["regret"][closest]
        lines.append(
            f"Choosing by {escaped(closest)}: {escaped(regret['chosen'])}, promised {regret['predicted']:.3f}, "
            f"measured {regret['measured']:.3f}, {100 * regret['regret']:.1f} % below the best measured "
            f"({100 * regret['low']:.1f} to {100 * regret['high']:.1f} %)."
        )
    return lines


def of_checks(found: Mapping[str, Any]) -> list[str]:
    """Which assumptions of an i.i.d. alpha fail."""
    by_name: dict[str, Counter[str]] = {}
    for check in found["checks"]:
        by_name.setdefault(str(check["name"]).replace("-", " "), Counter())[str(check["verdict"])] += 1
    said = "; ".join(
        f"{name}: " + ", ".join(f"{n} {verdict}" for verdict, n in sorted(counts.items()))
        for name, counts in by_name.items()
    )
    return [f"Assumptions of an i.i.d. alpha, by drafter: {said}."] if said else []


def of_headline(found: Mapping[str, Any]) -> list[str]:
    """What the best cascade adds to the best speculative decoding, beside what the paper promises."""
    headlines = {entry["measure"]: entry for entry in found["sets"]["all"]["headlines"]}
    said = [
        f"{measure} {headlines[measure]['additional']:+.1%} ({headlines[measure]['low']:+.1%} to "
        f"{headlines[measure]['high']:+.1%})"
        for measure in (PAPERS_MEASURE, CLOCK)
        if measure in headlines
    ]
    if not said:
        return []
    lines = [f"Best cascade over best speculative decoding: {', '.join(said)}."]
    claim = max(found["paper"])
    if CLOCK in headlines:
        clock = headlines[CLOCK]
        outcome = "does not reach it" if clock["high"] < claim else "does not exclude it"
        lines.append(
            f"The paper's claim of up to {claim:.0%} additional: these models' 95 % interval by the clock {outcome}; "
            f"chosen on other prompts the cascade adds {clock['held_out']:+.1%}."
        )
    return lines


SAYS: Mapping[str, tuple[str, Callable[[Any], list[str]]]] = {
    "table1": ("table1.json", of_table1),
    "ladder": ("ladder.json", of_ladder),
    "headline": ("headline.json", of_headline),
    "checks": ("checks.json", of_checks),
    "claims": ("claims.json", of_claims),
    "real-lossless": ("real_lossless_float32.jsonl", of_lossless),
}
"""Artefact, its file, and what is said of it, in the order of the lines."""
