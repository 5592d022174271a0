"""Regenerates the paper's results: one ordered list of artefacts, from theory, simulation and real runs.

``python paper_repro.py`` builds the quick profile into ``paper_results/`` and prints a summary; ``--list`` tells what
there is, ``--only NAME...`` builds a part (with what it needs), and naming a folder again reuses what is finished. What
real models do is calibrated, predicted, measured and joined by the commands that a user would give.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from analysis.checks import MARGIN
from analysis.claims import as_markdown, run_ledger
from analysis.model import InputError, Parser, exit_with, parse_json, read_cascade, read_text, whole_option
from analysis.model.boundary.markdown import table
from analysis.paper import calibration_data, figure_data
from analysis.paper.published import read_rows
from analysis.paper.selection import best_of_families, split_prompts
from analysis.paper.table1 import PARAMETERS_IN_MILLIONS, table1
from analysis.theory.exact import cycle_law
from analysis.theory.regions import horizontal_region, vertical_region
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
    simulation_agreement,
    simulation_convergence,
    simulation_decay,
    simulation_departures,
    theory_allocation,
    theory_ewif_curves,
    theory_iid_error,
    theory_published,
    theory_regions,
    theory_schematic,
)
from figures.report.artefacts import Artefact, Builder, Run, with_inputs, write_report
from figures.report.command_lines import Files, by_commands
from figures.report.drawing import drawing
from realrun.runs.prompts import read_prompts, shipped_prompts
from simulate import figure_data as simulated
from simulate.bench import three_levels
from simulate.estimation import estimate
from simulate.sampler import Sampler

ROOT = Path(__file__).parent
RESULTS = ROOT / "results" / "cpu"
"""Rows of a long run on 2 CPU cores, kept with the source."""

MODELS: Mapping[str, Any] = {
    "target": "t",
    "models": {
        "t": {"load": "smollm2-135m"},
        "d1": {"load": "smollm2-d1"},
        "d2": {"load": "smollm2-d2"},
        "mag": {"load": "maxgram"},
        "copy": {"load": {"name": "maxgram", "min_match": 2, "bigram": None}},
    },
}
"""The embedded target and its drafters, from dear to cheap: neural ones, Max-Gram, and what only copies."""


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
    run.write("table1.md", table(header, cells, text_columns=3) + "\n")


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


@dataclasses.dataclass(frozen=True)
class Given:
    """What real runs are made of.

    Attributes:
        prompts: The prompt file.
        models: A specification with `load`, drafters from dear to cheap; None for the embedded target and its own.
    """

    prompts: Path
    models: Path | None = None

    @property
    def is_ours(self) -> bool:
        """Whether recorded rows are about the same prompts and models."""
        return self.prompts == shipped_prompts() and self.models is None

    @property
    def files(self) -> tuple[Path, ...]:
        """The files it comes from."""
        return (self.prompts,) if self.models is None else (self.prompts, self.models)

    def specification(self, draft: object) -> dict[str, object]:
        """The models with a draft."""
        return {**(MODELS if self.models is None else json_of(self.models)), "draft": draft}


def build_inputs(given: Given, most: int | None) -> Callable[[Run], None]:
    """Models, and prompts to calibrate on apart from those to measure on, at most so many of each."""

    def build(run: Run) -> None:
        lines = [line for line in read_text(given.prompts).split("\n") if line.strip()]
        parts = split_prompts([prompt.category for prompt in read_prompts(given.prompts)], most)
        for file, chosen in zip(("real_calibration_prompts.jsonl", "real_prompts.jsonl"), parts, strict=True):
            run.write(file, "".join(lines[i] + "\n" for i in chosen))
        run.write("real_models.json", given.specification([]))

    return build


def build_choice(run: Run, full: bool) -> None:
    """The cascades to measure: all in the full profile, else of every family the one with the greatest prediction."""
    listed = {each["name"]: each for each in run.read("real_cascades.jsonl")}
    families = {name: each["family"] for name, each in listed.items()}
    chosen = list(listed) if full else best_of_families(families, run.read("real_replayed.jsonl"), "replay")
    run.write("real_chosen.jsonl", [listed[name] for name in chosen])


LOSSLESS = {kind: f"real_lossless_{kind}.jsonl" for kind in ("float32", "bfloat16")}
CLASSES = ("identical", "near-tie", "divergent")


def build_lossless(run: Run, given: Given, prompts: int | None, tokens: int) -> None:
    """Whether one cascade of every family writes the target's own text, in two number formats."""
    families = {each["family"]: each["draft"] for each in run.read("real_chosen.jsonl") if each["draft"]}
    for family, draft in families.items():
        run.write(f"lossless-{family}.json", given.specification(draft))
    run.write("real_lossless_prompts.jsonl", run.read("real_prompts.jsonl")[:prompts])
    files = {"families": [f"lossless-{family}.json" for family in families]}
    counts: Counter[tuple[str, str, str]] = Counter()
    for kind, out in LOSSLESS.items():
        options = f"--max-new-tokens {tokens} --dtype {kind} --out @{out}"
        line = f"realrun lossless @families --prompts @real_lossless_prompts.jsonl {options}"
        by_commands(line, files=files, accepted=(0, 1))(run)
        counts.update((kind, row["cascade"].removeprefix("lossless-"), row["category"]) for row in run.read(out))
    cells = [[f, *("/".join(str(counts[kind, f, c]) for c in CLASSES) for kind in LOSSLESS)] for f in families]
    run.write("real_lossless.md", table(["family", *(f"{kind} same/tie/off" for kind in LOSSLESS)], cells) + "\n")
    divergent = sum(n for (_, _, category), n in counts.items() if category == "divergent")
    if divergent:
        raise InputError("real-lossless", f"{divergent} texts are not the target's own, see real_lossless.md")


THIS_RUN: Files = {
    "calibration": ("real_calibration.json",),
    "traces": ("real_calibration.traces.jsonl.gz",),
    "predicted": ("real_predicted.jsonl", "real_replayed.jsonl"),
    "measured": ("real_measured.jsonl",),
}
"""What a run itself calibrates, predicts and measures."""


def of_this_run(given: Given, full: bool) -> tuple[Artefact, ...]:
    """Calibrate on a third of some prompts, predict, and measure on the others; all prompts, or a few of them."""
    most, tokens, size = (None, 96, "") if full else (6, 40, "--max-new-tokens 48 --turns 3")
    return (
        Artefact(
            "real-prompts",
            (),
            ("real_models.json", "real_calibration_prompts.jsonl", "real_prompts.jsonl"),
            build_inputs(given, most),
            sources=given.files,
        ),
        Artefact(
            "real-calibration",
            ("real-prompts",),
            (*THIS_RUN["calibration"], *THIS_RUN["traces"]),
            by_commands(
                f"realrun calibrate @real_models.json --prompts @real_calibration_prompts.jsonl {size} "
                "--dtype bfloat16 --seed @seed --out @calibration --traces @traces",
                files=THIS_RUN,
            ),
        ),
        Artefact(
            "real-predictions",
            ("real-calibration",),
            ("real_cascades.jsonl", *THIS_RUN["predicted"]),
            by_commands(
                "analysis cascades @calibration --out @real_cascades.jsonl",
                "analysis predict @calibration --cascades @real_cascades.jsonl --seed @seed "
                "--out @real_predicted.jsonl",
                "simulate replay @calibration --cascades @real_cascades.jsonl --seed @seed --traces @traces "
                "--out @real_replayed.jsonl",
                files=THIS_RUN,
            ),
        ),
        Artefact("real-choice", ("real-predictions",), ("real_chosen.jsonl",), lambda run: build_choice(run, full)),
        Artefact(
            "real-measurements",
            ("real-prompts", "real-choice"),
            THIS_RUN["measured"],
            by_commands(
                "realrun bench @real_models.json --drafts @real_chosen.jsonl --prompts @real_prompts.jsonl "
                f"--max-new-tokens {tokens} --dtype bfloat16 --memory-prompt 0 --seed @seed --out @measured",
                files=THIS_RUN,
            ),
        ),
        Artefact(
            "real-lossless",
            ("real-prompts", "real-choice"),
            (*LOSSLESS.values(), "real_lossless.md"),
            lambda run: build_lossless(run, given, None if full else 3, tokens),
        ),
        Artefact(
            "real-ladder",
            ("real-calibration", "real-predictions", "real-measurements"),
            ("real_ladder.json", "real_ladder.md"),
            by_commands(LADDER.format("real_ladder"), files=THIS_RUN),
        ),
        drawing(
            "real-figure",
            lambda run: run.read("real_ladder.json"),
            panels=real_ladder.panels,
            size=real_ladder.size_of,
            inputs=("real-ladder",),
        ),
    )


LADDER = (
    "analysis ladder --predicted @predicted --measured @measured --calibration @calibration --seed @seed "
    "--out @{0}.json --markdown @{0}.md"
)


def of_long_run(files: Files | None) -> tuple[Artefact, ...]:
    """What calibrated, predicted and measured rows say: recorded ones, or without them those of this run."""
    origin = "this run" if files is None else "recorded on 2 CPU cores"
    calibrates, measures = ((), ()) if files else (("real-calibration",), ("real-predictions", "real-measurements"))
    files = files or THIS_RUN

    def calibration(run: Run) -> Any:
        return run.read(str(files["calibration"][0]))

    def ladder(run: Run) -> Any:
        return run.read("ladder.json")

    def checks(run: Run) -> Any:
        return run.read("checks.json")

    found = (
        Artefact(
            "ladder",
            (*calibrates, *measures),
            ("ladder.json", "ladder.md"),
            by_commands(LADDER.format("ladder"), files=files),
        ),
        drawing("ladder-figure", ladder, None, real_ladder.size_of, ("ladder",), real_ladder.panels),
        drawing(
            "remainder",
            lambda run: calibration_data.remainders(ladder(run)),
            real_remainder.draw,
            lambda rows: (7.6, 1.7 + 0.17 * len(rows)),
            inputs=("ladder",),
        ),
        Artefact(
            "checks",
            calibrates,
            ("checks.json", "checks.md"),
            by_commands("analysis checks @traces --seed @seed --out @checks.json --markdown @checks.md", files=files),
        ),
        drawing(
            "checks-figure",
            lambda run: checks(run)["checks"],
            lambda ax, rows: calibration_checks.draw(ax, rows, MARGIN),
            lambda rows: (7.0, 1.3 + 0.19 * len(rows)),
            inputs=("checks",),
        ),
        drawing(
            "survival",
            lambda run: [curve for curve in checks(run)["survival"] if curve["all"]],
            panels=calibration_survival.panels,
            size=calibration_survival.size_of,
            inputs=("checks",),
        ),
        drawing(
            "domains",
            lambda run: calibration_data.domains(checks(run)),
            calibration_domains.draw,
            (6.4, 5.2),
            inputs=("checks",),
        ),
        drawing(
            "correlation",
            lambda run: calibration_data.autocorrelations(checks(run)),
            calibration_autocorrelation.draw,
            (6.0, 3.8),
            inputs=("checks",),
        ),
        drawing(
            "call-times",
            lambda run: calibration_data.call_times(calibration(run)),
            calibration_call_times.draw,
            (6.4, 4.2),
            inputs=calibrates,
        ),
        drawing(
            "neighbourhood",
            lambda run: calibration_data.neighbourhood(calibration(run), ladder(run)),
            calibration_neighbourhood.draw,
            (6.4, 4.8),
            inputs=(*calibrates, "ladder"),
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
        ),
    )
    sources = tuple(path for group in files.values() for path in group if isinstance(path, Path))
    return tuple(dataclasses.replace(artefact, origin=origin, sources=sources) for artefact in found)


def of_shapes(shapes: tuple[Path, ...], files: Files | None) -> tuple[Artefact, ...]:
    """Published acceptances with the call times of architectures, timed once and kept, and a calibration's beside."""
    line = "analysis scale @shapes --out @scale.json --markdown @scale.md"
    build = by_commands(line, files={"shapes": shapes})
    calibration = str((files or THIS_RUN)["calibration"][0])
    costs = drawing(
        "costs",
        lambda run: calibration_data.cost_ratios(run.read("scale.json"), run.read(calibration)),
        calibration_costs.draw,
        lambda rows: (7.0, 1.6 + 0.2 * len(rows)),
        inputs=("scale",) if files else ("scale", "real-calibration"),
    )
    return (
        Artefact("scale", (), ("scale.json", "scale.md"), build, sources=shapes),
        dataclasses.replace(costs, sources=(Path(calibration),) if files else ()),
    )


def recorded(folder: Path) -> Files | None:
    """The files that a long run left in a folder, in the groups of `THIS_RUN`; None unless all groups are there."""
    patterns = {
        "calibration": ("calibration.json",),
        "traces": ("calibration.traces.jsonl.gz",),
        "predicted": ("predicted*.jsonl", "replay*.jsonl"),
        "measured": ("measured*.jsonl", "measured*.jsonl.gz"),
    }
    found = {name: [path for p in listed for path in sorted(folder.glob(p))] for name, listed in patterns.items()}
    return found if all(found.values()) else None


def of_drafters() -> tuple[Artefact, ...]:
    """Learning curves of the shipped drafters, where their cards have any."""
    paths = sorted((ROOT / "realrun" / "data").glob("*/card.json"))
    cards: list[tuple[str, Mapping[str, Any]]] = [(path.parent.name, json_of(path)) for path in paths]
    curves = calibration_data.learning_curves(cards)
    return (drawing("learning", lambda _: curves, real_learning.draw, (6.0, 3.8)),) if curves else ()


def json_of(path: Path) -> Any:
    """The value in a JSON file."""
    return parse_json(read_text(path), str(path))


THEORY: tuple[Artefact, ...] = (
    Artefact("table1", (), ("table1.json", "table1.md"), build_table1),
    drawing("schematic", lambda _: figure_data.schematic(), theory_schematic.draw, (7.6, 3.8)),
    drawing("ewif-curves", curves_of_published_drafters, theory_ewif_curves.draw),
    drawing("allocation", allocation_of_table1, theory_allocation.draw),
    drawing("vertical-region", lambda _: vertical_region(0.8, 0.1), theory_regions.draw_vertical),
    drawing("horizontal-region", lambda _: horizontal_region(0.8, 0.1), theory_regions.draw_horizontal),
    drawing("iid-error", lambda _: figure_data.iid_error(), theory_iid_error.draw, (6.8, 4.2)),
    drawing("published", lambda _: figure_data.published_predictions(), theory_published.draw, (5.2, 4.6)),
    drawing("convergence", convergence, simulation_convergence.draw),
    drawing("agreement", agreement, simulation_agreement.draw, (5.2, 4.6)),
    drawing("decay", decay, simulation_decay.draw),
    drawing("departures", departures, simulation_departures.draw, (7.2, 4.0)),
    Artefact("claims", (), ("claims.json", "claims.md"), build_claims),
)
"""What theory and simulation say by themselves."""


def artefacts(given: Given, full: bool, results: Path = RESULTS) -> tuple[Artefact, ...]:
    """All artefacts in their order.

    The quick profile over our own models and prompts shows what a long run recorded, beside its own short one.

    Args:
        given: What real runs are made of.
        full: Whether to take all prompts and longer texts, and to show nothing but what is measured anew.
        results: Folder of recorded rows.
    """
    kept = recorded(results) if given.is_ours and not full else None
    shapes = tuple(sorted(results.parent.glob("*/shapes*.jsonl")))
    return (*THEORY, *of_this_run(given, full), *of_long_run(kept), *of_shapes(shapes, kept), *of_drafters())


ARTEFACTS = artefacts(Given(shipped_prompts()), full=False)
"""The quick profile's."""


def main() -> int:
    """Run the command line; the exit status is 1 where an artefact failed."""
    parser = Parser(prog="paper_repro.py", description="Regenerate tables and figures.")
    parser.add_argument("--list", action="store_true", help="list the artefacts and stop")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="build these, and what they need")
    parser.add_argument("--out", default="paper_results", metavar="DIR", help="results folder (default paper_results)")
    parser.add_argument("--seed", default="0", help="a whole number >= 0 (default 0)")
    parser.add_argument("--prompts", metavar="FILE", help="prompts of real runs, JSONL (default: the package's own)")
    parser.add_argument(
        "--models",
        metavar="FILE",
        help="a specification with `load`: target and drafters, from dear to cheap (default: the embedded ones)",
    )
    parser.add_argument("--full", action="store_true", help="take hours: all prompts, long texts, narrow intervals")
    arguments = parser.parse_args()
    given = Given(
        Path(arguments.prompts).resolve() if arguments.prompts else shipped_prompts(),
        Path(arguments.models).resolve() if arguments.models else None,
    )
    read_prompts(given.prompts)
    if given.models is not None:
        read_cascade(given.models, needs_draft=False)
    listed = ARTEFACTS if given.is_ours and not arguments.full else artefacts(given, arguments.full)
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
