"""What calibrated, predicted and measured rows say: those recorded by a long run, or those of this one."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from analysis.checks import MARGIN
from analysis.model.records.calibration import Calibration, read_calibration
from analysis.paper import calibration_data
from figures import (
    calibration_autocorrelation,
    calibration_call_times,
    calibration_checks,
    calibration_costs,
    calibration_domains,
    calibration_neighbourhood,
    calibration_survival,
    real_ladder,
    real_learning,
    real_remainder,
)
from figures.report.artefacts import Artefact, Build
from figures.report.command_lines import Files, by_commands
from figures.report.drawing import drawing
from figures.report.given import json_of
from figures.report.this_run import FILES, LADDER

PATTERNS = {
    "calibration": ("calibration.json",),
    "traces": ("calibration.traces.jsonl.gz",),
    "predicted": ("predicted*.jsonl", "replay*.jsonl"),
    "measured": ("measured*.jsonl", "measured*.jsonl.gz"),
}
"""Names of recorded files, in the groups of `FILES`."""


def recorded(folder: Path) -> Files | None:
    """The files that a long run left in a folder, in the groups of `FILES`; None unless all groups are there."""
    found = {name: [path for p in listed for path in sorted(folder.glob(p))] for name, listed in PATTERNS.items()}
    return found if all(found.values()) else None


def of_long_run(files: Files | None) -> tuple[Artefact, ...]:
    """What recorded rows say, or without them those of this run."""
    origin = "this run" if files is None else "recorded on 2 CPU cores"
    calibrates, measures = ((), ()) if files else (("real-calibration",), ("real-predictions", "real-measurements"))
    files = files or FILES

    def calibration(run: Build) -> Calibration:
        return read_calibration(run.path(str(files["calibration"][0])))

    def ladder(run: Build) -> Any:
        return run.read("ladder.json")

    def checks(run: Build) -> Any:
        return run.read("checks.json")

    found = (
        Artefact(
            "ladder",
            (*calibrates, *measures),
            ("ladder.json", "ladder.md"),
            by_commands(LADDER.format("ladder"), files=files),
            title="The prediction ladder",
            caption="Every rung's errors as they fell, what choosing by it costs, and every cascade.",
        ),
        drawing("ladder-figure", ladder, real_ladder.FIGURE, ("ladder",)),
        drawing("remainder", lambda run: calibration_data.remainders(ladder(run)), real_remainder.FIGURE, ("ladder",)),
        Artefact(
            "checks",
            calibrates,
            ("checks.json", "checks.md"),
            by_commands("analysis checks @traces --seed @seed --out @checks.json --markdown @checks.md", files=files),
            title="Which assumptions hold",
            caption="Departures with intervals over prompts: the hazard after three accepted tokens less the first, "
            "standard deviations of agreement over prompts and domains, the correlation of neighbouring tokens, and "
            "how much likelier acceptance is where the inner review agreed.",
        ),
        drawing(
            "checks-figure",
            lambda run: {"margin": MARGIN, "checks": checks(run)["checks"]},
            calibration_checks.FIGURE,
            ("checks",),
        ),
        drawing(
            "survival",
            lambda run: [curve for curve in checks(run)["survival"] if curve["all"]],
            calibration_survival.FIGURE,
            ("checks",),
        ),
        drawing("domains", lambda run: calibration_data.domains(checks(run)), calibration_domains.FIGURE, ("checks",)),
        drawing(
            "correlation",
            lambda run: calibration_data.autocorrelations(checks(run)),
            calibration_autocorrelation.FIGURE,
            ("checks",),
        ),
        drawing(
            "call-times",
            lambda run: calibration_data.call_times(calibration(run)),
            calibration_call_times.FIGURE,
            calibrates,
        ),
        drawing(
            "neighbourhood",
            lambda run: calibration_data.neighbourhood(calibration(run), ladder(run)),
            calibration_neighbourhood.FIGURE,
            (*calibrates, "ladder"),
        ),
        Artefact(
            "headline",
            (*calibrates, *measures),
            ("headline.json", "headline.md"),
            by_commands(
                "analysis swi --measured @measured --calibration @calibration --seed @seed "
                "--out @headline.json --markdown @headline.md",
                files=files,
            ),
            title="The best cascade over the best speculative decoding",
            caption="Additional speedup by fixed cost tables and by the clock, decoding alone.",
        ),
    )
    sources = tuple(path for group in files.values() for path in group if isinstance(path, Path))
    return tuple(dataclasses.replace(artefact, origin=origin, sources=sources) for artefact in found)


def of_shapes(shapes: tuple[Path, ...], files: Files | None) -> tuple[Artefact, ...]:
    """Published acceptances with the call times of architectures, timed once and kept, and a calibration's beside."""
    line = "analysis scale @shapes --out @scale.json --markdown @scale.md"
    calibration = str((files or FILES)["calibration"][0])
    costs = drawing(
        "costs",
        lambda run: calibration_data.cost_ratios(run.read("scale.json"), read_calibration(run.path(calibration))),
        calibration_costs.FIGURE,
        ("scale",) if files else ("scale", "real-calibration"),
    )
    return (
        Artefact(
            "scale",
            (),
            ("scale.json", "scale.md"),
            by_commands(line, files={"shapes": shapes}),
            title="At the paper's scale",
            caption="EWIF of published acceptances by parameter ratios (MS), by costs of prior work (PW), and, where "
            "the target's calls were timed, by a measured cost of one-token calls (c) and by measured call times "
            "(t(q)). In brackets the best EWIF by those costs and its draft length.",
            sources=shapes,
        ),
        dataclasses.replace(costs, sources=(Path(calibration),) if files else ()),
    )


def of_drafters(data: Path) -> tuple[Artefact, ...]:
    """Learning curves of the drafters in a folder, where their cards have any."""
    cards: list[tuple[str, Mapping[str, Any]]] = [
        (path.parent.name, json_of(path)) for path in sorted(data.glob("*/card.json"))
    ]
    curves = calibration_data.learning_curves(cards)
    return (drawing("learning", lambda _: curves, real_learning.FIGURE),) if curves else ()
