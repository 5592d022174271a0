"""The chain of real runs: calibrate on a third of some prompts, predict, and measure on the others."""

from __future__ import annotations

import dataclasses
from collections import Counter

from analysis.model import InputError, read_text
from analysis.model.boundary.markdown import table
from analysis.paper.selection import best_of_families, split_prompts
from figures import real_ladder
from figures.report.artefacts import Artefact, Build
from figures.report.command_lines import Files, by_commands
from figures.report.drawing import drawing
from figures.report.given import Given
from realrun.loading.formats import USUAL
from realrun.runs.prompts import read_prompts

FILES: Files = {
    "calibration": ("real_calibration.json",),
    "traces": ("real_calibration.traces.jsonl.gz",),
    "predicted": ("real_predicted.jsonl", "real_replayed.jsonl"),
    "measured": ("real_measured.jsonl",),
}
"""What a run itself calibrates, predicts and measures."""

LADDER = (
    "analysis ladder --predicted @predicted --measured @measured --calibration @calibration --seed @seed "
    "--out @{0}.json --markdown @{0}.md"
)

LOSSLESS = {kind: f"real_lossless_{kind}.jsonl" for kind in ("float32", "measured")}
"""Rows by number format: exact, and that of the measurements."""
CLASSES = ("identical", "near-tie", "divergent")


def build_inputs(run: Build, given: Given, most: int | None) -> None:
    """Models, and prompts to calibrate on apart from those to measure on, at most so many of each."""
    lines = [line for line in read_text(given.prompts).split("\n") if line.strip()]
    parts = split_prompts([prompt.category for prompt in read_prompts(given.prompts)], most)
    for file, chosen in zip(("real_calibration_prompts.jsonl", "real_prompts.jsonl"), parts, strict=True):
        run.write(file, "".join(lines[i] + "\n" for i in chosen))
    run.write("real_models.json", given.specification([]))


def build_choice(run: Build, full: bool) -> None:
    """The cascades to measure: all in the full profile, else of every family the one with the greatest prediction."""
    listed = {each["name"]: each for each in run.read("real_cascades.jsonl")}
    families = {name: each["family"] for name, each in listed.items()}
    chosen = list(listed) if full else best_of_families(families, run.read("real_replayed.jsonl"), "replay")
    run.write("real_chosen.jsonl", [listed[name] for name in chosen])


def build_lossless(run: Build, given: Given, prompts: int | None, tokens: int) -> None:
    """Whether one cascade of every family writes the target's own text, in two number formats."""
    families = {each["family"]: each["draft"] for each in run.read("real_chosen.jsonl") if each["draft"]}
    for family, draft in families.items():
        run.write(f"lossless-{family}.json", given.specification(draft))
    run.write("real_lossless_prompts.jsonl", run.read("real_prompts.jsonl")[:prompts])
    files = {"families": [f"lossless-{family}.json" for family in families]}
    counts: Counter[tuple[str, str, str]] = Counter()
    formats = {"float32": "--dtype float32", "measured": _format(given)}
    for kind, out in LOSSLESS.items():
        options = f"--max-new-tokens {tokens} {formats[kind]} --out @{out}"
        line = f"realrun lossless @families --prompts @real_lossless_prompts.jsonl {options}"
        by_commands(line, files=files, accepted=(0, 1))(run)
        counts.update((kind, row["cascade"].removeprefix("lossless-"), row["category"]) for row in run.read(out))
    cells = [[f, *("/".join(str(counts[kind, f, c]) for c in CLASSES) for kind in LOSSLESS)] for f in families]
    run.write("real_lossless.md", table(["family", *(f"{kind} same/tie/off" for kind in LOSSLESS)], cells) + "\n")
    divergent = sum(n for (_, _, category), n in counts.items() if category == "divergent")
    if divergent:
        raise InputError("real-lossless", f"{divergent} texts are not the target's own, see real_lossless.md")


def _format(given: Given) -> str:
    """Option of the number format in which real runs are measured: the usual one of our own models."""
    return "" if given.models is None else "--dtype bfloat16"


def _said_format(given: Given) -> str:
    return f"in {USUAL}" if given.models is None else "in bfloat16"


def of_this_run(given: Given, full: bool) -> tuple[Artefact, ...]:
    """The artefacts of a run of its own, with all prompts or with a few of them."""
    most, tokens, size = (None, 96, "") if full else (6, 40, "--max-new-tokens 48 --turns 3")
    return (
        Artefact(
            "real-prompts",
            (),
            ("real_models.json", "real_calibration_prompts.jsonl", "real_prompts.jsonl"),
            lambda run: build_inputs(run, given, most),
            title="Models and prompts of this run",
            sources=given.files,
        ),
        Artefact(
            "real-calibration",
            ("real-prompts",),
            (*map(str, FILES["calibration"]), *map(str, FILES["traces"])),
            by_commands(
                f"realrun calibrate @real_models.json --prompts @real_calibration_prompts.jsonl {size} "
                f"{_format(given)} --seed @seed --out @calibration --traces @traces",
                files=FILES,
            ),
            title="Calibration of this run's models",
        ),
        Artefact(
            "real-predictions",
            ("real-calibration",),
            ("real_cascades.jsonl", *map(str, FILES["predicted"])),
            by_commands(
                "analysis cascades @calibration --out @real_cascades.jsonl",
                "analysis predict @calibration --cascades @real_cascades.jsonl --seed @seed "
                "--out @real_predicted.jsonl",
                "simulate replay @calibration --cascades @real_cascades.jsonl --seed @seed --traces @traces "
                "--out @real_replayed.jsonl",
                files=FILES,
            ),
            title="Predictions for this run's cascades",
        ),
        Artefact(
            "real-choice",
            ("real-predictions",),
            ("real_chosen.jsonl",),
            lambda run: build_choice(run, full),
            title="Which cascades this run measures",
        ),
        Artefact(
            "real-measurements",
            ("real-prompts", "real-choice"),
            tuple(map(str, FILES["measured"])),
            by_commands(
                "realrun bench @real_models.json --drafts @real_chosen.jsonl --prompts @real_prompts.jsonl "
                f"--max-new-tokens {tokens} {_format(given)} --memory-prompt 0 --seed @seed --out @measured",
                files=FILES,
            ),
            title="Rows of this run",
        ),
        Artefact(
            "real-lossless",
            ("real-prompts", "real-choice"),
            (*LOSSLESS.values(), "real_lossless.md"),
            lambda run: build_lossless(run, given, None if full else 3, tokens),
            title="Is the text the target's own?",
            caption="Texts that are the autoregressive ones token for token, that differ first at a near-tie, or are "
            "off, which none may be: in float32, and in the number format of the measurements. But for int8 a call on "
            "several tokens rounds differently from a call on one; a first difference is a tie where the tokens' "
            "logits, in float32, are within 1e-4, or within 4 units in the last place of a type of half precision.",
        ),
        Artefact(
            "real-ladder",
            ("real-calibration", "real-predictions", "real-measurements"),
            ("real_ladder.json", "real_ladder.md"),
            by_commands(LADDER.format("real_ladder"), files=FILES),
            title="Predicted and measured, in this run",
            caption=f"Measured now, {_said_format(given)}, on other prompts than those calibrated on. The quick "
            "profile takes few "
            "prompts, so its intervals are wide, and of every family the cascade of the greatest prediction. "
            "Predictions from one acceptance per pair and one cost per model (iid), with call times by the number of "
            "tokens (iid+t(q)), by position and type (fits), and by decoding the recorded texts again (replay). "
            "Speedup is autoregressive over cascade seconds, prefill left out.",
        ),
        drawing(
            "real-figure",
            lambda run: run.read("real_ladder.json"),
            dataclasses.replace(real_ladder.FIGURE, title="Predicted against measured, in this run"),
            inputs=("real-ladder",),
        ),
    )
