"""Regenerates the paper's results: one ordered list of artefacts, from theory, simulation and real runs.

``python paper_repro.py`` builds the quick profile into ``paper_results/`` and prints a summary; ``--list`` tells what
there is, ``--only NAME...`` builds a part (with what it needs), and naming a folder again reuses what is finished.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from analysis import figure_data
from analysis.claims import as_markdown, run_ledger
from analysis.exact import cycle_law
from analysis.model import Cascade, InputError, Parser, exit_with, whole_option
from analysis.paper_table import PARAMETERS_IN_MILLIONS, table1
from analysis.published import read_rows
from analysis.regions import horizontal_region, vertical_region
from figures import (
    real_runs,
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


MAX_GRAM = {"by": "max-gram", "tokens": 6}
METHODS: dict[str, list[dict[str, object]]] = {
    "autoregressive": [],
    "speculative decoding": [{"by": "drafter", "tokens": 2}],
    "Max-Gram alone": [MAX_GRAM],
    "vertical cascade": [{"by": "drafter", "rounds": 1, "draft": [MAX_GRAM]}],
    "horizontal cascade": [{"by": "drafter", "tokens": 1}, MAX_GRAM],
    "full cascade": [{"by": "drafter", "rounds": 1, "draft": [MAX_GRAM]}, MAX_GRAM],
}
"""The drafts that are run on real models."""

MODELS = {
    "target": {"load": "smollm2-135m"},
    "drafter": {"load": "skip:24"},
    "max-gram": {"load": "maxgram"},
}


def real_cascades() -> dict[str, Cascade]:
    """The cascades of `METHODS` over real models."""
    spec = {"target": "target", "models": MODELS}
    return {name: Cascade.from_json(spec | {"draft": draft}) for name, draft in METHODS.items()}


def build_real_runs(run: Run) -> None:
    """Rows of real runs: calibration and measurement in bfloat16 on different prompts, and a float32 check."""
    from realrun.cached_model import CachedModel
    from realrun.lossless import rounded_to
    from realrun.measure import measure
    from realrun.models import DTYPES, load_ensemble
    from realrun.prompts import read_prompts, shipped_prompts
    from realrun.record import provenance
    from realrun.timing import call_seconds

    prompts = read_prompts(shipped_prompts())
    measured, calibration = prompts[:12], prompts[12:] if run.full else prompts[12:18]
    checked = measured if run.full else measured[:4]
    tokens = 128 if run.full else 32
    cascades = real_cascades()
    fast = load_ensemble(cascades["full cascade"], DTYPES["bfloat16"])
    neural = {name: model for name, model in fast.models.items() if isinstance(model, CachedModel)}
    rows = {
        "provenance": provenance() | {"seed": run.seed, "dtype": "bfloat16", "max_new_tokens": tokens},
        "call_seconds": call_seconds(neural, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 16, 20]),
        "calibration": list(measure(cascades, fast, calibration, tokens, "calibrating acceptance")),
        "measurement": list(measure(cascades, fast, measured, tokens, "measuring speedup")),
    }
    del fast, neural
    exact = load_ensemble(cascades["full cascade"], DTYPES["float32"])
    rows["float32"] = list(measure(cascades, exact, checked, 64 if run.full else 32, "checking float32 output"))
    rows["bfloat16"] = _comparisons(rows["measurement"], measured, rounded_to(exact, "target", DTYPES["bfloat16"]))
    for name in ("calibration", "measurement", "float32"):
        for row in rows[name]:
            del row["text"]
    run.write("real_runs.json", rows)


def _comparisons(rows: Sequence[dict[str, Any]], prompts: Sequence[Any], exact: Any) -> list[dict[str, object]]:
    """How every bfloat16 output compares with the autoregressive one, judged by float32 arithmetic."""
    from realrun.lossless import compare
    from realrun.models import DTYPES
    from realrun.prompts import encode

    ids = {prompt.id: encode(prompt, exact.tokenizer) for prompt in prompts}
    plain = {row["id"]: row["tokens"] for row in rows if row["method"] == "autoregressive"}
    target = exact.models["target"]

    def judged(row: dict[str, Any]) -> dict[str, object]:
        prompt, expected = ids[row["id"]], plain[row["id"]]

        def logits_at(position: int) -> Any:
            return target.uncached_logits(prompt, [*prompt, *expected[:position]]).float()

        return dataclasses.asdict(compare(expected, row["tokens"], DTYPES["bfloat16"], logits_at))

    return [
        {"method": row["method"], "id": row["id"]} | judged(row)
        for row in tqdm(rows, desc="judging bfloat16 output", unit="run", delay=2)
    ]


def build_real_table(run: Run) -> None:
    """Tokens per cycle, predictions from the calibration prompts, and what the stopwatch said on other prompts."""
    from realrun.calibrate import acceptance_by_position, constant_acceptance, costs_by_tokens

    data = run.read("real_runs.json")
    seconds = {m: {int(q): s for q, s in by.items()} for m, by in data["call_seconds"].items()}
    curves = costs_by_tokens(seconds, "target")
    scalar = {m: {"cost": curve[0]} for m, curve in curves.items()} | {"max-gram": {"cost": 0}}
    by_tokens = {m: {"cost": {"by_tokens": curve}} for m, curve in curves.items()} | {"max-gram": {"cost": 0}}
    families = {
        "predicted_iid": {"models": scalar, "acceptance": constant_acceptance(data["calibration"])},
        "predicted": {"models": by_tokens, "acceptance": acceptance_by_position(data["calibration"])},
    }
    generator = np.random.default_rng(run.seed)
    table = [_real_row(method, draft, data, families, generator) for method, draft in METHODS.items()]
    run.write("real_table.json", {"calibration": families, "rows": table})
    header = [
        "method",
        "tokens a cycle",
        "EWIF i.i.d.",
        "EWIF t(q)",
        "speedup",
        "95 % interval",
        "bf16 same/tie/off",
        "float32 same",
    ]
    cells = [
        [
            row["method"],
            f"{row['tokens_per_cycle']:.2f}",
            f"{row['predicted_iid']:.2f}",
            f"{row['predicted']:.2f}",
            f"{row['speedup']:.2f}",
            "{:.2f} to {:.2f}".format(*row["speedup_ci95"]),
            "{identical}/{near-tie}/{divergent}".format(**row["bfloat16"]),
            "{} of {}".format(*row["equal_float32"]),
        ]
        for row in table
    ]
    run.write("real_table.md", markdown(header, cells) + "\n")


def _real_row(
    method: str, draft: list[dict[str, object]], data: Any, families: dict[str, Any], generator: np.random.Generator
) -> dict[str, object]:
    mine = {row["id"]: row for row in data["measurement"] if row["method"] == method}
    plain = {row["id"]: row for row in data["measurement"] if row["method"] == "autoregressive"}
    ratios = np.array([plain[key]["seconds"] / mine[key]["seconds"] for key in plain])
    resampled = np.median(generator.choice(ratios, (2000, ratios.size)), axis=1)
    predictions = {
        name: cycle_law(Cascade.from_json({"target": "target", "draft": draft, **family})).ewif
        for name, family in families.items()
    }
    return {
        "method": method,
        "tokens_per_cycle": sum(len(row["tokens"]) for row in mine.values()) / sum(r["cycles"] for r in mine.values()),
        **predictions,
        "speedup": float(np.median(ratios)),
        "speedup_ci95": [float(q) for q in np.quantile(resampled, [0.025, 0.975])],
        "bfloat16": {
            kind: sum(row["category"] == kind for row in data["bfloat16"] if row["method"] == method)
            for kind in ("identical", "near-tie", "divergent")
        },
        "equal_float32": _equal(method, data["float32"]),
    }


def _equal(method: str, rows: Sequence[dict[str, Any]]) -> list[int]:
    """How many prompts' outputs equal the autoregressive ones, and of how many."""
    mine = {row["id"]: row["tokens"] for row in rows if row["method"] == method}
    plain = {row["id"]: row["tokens"] for row in rows if row["method"] == "autoregressive"}
    return [sum(mine[key] == plain[key] for key in plain), len(plain)]


def build_real_figure(run: Run) -> None:
    """Predicted and measured, side by side."""
    with style.figure(7.2, 4.2) as fig:
        real_runs.draw(fig.subplots(), run.read("real_table.json")["rows"])
        style.save(fig, run.path("real_runs"))


REAL_CAPTION = (
    "SmolLM2-135M-Instruct on prompts of 12 domains, batch 1. The drafter `skip:24` is the target with 24 of its 30 "
    "layers: it costs almost as much as the target, so the cascades that call it are slow, and are here to show that "
    "theory says so too; Max-Gram is all but free. Predictions are calibrated on other prompts than those measured: "
    "i.i.d. takes one acceptance a pair and one cost a model; t(q) takes acceptance by position and type, and call "
    "times by number of tokens. Speedup is the median over prompts of autoregressive over cascade seconds, prefill "
    "included. The last columns hold outputs against the autoregressive ones, token for token. In float32 all must be "
    "the same. In bfloat16 a call on several tokens rounds differently from a call on one: an output is the same, or "
    "differs first at a tie (tokens whose float32 logits are within 4 units in the last place of bfloat16), or is off, "
    "which none should be."
)

ARTEFACTS: tuple[Artefact, ...] = (
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
    Artefact("real-runs", "Rows of real runs", (), ("real_runs.json",), build_real_runs),
    Artefact(
        "real-table",
        "What a real model did",
        ("real-runs",),
        ("real_table.json", "real_table.md"),
        build_real_table,
        REAL_CAPTION,
    ),
    Artefact(
        "real-figure",
        "Predicted and measured",
        ("real-table",),
        ("real_runs.png", "real_runs.pdf"),
        build_real_figure,
        "Bars are medians over prompts, with bootstrap intervals over prompts.",
    ),
)


def main() -> int:
    """Run the command line; the exit status is 1 where an artefact failed."""
    parser = Parser(prog="paper_repro.py", description="Regenerate tables and figures.")
    parser.add_argument("--list", action="store_true", help="list the artefacts and stop")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="build these, and what they need")
    parser.add_argument("--out", default="paper_results", metavar="DIR", help="results folder (default paper_results)")
    parser.add_argument("--seed", default="0", help="a whole number >= 0 (default 0)")
    parser.add_argument("--full", action="store_true", help="take hours: all prompts, long texts, narrow intervals")
    arguments = parser.parse_args()
    if arguments.list:
        for artefact in ARTEFACTS:
            needs = f"  (needs {', '.join(artefact.inputs)})" if artefact.inputs else ""
            print(f"{artefact.name:14s} {artefact.title}{needs}")
        return 0
    run = Run(Path(arguments.out), whole_option("--seed", arguments.seed, 0, 2**31), arguments.full)
    artefacts = with_inputs(ARTEFACTS, arguments.only or [artefact.name for artefact in ARTEFACTS])
    try:
        run.path(".finished").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError("--out", f"the folder {run.out} cannot be written: {error.strerror}") from None
    builder = Builder(run, ARTEFACTS)
    for artefact in tqdm(artefacts, desc="artefacts", unit="artefact", delay=2):
        builder.build(artefact)
    write_report("Cascade speculative drafting, reproduced", ARTEFACTS, builder)
    for artefact in artefacts:
        for file in artefact.files:
            if file.endswith(".md") and artefact.name not in builder.failed:
                print(f"\n{artefact.title}\n\n{run.path(file).read_text(encoding='utf-8').rstrip()}")
    print(f"\nAll results are in {run.out}; report.md shows them.")
    for name, problem in builder.failed.items():
        print(f"FAILED {name}: {problem}")
    return 1 if builder.failed else 0


if __name__ == "__main__":
    exit_with(main)
