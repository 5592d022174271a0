"""Regenerates the paper's results: one ordered list of artefacts, from theory, simulation and real runs.

``python paper_repro.py`` builds the quick profile into ``paper_results/`` and prints a summary; ``--list`` tells what
there is, ``--only NAME...`` builds a part (with what it needs), and naming a folder again reuses what is finished.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

import paper_real
from analysis import figure_data
from analysis.claims import as_markdown, run_ledger
from analysis.exact import cycle_law
from analysis.model import InputError, Parser, exit_with, whole_option
from analysis.paper_table import PARAMETERS_IN_MILLIONS, table1
from analysis.published import read_rows
from analysis.regions import horizontal_region, vertical_region
from figures import (
    simulation_agreement,
    simulation_convergence,
    simulation_decay,
    simulation_departures,
    style,
    theory_allocation,
    theory_ewif_curves,
    theory_iid_error,
    theory_published,
    theory_regions,
    theory_schematic,
)
from figures.artefacts import Artefact, Builder, Run, with_inputs, write_report
from figures.tables import markdown
from simulate import figure_data as simulated
from simulate.bench import three_levels
from simulate.estimate import estimate
from simulate.sampler import Sampler


def build_table1(run: Run) -> None:
    """Reported, closed-form, exact and simulated EWIF of the paper's Table 1."""
    cycles = 1_000_000_000 if run.full else 10_000_000
    data = []
    for i, row in enumerate(tqdm(table1(), desc="table 1", unit="row", delay=2)):
        sampler = Sampler(row.cascade)
        found = estimate(sampler.draw((run.seed, "table 1", i), cycles), sampler)
        data.append(
            {
                "dataset": row.dataset,
                "drafters": row.drafters,
                "k": row.k,
                "reported": row.reported,
                "closed_form": row.closed_form,
                "exact": row.exact,
                "simulated": found.ewif,
                "ci95": found.ci95,
                "cycles": found.cycles,
            }
        )
    run.write("table1.json", data)
    header = ["dataset", "drafters", "k", "reported", "closed form", "exact", "simulated", "95 % interval"]
    cells = [
        [
            *(row[key] for key in ("dataset", "drafters", "k")),
            f"{row['reported']:.2f}",
            *(f"{row[key]:.4f}" for key in ("closed_form", "exact", "simulated")),
            "{:.4f} to {:.4f}".format(*row["ci95"]),
        ]
        for row in data
    ]
    run.write("table1.md", markdown(header, cells, text_columns=3) + "\n")


def figure(
    name: str,
    title: str,
    caption: str,
    data: Callable[[Run], Any],
    draw: Callable[[Any, Any], None],
    size: tuple[float, float] = (6.4, 4.0),
) -> Artefact:
    """An artefact that draws what theory or simulation computes within seconds."""
    stem = name.replace("-", "_")

    def build(run: Run) -> None:
        with style.figure(*size) as fig:
            draw(fig.subplots(), data(run))
            style.save(fig, run.path(stem))

    return Artefact(name, title, (), (f"{stem}.png", f"{stem}.pdf"), build, caption)


def greedy_rows(task: str) -> list[dict[str, str]]:
    """The published greedy measurements of one task, a row a drafter."""
    return [row for row in read_rows("leviathan2023.csv") if row["task"] == task and float(row["temperature"]) == 0]


def curves_of_published_drafters(_: Run) -> list[figure_data.Curve]:
    """EWIF against draft length for the English-German drafters of Leviathan et al."""
    drafters = [(f"T5 {row['drafter']}", float(row["alpha"]), float(row["c"])) for row in greedy_rows("ENDE")]
    return figure_data.ewif_curves(drafters)


def allocation_of_table1(_: Run) -> figure_data.Allocation:
    """How many tokens of the base and of the small drafter, around the paper's 5 + 3 for CNN/DailyMail."""
    alphas = {row["drafter"]: float(row["alpha"]) for row in greedy_rows("CNNDM")}
    base, small = (PARAMETERS_IN_MILLIONS[name] / PARAMETERS_IN_MILLIONS["xxl"] for name in ("base", "small"))
    return figure_data.allocation(("base", "small"), (alphas["base"], alphas["small"]), (base, small), published=(5, 3))


def convergence(run: Run) -> dict[str, Any]:
    """A running estimate of a three-level cascade, beside its exact EWIF."""
    cascade = three_levels()
    found = simulated.convergence(cascade, run.seed, doublings=24 if run.full else 20)
    return dataclasses.asdict(found) | {"exact": cycle_law(cascade).ewif}


def agreement(run: Run) -> dict[str, list[float]]:
    """Simulated and exact EWIF of a random family of cascades."""
    generator = np.random.default_rng(run.seed)
    cascades = [simulated.random_cascade(generator) for _ in range(2000 if run.full else 400)]
    found = simulated.agreement(cascades, run.seed)
    return {
        "exact": [cycle_law(cascade).ewif for cascade in cascades],
        "ewif": [e.ewif for e in found],
        "standard_error": [e.standard_error for e in found],
    }


def decay(run: Run) -> dict[str, Any]:
    """EWIF against draft length when acceptance decays with position."""
    lengths = list(range(1, 17))
    curves = simulated.decay_curves((1.0, 0.95, 0.9, 0.8, 0.6), lengths, run.seed)
    points = {rate: [(e.ewif, e.half_width) for e in curve] for rate, curve in curves.items()}
    return {"lengths": lengths, "curves": points, "initial": 0.9, "cost": 0.05}


def departures(run: Run) -> list[dict[str, Any]]:
    """What heterogeneity and dependence do to EWIF at equal mean acceptance."""
    return [dataclasses.asdict(d) for d in simulated.departures(run.seed, 20_000_000 if run.full else 2_000_000)]


def build_claims(run: Run) -> None:
    """The ledger of claims, every check run anew."""
    rows = run_ledger()
    run.write("claims.json", [row.to_json() for row in rows])
    run.write("claims.md", as_markdown(rows) + "\n")


RUN_CAPTION = (
    "Measured now, in bfloat16, on a few prompts, so the intervals are wide; calibrated on other prompts than those "
    "measured. Predictions from one acceptance a pair and one cost a model (iid), with call times by the number of "
    "tokens (iid+t(q)), by position, type and prompt (fits), and by decoding the recorded texts again (replay). "
    "Speedup is autoregressive over cascade seconds, prefill left out."
)
LOSSLESS_CAPTION = (
    "Outputs against the autoregressive ones, token for token. In float32 all must be the same. In bfloat16 a call on "
    "several tokens rounds differently from a call on one: an output is the same, or differs first at a tie (tokens "
    "whose float32 logits are within 4 units in the last place of bfloat16), or is off, which none should be."
)


def of_this_run() -> tuple[Artefact, ...]:
    """Calibrate, predict and measure now."""
    return (
        Artefact(
            "real-calibration",
            "Calibration of the embedded models",
            (),
            (paper_real.CALIBRATION, paper_real.TRACES),
            paper_real.build_calibration,
        ),
        Artefact(
            "real-predictions",
            "Predictions for this run's cascades",
            ("real-calibration",),
            (paper_real.CASCADES, paper_real.PREDICTED, paper_real.REPLAYED),
            paper_real.build_predictions,
        ),
        Artefact(
            "real-measurements",
            "Rows of real runs",
            ("real-calibration", "real-predictions"),
            (paper_real.MEASURED, paper_real.LOSSLESS),
            paper_real.build_measurements,
        ),
        Artefact(
            "real-lossless",
            "Is the text the target's own?",
            ("real-measurements",),
            ("real_lossless.md",),
            paper_real.build_lossless,
            LOSSLESS_CAPTION,
        ),
        Artefact(
            "real-ladder",
            "Predicted and measured, in this run",
            ("real-calibration", "real-predictions", "real-measurements"),
            (paper_real.LADDER, "real_ladder.md"),
            paper_real.build_ladder,
            RUN_CAPTION,
        ),
        Artefact(
            "real-figure",
            "Predicted against measured, in this run",
            ("real-ladder",),
            ("real_ladder.png", "real_ladder.pdf"),
            paper_real.draw_ladder(paper_real.LADDER, "real_ladder"),
            "One panel a rung; the band is +-5 %. Bars are 95 % intervals.",
        ),
    )


def of_long_run(recorded: paper_real.Rows | None) -> tuple[Artefact, ...]:
    """What calibrated and measured rows say: recorded ones, or without them those of this run."""
    if recorded is None:
        which, sources, origin = paper_real.Rows.of_run, (), "this run"
        needs = {"calibration": ("real-calibration",), "all": tuple(a.name for a in of_this_run()[:3])}
        shapes = paper_real.recorded_shapes()
    else:
        which, sources, origin = (lambda _: recorded), recorded.files, "the recorded long run"
        needs = {"calibration": (), "all": ()}
        shapes = recorded.shapes

    def artefact(name: str, title: str, needed: str, also: tuple[str, ...], build: Any, caption: str) -> Artefact:
        stem = name.replace("-", "_")
        inputs, own = (needs[needed], sources) if needed else ((), ())
        return Artefact(name, title, (*inputs, *also), (f"{stem}.png", f"{stem}.pdf"), build, caption, own)

    result = [
        Artefact(
            "ladder",
            f"The prediction ladder: {origin}",
            needs["all"],
            ("ladder.json", "ladder.md"),
            paper_real.builder_of_ladder(which),
            "Every rung's errors as they fell, what choosing by it costs, and every cascade.",
            sources,
        ),
        artefact(
            "ladder-figure",
            f"Predicted against measured: {origin}",
            "",
            ("ladder",),
            paper_real.draw_ladder("ladder.json", "ladder_figure"),
            "One panel a rung, one mark a cascade, by family; the band is +-5 %. Bars are 95 % intervals.",
        ),
        artefact(
            "remainder",
            f"What the replay leaves: {origin}",
            "",
            ("ladder",),
            paper_real.build_remainder,
            "log(predicted / measured) of the replay, split exactly; the fastest cascade first. The band is +-5 %.",
        ),
        Artefact(
            "checks",
            f"Which assumptions hold: {origin}",
            needs["calibration"],
            ("checks.json", "checks.md"),
            paper_real.builder_of_checks(which),
            "Departures with intervals over prompts: the hazard after three accepted tokens less the first, standard "
            "deviations of alpha over prompts and domains, the correlation of neighbouring tokens, and how much "
            "likelier acceptance is where the inner review agreed. Violated: p below 0.05 after Holm's correction; "
            "holds: not so, and the interval within +-0.05.",
            sources,
        ),
        artefact(
            "checks-figure",
            f"Sizes of the departures: {origin}",
            "",
            ("checks",),
            paper_real.build_checks_figure,
            "The grey band counts as no departure.",
        ),
        artefact(
            "survival",
            f"Acceptance by position: {origin}",
            "",
            ("checks",),
            paper_real.build_survival,
            "P(the first tokens of a draft are all accepted), from every start of the recorded texts. A constant "
            "hazard is a straight line. Two laws bend it: alpha that differs over prompts, and hard and easy text.",
        ),
        artefact(
            "domains",
            f"Acceptance by domain: {origin}",
            "",
            ("checks",),
            paper_real.builder_of_domains(),
            "Intervals over prompts.",
        ),
        artefact(
            "correlation",
            f"Acceptance along the text: {origin}",
            "",
            ("checks",),
            paper_real.builder_of_correlation(),
            "Cleared of what prompts differ; bands over prompts.",
        ),
        artefact(
            "call-times",
            f"Call times: {origin}",
            "calibration",
            (),
            paper_real.builder_of_call_times(which),
            "Medians; the band is half the interquartile range.",
        ),
        artefact(
            "neighbourhood",
            f"Around the optimum: {origin}",
            "calibration",
            ("ladder",),
            paper_real.builder_of_neighbourhood(which),
            "EWIF by the calibrated hazards and call times; numbers are measured speedups.",
        ),
        Artefact(
            "headline",
            f"The best cascade over the best speculative decoding: {origin}",
            needs["all"],
            ("headline.json", "headline.md"),
            paper_real.builder_of_headline(which),
            "Additional speedup by fixed cost tables and by the clock. The best of many is flattered by its own noise; "
            "`chosen elsewhere` is chosen on other prompts than those it is judged on.",
            sources,
        ),
    ]
    costs = artefact(
        "costs",
        "Cost ratios, assumed and measured",
        "calibration",
        (),
        paper_real.builder_of_costs(which),
        "What a drafter's one-token call costs, in one-token calls of its target.",
    )
    result.append(dataclasses.replace(costs, sources=(*costs.sources, *shapes)))
    return tuple(result)


def of_drafters() -> tuple[Artefact, ...]:
    """Learning curves of the shipped drafters, where their cards have any."""
    if not any(card.get("curve") for _, card in paper_real.cards()):
        return ()
    files = ("learning.json", "learning.png", "learning.pdf")
    caption = "Greedy agreement with the target on texts never trained on, as the drafters were distilled."
    return (Artefact("learning", "How the drafters learnt", (), files, paper_real.build_learning, caption),)


THEORY: tuple[Artefact, ...] = (
    Artefact(
        "table1",
        "Table 1 of the paper",
        (),
        ("table1.json", "table1.md"),
        build_table1,
        "EWIF under Bernoulli acceptance: as reported, by the closed form, by the exact recursion and by simulation.",
    ),
    figure(
        "schematic",
        "The two cascades",
        "Vertical: each drafter's work is itself drafted by a smaller one. Horizontal: larger drafters draft the early "
        "tokens of a draft, smaller ones the later.",
        lambda _: figure_data.schematic(),
        theory_schematic.draw,
        (7.6, 3.8),
    ),
    figure(
        "ewif-curves",
        "EWIF against draft length",
        "Exact EWIF of speculative decoding with the English-German drafters of Leviathan et al. (arXiv 2211.17192).",
        curves_of_published_drafters,
        theory_ewif_curves.draw,
    ),
    figure(
        "allocation",
        "How to share a draft between two drafters",
        "Horizontal cascades of Table 1's CNN/DailyMail drafters; contours are shares of the best EWIF.",
        allocation_of_table1,
        theory_allocation.draw,
    ),
    figure(
        "vertical-region",
        "Where a vertical step pays",
        "Best EWIF with the second drafter below the first, over the best without it.",
        lambda _: vertical_region(0.8, 0.1),
        theory_regions.draw_vertical,
    ),
    figure(
        "horizontal-region",
        "Where a horizontal step pays",
        "Best EWIF with the second drafter's tokens after the first's, over the best of either alone.",
        lambda _: horizontal_region(0.8, 0.1),
        theory_regions.draw_horizontal,
    ),
    figure(
        "iid-error",
        "How wrong the i.i.d. assumption is",
        "Relative error of the i.i.d. prediction when acceptance varies, by how prompts are weighted.",
        lambda _: figure_data.iid_error(),
        theory_iid_error.draw,
        (6.8, 4.2),
    ),
    figure(
        "published",
        "Published predictions against published measurements",
        "Theorem 3.8 at the published acceptances and costs of Leviathan et al.; the band is +-20 %.",
        lambda _: figure_data.published_predictions(),
        theory_published.draw,
        (5.2, 4.6),
    ),
    figure(
        "convergence",
        "A simulation converges",
        "A three-level cascade; the interval narrows with the square root of the cycles drawn.",
        convergence,
        simulation_convergence.draw,
    ),
    figure(
        "agreement",
        "Simulated against exact",
        "Random cascades of up to three levels with hazards of every kind; 5 % should lie outside their intervals.",
        agreement,
        simulation_agreement.draw,
        (5.2, 4.6),
    ),
    figure(
        "decay",
        "When acceptance decays with position",
        "Hazard 0.9 times the decay rate to the power of the position, simulated.",
        decay,
        simulation_decay.draw,
    ),
    figure(
        "departures",
        "What heterogeneity and dependence cost",
        "Change of EWIF when acceptance varies over prompts or along the text, at equal mean acceptance.",
        departures,
        simulation_departures.draw,
        (7.2, 4.0),
    ),
    Artefact(
        "claims",
        "The claims, held to the proof",
        (),
        ("claims.json", "claims.md"),
        build_claims,
        "Each row was checked by this run: proved (SymPy), tested, or refuted with the smallest counterexample found.",
    ),
)
"""What theory and simulation say by themselves."""


def artefacts(recorded: paper_real.Rows | None) -> tuple[Artefact, ...]:
    """All artefacts in their order; with recorded rows, those show what a long run gave, beside this short one."""
    return (*THEORY, *of_this_run(), *of_long_run(recorded), *of_drafters())


ARTEFACTS = artefacts(paper_real.Rows.recorded(paper_real.RESULTS))
"""The quick profile's; the full one measures everything anew instead of showing recorded rows."""


def main() -> int:
    """Run the command line; the exit status is 1 where an artefact failed."""
    parser = Parser(prog="paper_repro.py", description="Regenerate tables and figures.")
    parser.add_argument("--list", action="store_true", help="list the artefacts and stop")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="build these, and what they need")
    parser.add_argument("--out", default="paper_results", metavar="DIR", help="results folder (default paper_results)")
    parser.add_argument("--seed", default="0", help="a whole number >= 0 (default 0)")
    parser.add_argument("--full", action="store_true", help="take hours: all prompts, long texts, narrow intervals")
    arguments = parser.parse_args()
    listed = artefacts(None) if arguments.full else ARTEFACTS
    if arguments.list:
        for artefact in listed:
            needs = f"  (needs {', '.join(artefact.inputs)})" if artefact.inputs else ""
            print(f"{artefact.name:18s} {artefact.title}{needs}")
        return 0
    run = Run(Path(arguments.out), whole_option("--seed", arguments.seed, 0, 2**31), arguments.full)
    wanted = with_inputs(listed, arguments.only or [artefact.name for artefact in listed])
    try:
        run.path(".finished").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError("--out", f"the folder {run.out} cannot be written: {error.strerror}") from None
    builder = Builder(run, listed)
    for artefact in tqdm(wanted, desc="artefacts", unit="artefact", delay=2):
        builder.build(artefact)
    write_report("Cascade speculative drafting, reproduced", listed, builder)
    for artefact in wanted:
        for file in artefact.files:
            if file.endswith(".md") and artefact.name not in builder.failed:
                print(f"\n{artefact.title}\n\n{run.path(file).read_text(encoding='utf-8').rstrip()}")
    print(f"\nAll results are in {run.out}; report.md shows them.")
    for name, problem in builder.failed.items():
        print(f"FAILED {name}: {problem}")
    return 1 if builder.failed else 0


if __name__ == "__main__":
    exit_with(main)
