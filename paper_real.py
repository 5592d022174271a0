"""Builders of the artefacts that real runs make: calibrate, predict, measure, join; and what is drawn from that.

Each step is the command that a user would give, on files that stay in the results folder. The theory of the paper and
the order of all artefacts are in `paper_repro`.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analysis import calibration_data
from analysis.checks import MARGIN
from analysis.headline_tables import markdown as table_of_dicts
from analysis.model import Cascade, InputError, parse_json, read_text
from analysis.model.named import read_named_drafts
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
    style,
)
from figures.artefacts import Run
from figures.tables import markdown

MODELS = {
    "t": {"load": "smollm2-135m"},
    "d1": {"load": "smollm2-d1"},
    "d2": {"load": "smollm2-d2"},
    "mag": {"load": "maxgram"},
}
"""The embedded target and its drafters, from dear to cheap."""

QUICK: list[tuple[str, str, list[dict[str, object]]]] = [
    ("autoregressive", "autoregressive", []),
    ("d1 x3", "speculative", [{"by": "d1", "tokens": 3}]),
    ("d2 x2", "speculative", [{"by": "d2", "tokens": 2}]),
    ("mag x4", "maxgram", [{"by": "mag", "tokens": 4}]),
    ("d1 2x(mag x4)", "vertical", [{"by": "d1", "rounds": 2, "draft": [{"by": "mag", "tokens": 4}]}]),
    ("d1 x2, mag x2", "horizontal", [{"by": "d1", "tokens": 2}, {"by": "mag", "tokens": 2}]),
    (
        "d1 1x(mag x4), mag x2",
        "full",
        [{"by": "d1", "rounds": 1, "draft": [{"by": "mag", "tokens": 4}]}, {"by": "mag", "tokens": 2}],
    ),
]
"""Name, family and draft of what the quick profile measures; the full one takes all that `analysis cascades` lists."""

CALIBRATION, TRACES = "real_calibration.json", "real_calibration.traces.jsonl.gz"
CASCADES, PREDICTED, REPLAYED = "real_cascades.jsonl", "real_predicted.jsonl", "real_replayed.jsonl"
MEASURED, LOSSLESS, LADDER = "real_measured.jsonl", "real_lossless.json", "real_ladder.json"


def command(package: str, *arguments: object) -> None:
    """Run ``python -m PACKAGE ARGUMENTS`` in a process of its own, whose memory is free again afterwards.

    What it says, progress bars included, goes on to stderr as it comes.

    Raises:
        InputError: with the last line that it said, where it fails.
    """
    words = [sys.executable, "-m", package, *map(str, arguments)]
    said = b""
    with subprocess.Popen(
        words, cwd=Path(__file__).parent, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, bufsize=0
    ) as process:
        assert process.stderr is not None
        while chunk := process.stderr.read(4096):
            sys.stderr.write(chunk.decode(errors="replace"))
            sys.stderr.flush()
            said = (said + chunk)[-4096:]
    if process.returncode:
        lines = said.decode(errors="replace").split("\n")
        last = next((line for line in reversed(lines) if line.strip()), f"exit status {process.returncode}")
        raise InputError(f"python -m {package} {arguments[0]}", last.removeprefix("error: "))


def build_calibration(run: Run) -> None:
    """Acceptances and call times, on the last prompts of the package's own."""
    from realrun.prompts import shipped_prompts

    lines = read_text(shipped_prompts()).splitlines()
    chosen = lines[24:] if run.full else lines[24:30]
    run.write("real_calibration_prompts.jsonl", "\n".join(chosen) + "\n")
    run.write("real_models.json", {"target": "t", "models": MODELS, "draft": []})
    size = () if run.full else ("--max-new-tokens", 48, "--turns", 3)
    paths = [run.path(file).resolve() for file in ("real_models.json", "real_calibration_prompts.jsonl", CALIBRATION)]
    traces = run.path(TRACES).resolve()
    options = ("--prompts", paths[1], "--out", paths[2], "--traces", traces, "--seed", run.seed)
    command("realrun", "calibrate", paths[0], *options, *size)


def build_predictions(run: Run) -> None:
    """The list of cascades, and what every rung of the ladder predicts for them."""
    calibration, cascades = (run.path(file).resolve() for file in (CALIBRATION, CASCADES))
    if run.full:
        command("analysis", "cascades", calibration, "--out", cascades)
    else:
        rows = [json.dumps({"name": name, "family": family, "draft": draft}) for name, family, draft in QUICK]
        run.write(CASCADES, "\n".join(rows) + "\n")
    both = ("--cascades", cascades, "--seed", run.seed)
    command("analysis", "predict", calibration, *both, "--out", run.path(PREDICTED).resolve())
    traces = run.path(TRACES).resolve()
    command("simulate", "replay", calibration, *both, "--traces", traces, "--out", run.path(REPLAYED).resolve())


def build_measurements(run: Run) -> None:
    """Every cascade on prompts that no calibration saw, in turns; and whether its text is the target's."""
    from realrun.lossless import rounded_to
    from realrun.measure import measure
    from realrun.models import DTYPES, load_ensemble
    from realrun.prompts import read_prompts, shipped_prompts
    from realrun.record import provenance

    prompts = read_prompts(shipped_prompts())[: 24 if run.full else 6]
    tokens = 96 if run.full else 40
    specification = parse_json(read_text(run.path(CALIBRATION)), CALIBRATION)
    assert isinstance(specification, dict)
    listed = read_named_drafts(run.path(CASCADES), Cascade.from_json(specification))
    loads = {"target": "t", "models": MODELS}
    cascades = {
        each.name: Cascade.from_json({**loads, "draft": [step.to_json() for step in each.draft]}) for each in listed
    }
    everything = Cascade.from_json({**loads, "draft": [s.to_json() for c in cascades.values() for s in c.draft]})
    about = {**provenance(), "seed": run.seed, "dtype": "bfloat16", "max_new_tokens": tokens}
    fast = load_ensemble(everything, DTYPES["bfloat16"])
    rows = list(measure(cascades, fast, prompts, tokens, "measuring speedup"))
    del fast
    run.write(MEASURED, "".join(json.dumps({**_without_text(row), **about}) + "\n" for row in rows))

    few = {each.name: cascades[each.name] for each in _one_of_each_family(listed)}
    exact = load_ensemble(everything, DTYPES["float32"])
    checked = list(measure(few, exact, prompts if run.full else prompts[:3], tokens, "checking float32 output"))
    judged = _comparisons(
        [row for row in rows if row["method"] in few], prompts, rounded_to(exact, "t", DTYPES["bfloat16"])
    )
    run.write(LOSSLESS, {"bfloat16": judged, "float32": [_without_text(row) for row in checked], "provenance": about})


def _without_text(row: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key != "text"}


def _one_of_each_family(listed: Sequence[Any]) -> list[Any]:
    """The first cascade of every family, whose output is checked too."""
    return list({each.family: each for each in reversed(listed)}.values())[::-1]


def _comparisons(rows: Sequence[dict[str, Any]], prompts: Sequence[Any], exact: Any) -> list[dict[str, object]]:
    """How every bfloat16 output compares with the autoregressive one, judged by float32 arithmetic."""
    from tqdm import tqdm

    from realrun.lossless import compare
    from realrun.models import DTYPES
    from realrun.prompts import encode

    ids = {prompt.id: encode(prompt, exact.tokenizer) for prompt in prompts}
    plain = {row["id"]: row["tokens"] for row in rows if row["method"] == "autoregressive"}
    target = exact.models["t"]

    def judged(row: dict[str, Any]) -> dict[str, object]:
        prompt, expected = ids[row["id"]], plain[row["id"]]

        def logits_at(position: int) -> Any:
            return target.uncached_logits(prompt, [*prompt, *expected[:position]]).float()

        return dataclasses.asdict(compare(expected, row["tokens"], DTYPES["bfloat16"], logits_at))

    return [
        {"method": row["method"], "id": row["id"]} | judged(row)
        for row in tqdm(rows, desc="judging bfloat16 output", unit="run", delay=2)
    ]


def build_ladder(run: Run) -> None:
    """This run's predictions beside its measurements."""
    _ladder(run, Rows.of_run(run), LADDER)


def build_lossless(run: Run) -> None:
    """Whether the measured texts are the target's own."""
    data = run.read(LOSSLESS)
    methods = list(dict.fromkeys(row["method"] for row in data["bfloat16"]))
    cells = []
    for method in methods:
        mine = [row["category"] for row in data["bfloat16"] if row["method"] == method]
        same = _equal(method, data["float32"])
        kinds = "/".join(str(mine.count(kind)) for kind in ("identical", "near-tie", "divergent"))
        cells.append([method, "{} of {}".format(*same), kinds])
    run.write("real_lossless.md", markdown(["cascade", "float32 same", "bf16 same/tie/off"], cells) + "\n")


def _equal(method: str, rows: Sequence[dict[str, Any]]) -> list[int]:
    """How many prompts' outputs equal the autoregressive ones, and of how many."""
    mine = {row["id"]: row["tokens"] for row in rows if row["method"] == method}
    plain = {row["id"]: row["tokens"] for row in rows if row["method"] == "autoregressive"}
    return [sum(mine[key] == plain[key] for key in plain), len(plain)]


@dataclass(frozen=True)
class Rows:
    """The files of one calibration with its predictions and measurements.

    Attributes:
        calibration: A calibration.
        traces: Its recorded agreements.
        predicted: Predictions of all rungs, one file or more.
        measured: Measured rows, one file or more.
        shapes: Call times of architectures, any number of files.
    """

    calibration: Path
    traces: Path
    predicted: tuple[Path, ...]
    measured: tuple[Path, ...]
    shapes: tuple[Path, ...] = ()

    @property
    def files(self) -> tuple[Path, ...]:
        """All of them."""
        return (self.calibration, self.traces, *self.predicted, *self.measured, *self.shapes)

    @classmethod
    def of_run(cls, run: Run) -> Rows:
        """What this run made."""
        paths = {file: run.path(file).resolve() for file in (CALIBRATION, TRACES, PREDICTED, REPLAYED, MEASURED)}
        predicted = paths[PREDICTED], paths[REPLAYED]
        return cls(paths[CALIBRATION], paths[TRACES], predicted, (paths[MEASURED],), recorded_shapes())

    @classmethod
    def recorded(cls, folder: Path) -> Rows | None:
        """What a longer run left in a folder of results; None unless all of it is there."""
        calibration, traces = folder / "calibration.json", folder / "calibration.traces.jsonl.gz"
        predicted = (*sorted(folder.glob("predicted*.jsonl")), *sorted(folder.glob("replay*.jsonl")))
        measured = tuple(sorted(folder.glob("measured*.jsonl")))
        if not (calibration.is_file() and traces.is_file() and predicted and measured):
            return None
        return cls(calibration, traces, predicted, measured, recorded_shapes(folder))


RESULTS = Path(__file__).parent / "results" / "cpu"
"""Rows of a long run on 2 CPU cores, kept with the source."""


def recorded_shapes(folder: Path = RESULTS) -> tuple[Path, ...]:
    """Call times of architectures at the paper's scale, measured once and kept."""
    return tuple(sorted(folder.glob("shapes*.jsonl")))


def _ladder(run: Run, rows: Rows, out: str) -> None:
    table = Path(out).with_suffix(".md")
    options = ("--calibration", rows.calibration, "--out", run.path(out).resolve(), "--seed", run.seed)
    written = ("--markdown", run.path(str(table)).resolve())
    command("analysis", "ladder", "--predicted", *rows.predicted, "--measured", *rows.measured, *options, *written)


Which = Callable[[Run], Rows]
"""Which rows an artefact is built from: the recorded ones, or this run's."""


def builder_of_ladder(which: Which) -> Callable[[Run], None]:
    """The ladder over all cascades."""
    return lambda run: _ladder(run, which(run), "ladder.json")


def draw_ladder(source: str, stem: str) -> Callable[[Run], None]:
    """One panel a rung."""

    def build(run: Run) -> None:
        found = run.read(source)
        rungs = list(found["rungs"])
        columns = min(2, len(rungs))
        lines = -(-len(rungs) // columns)
        limits = real_ladder.limits_of(found["cascades"])
        with style.figure(4.0 * columns + 0.3, 3.9 * lines + 0.5) as fig:
            axes = fig.subplots(lines, columns, squeeze=False).ravel()
            for ax, rung in zip(axes, rungs, strict=False):
                real_ladder.draw(ax, found["cascades"], rung, limits)
            for ax in axes[len(rungs) :]:
                ax.set_axis_off()
            handles, labels = axes[0].get_legend_handles_labels()
            fig.legend(handles, labels, loc="outside upper center", ncols=4, fontsize="small")
            style.save(fig, run.path(stem))

    return build


def build_remainder(run: Run) -> None:
    """What the replay leaves, in parts."""
    rows = calibration_data.remainders(run.read("ladder.json"))
    if not rows:
        raise InputError("ladder", "has no remainder, expected a replay and a calibration")
    with style.figure(7.0, 1.4 + 0.17 * len(rows)) as fig:
        real_remainder.draw(fig.subplots(), rows)
        style.save(fig, run.path("remainder"))


def builder_of_checks(which: Which) -> Callable[[Run], None]:
    """The assumption checks, with survival curves and fits."""

    def build(run: Run) -> None:
        out = run.path("checks.json").resolve()
        command("analysis", "checks", which(run).traces, "--seed", run.seed, "--out", out)
        header = ["assumption", "reviewer", "drafter", "departure", "95 % interval", "p, adjusted", "verdict"]
        rows = run.read("checks.json")["checks"]
        cells = [
            [
                row["name"].replace("-", " "),
                row["reviewer"],
                row["drafter"],
                _number(row["effect"], "+.3f"),
                f"{_number(row['low'], '+.3f')} to {_number(row['high'], '+.3f')}",
                _number(row["adjusted"], ".2g"),
                row["verdict"],
            ]
            for row in rows
        ]
        run.write("checks.md", markdown(header, cells, text_columns=3) + "\n")

    return build


def _number(value: float | None, form: str) -> str:
    return "unknown" if value is None else format(value, form)


def build_checks_figure(run: Run) -> None:
    """Sizes and verdicts of all checks."""
    rows = run.read("checks.json")["checks"]
    with style.figure(7.0, 1.3 + 0.19 * len(rows)) as fig:
        calibration_checks.draw(fig.subplots(), rows, MARGIN)
        style.save(fig, run.path("checks_figure"))


def build_survival(run: Run) -> None:
    """Survival over 30 positions, one panel a drafter."""
    curves = [curve for curve in run.read("checks.json")["survival"] if curve["all"]]
    with style.figure(3.8 * len(curves), 3.8) as fig:
        for ax, curve in zip(fig.subplots(1, len(curves), squeeze=False)[0], curves, strict=True):
            calibration_survival.draw(ax, curve)
        style.save(fig, run.path("survival"))


def draw_of(
    stem: str, data: Callable[[Run], Any], draw: Callable[[Any, Any], None], size: tuple[float, float]
) -> Callable[[Run], None]:
    """Draw what a function finds in finished files."""

    def build(run: Run) -> None:
        found = data(run)
        if not found:
            raise InputError(stem, "the files have nothing to draw")
        with style.figure(*size) as fig:
            draw(fig.subplots(), found)
            style.save(fig, run.path(stem))

    return build


def _calibration(which: Which, run: Run) -> dict[str, Any]:
    value = parse_json(read_text(which(run).calibration), str(which(run).calibration))
    assert isinstance(value, dict)
    return value


def builder_of_call_times(which: Which) -> Callable[[Run], None]:
    """Call times by tokens fed and context."""
    data = lambda run: calibration_data.call_times(_calibration(which, run))  # noqa: E731
    return draw_of("call_times", data, calibration_call_times.draw, (6.4, 4.2))


def builder_of_neighbourhood(which: Which) -> Callable[[Run], None]:
    """EWIF around the optimum, with measured speedups."""
    data = lambda run: calibration_data.neighbourhood(_calibration(which, run), run.read("ladder.json"))  # noqa: E731
    return draw_of("neighbourhood", data, calibration_neighbourhood.draw, (6.4, 4.8))


def builder_of_domains() -> Callable[[Run], None]:
    """Acceptance by domain."""
    data = lambda run: calibration_data.domains(run.read("checks.json"))  # noqa: E731
    return draw_of("domains", data, calibration_domains.draw, (6.4, 5.2))


def builder_of_correlation() -> Callable[[Run], None]:
    """Correlation along the text."""
    data = lambda run: calibration_data.autocorrelations(run.read("checks.json"))  # noqa: E731
    return draw_of("correlation", data, calibration_autocorrelation.draw, (6.0, 3.8))


def builder_of_costs(which: Which) -> Callable[[Run], None]:
    """Assumed against measured cost ratios."""

    def build(run: Run) -> None:
        out = run.path("scale.json").resolve()
        command("analysis", "scale", *which(run).shapes, "--out", out)
        rows = calibration_data.cost_ratios(run.read("scale.json"), _calibration(which, run))
        with style.figure(7.0, 1.5 + 0.2 * len(rows)) as fig:
            calibration_costs.draw(fig.subplots(), rows)
            style.save(fig, run.path("costs"))

    return build


def builder_of_headline(which: Which) -> Callable[[Run], None]:
    """Best cascade over best speculative decoding, by every measure."""

    def build(run: Run) -> None:
        rows = which(run)
        measured = run.path("headline_rows.jsonl")
        with measured.open("w", encoding="utf-8") as file:
            for path in rows.measured:
                with path.open(encoding="utf-8") as part:
                    shutil.copyfileobj(part, file)
        out = run.path("headline.json").resolve()
        options = ("--calibration", rows.calibration, "--seed", run.seed, "--out", out)
        command("analysis", "swi", "--measured", measured.resolve(), *options)
        found = run.read("headline.json")
        lines = [
            {
                "prompts": name,
                "measure": each["measure"],
                "best speculative": "{1:.3f} ({0})".format(*each["best"]["speculative"]),
                "best cascade": "{1:.3f} ({0})".format(*each["best"]["cascade"]),
                "additional": f"{each['additional']:+.1%} ({each['low']:+.1%} to {each['high']:+.1%})",
                "chosen elsewhere": f"{each['held_out']:+.1%}",
            }
            for name, part in found["sets"].items()
            for each in part["headlines"]
        ]
        possible = [
            {"costs": p["costs"], "speculative": p["speculative_ewif"], "optimum": p["optimum_ewif"]}
            | {"additional": f"{p['additional']:+.1%}", "no cascade gains more than": f"{p['at_most']:+.1%}"}
            for p in found["possible"]
        ]
        claims = " and ".join(f"{claim:.0%}" for claim in found["paper"])
        tables = [table_of_dicts(lines), "What the calibrated theory holds possible:", table_of_dicts(possible)]
        run.write("headline.md", "\n\n".join([*tables, f"The paper: up to {claims}, by SWI."]) + "\n")

    return build


def cards() -> list[tuple[str, dict[str, Any]]]:
    """Cards of the shipped drafters, by the drafter's name."""
    found = []
    for path in sorted((Path(__file__).parent / "realrun" / "data").glob("*/card.json")):
        value = parse_json(read_text(path), str(path))
        if isinstance(value, dict):
            found.append((path.parent.name, value))
    return found


def build_learning(run: Run) -> None:
    """Learning curves of the shipped drafters."""
    curves = calibration_data.learning_curves(cards())
    run.write("learning.json", curves)
    draw_of("learning", lambda _: curves, real_learning.draw, (6.0, 3.8))(run)
