"""The Python interface of the simulation: what it exports, what it accepts, and rows that a table can take."""

import json
import math
import subprocess
import sys

import pytest
from sweeps import BETA, FLAT, NESTED, collected, facts, run, write_tasks

import simulate
from analysis.model import Advice, Cascade, InputError
from analysis.theory.exact import ewif
from simulate.sweep.task import RESULT_COLUMNS

FLAT_CASCADE = Cascade.from_json(FLAT)


def varied(alpha, k, **more):
    return {
        **FLAT,
        "acceptance": {"t": {"d": alpha}},
        "draft": [{"by": "d", "tokens": k}],
        "parameters": {"alpha": alpha, "k": k, **more},
    }


def sweep():
    return [simulate.Task.from_json(varied(alpha, k)) for alpha in (0.6, 0.8) for k in (2, 4)]


def test_everything_exported_is_there():
    assert set(simulate.__all__) <= set(dir(simulate))
    for name in simulate.__all__:
        assert getattr(simulate, name).__name__ == name
        assert getattr(simulate, name).__doc__
    with pytest.raises(AttributeError, match="colour"):
        simulate.colour  # noqa: B018


def test_importing_the_package_loads_neither_numba_nor_torch():
    code = "import sys, simulate; dir(simulate); print(sorted({'numba', 'torch', 'scipy'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_using_the_package_does_not_turn_its_functions_into_modules():
    code = "import simulate as s; s.read_runs; s.compare; print(callable(s.collect), callable(s.estimate))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "True True\n"


def test_an_estimate_holds_the_exact_ewif_and_reads_well():
    found = simulate.estimate(FLAT_CASCADE, cycles=10**6, seed=3)
    assert found.cycles == 10**6
    assert abs(found.ewif - ewif(FLAT_CASCADE)) < 6 * found.standard_error
    assert simulate.estimate(FLAT_CASCADE, cycles=10**6, seed=3) == found
    assert simulate.estimate(FLAT_CASCADE, cycles=10**6, seed=4) != found
    low, high = found.ci95
    assert (
        repr(found) == f"Estimate(ewif={found.ewif:.6g}, ci95=[{low:.6g}, {high:.6g}], cycles=1000000, blocks=1000000)"
    )


def test_the_kernel_of_the_command_line_gives_the_same_numbers(tmp_path):
    (tmp_path / "flat.json").write_text(json.dumps(FLAT))
    done = run("run", tmp_path / "flat.json", "--engine", "kernel", "--cycles", 5000, "--seed", 7, "--json")
    assert json.loads(done.stdout)["ewif"] == simulate.estimate(FLAT_CASCADE, cycles=5000, seed=7).ewif


def test_processes_and_generations_have_at_least_the_cycles_asked_for():
    for more in ({"process": BETA}, {"generation": {"tokens": 20}}):
        assert simulate.estimate(simulate.Task.from_json(FLAT | more), cycles=1000).cycles >= 1000


def test_a_comparison_is_that_of_the_command_line(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps(FLAT))
    (tmp_path / "b.json").write_text(json.dumps(NESTED))
    done = run("compare", tmp_path / "a.json", tmp_path / "b.json", "--blocks", 5000, "--json")
    found = simulate.compare(FLAT_CASCADE, Cascade.from_json(NESTED), blocks=5000)
    assert json.loads(done.stdout)["difference"] == found.difference


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda path: simulate.estimate(FLAT_CASCADE, cycles=1), r"cycles: got 1, expected a whole number in 2\.\."),
        (lambda path: simulate.estimate(FLAT_CASCADE, cycles=1e6), r"cycles: got 1000000\.0, expected a whole"),
        (lambda path: simulate.estimate(FLAT_CASCADE, seed=-1), r"seed: got -1"),
        (lambda path: simulate.estimate(FLAT), r"cascade: got .*expected a Cascade or a Task"),
        (lambda path: simulate.compare(FLAT_CASCADE, 3), r"second: got 3"),
        (lambda path: simulate.collect(sweep(), path, 0), r"target_error: got 0, expected a number in \(0, 1\]"),
        (lambda path: simulate.collect(sweep(), path, math.nan), r"target_error: got nan"),
        (lambda path: simulate.collect(sweep(), path, max_seconds="5"), r"max_seconds: got '5'"),
        (lambda path: simulate.collect(sweep(), path, workers=0), r"workers: got 0"),
        (
            lambda path: simulate.collect([FLAT_CASCADE, FLAT_CASCADE], path),
            r"tasks\[1\]: the same task as tasks\[0\]",
        ),
        (lambda path: simulate.collect([("a", FLAT_CASCADE, 1)], path), r"tasks\[0\]: got .*expected a pair"),
        (lambda path: simulate.collect({"": FLAT_CASCADE}, path), r"tasks\[0\]\.name: got ''"),
    ],
)
def test_wrong_arguments_are_refused_before_anything_is_written(tmp_path, call, message):
    path = tmp_path / "runs.csv"
    with pytest.raises(InputError, match=message):
        call(path)
    assert not path.exists()


def test_a_sweep_in_python_gives_the_rows_of_the_command_line(tmp_path):
    tasks = write_tasks(tmp_path, [varied(0.6, 2), varied(0.8, 2)])
    done = collected(tasks, tmp_path / "there.csv", "--target-error", "0.02", "--workers", "1", "--json")
    runs = simulate.collect([simulate.Task.from_json(varied(a, 2)) for a in (0.6, 0.8)], tmp_path / "here.csv", 0.02)
    assert facts(tmp_path / "here.csv") == facts(tmp_path / "there.csv")
    assert json.loads(done.stdout.splitlines()[-1]) == {"runs": [each.to_json() for each in runs]}
    assert simulate.read_runs(tmp_path / "there.csv") == runs


@pytest.mark.parametrize(
    "tasks",
    [{"one": FLAT_CASCADE}, [("one", FLAT_CASCADE)], simulate.Task(FLAT_CASCADE).named("one")],
    ids=["dict", "pairs", "a single task"],
)
def test_tasks_may_be_given_in_several_ways(tmp_path, tasks):
    [found] = simulate.collect(tasks, tmp_path / "runs.csv", max_cycles=1000)
    assert (found.name, found.cycles) == ("one", 1000)


def test_numbers_are_numbers_in_every_row(tmp_path):
    """One type in each column: what makes a table's columns numeric."""
    tasks = [simulate.Task.from_json(varied(a, k, drafter="d", wide=True)) for a in (0.6, 0.8) for k in (2, 4)]
    rows = [each.as_row() for each in simulate.collect(tasks, tmp_path / "runs.csv", 0.05)]
    types = {key: {type(row[key]) for row in rows} for key in rows[0]}
    assert types == (
        {key: {float} for key in RESULT_COLUMNS}
        | {key: {int} for key in ("cycles", "blocks", "batches", "k")}
        | {"name": {str}, "task_id": {str}, "drafter": {str}, "alpha": {float}, "wide": {bool}}
    )
    assert tuple(rows[0])[: len(RESULT_COLUMNS)] == RESULT_COLUMNS
    for row, task in zip(rows, sorted(tasks, key=lambda task: task.id), strict=True):
        assert row["ewif"] == pytest.approx(ewif(task.cascade), rel=0.2)


def test_names_and_parameters_given_later_hold(tmp_path):
    path = tmp_path / "runs.csv"
    simulate.collect(FLAT_CASCADE, path, max_cycles=1000)
    again = simulate.Task.from_json(varied(0.8, 5)).named("later")
    [found] = simulate.collect(again, path, max_cycles=1000)
    assert (found.name, found.parameters, found.cycles) == ("later", {"alpha": 0.8, "k": 5}, 1000)
    simulate.collect(again, path, max_cycles=2000)
    assert simulate.read_runs(path)[0].parameters == {"alpha": 0.8, "k": 5}


def test_one_cycle_has_a_row_of_numbers_too(tmp_path):
    [found] = simulate.collect(FLAT_CASCADE, tmp_path / "runs.csv", max_cycles=1)
    assert math.isnan(found.low)
    assert math.isnan(found.standard_error)
    assert found.to_json()["ci95"] == [None, None]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"k": [1]}, r"parameters\.k: got \[1\], expected a finite number, a string"),
        ({"k": None}, r"parameters\.k: got null"),
        ({"k": math.inf}, r"parameters\.k: got inf"),
        ({"k": 10**400}, r"parameters\.k: got a huge integer"),
        ({"k": "a\nb"}, r"parameters\.k: got"),
        ({"ewif": 1}, r"parameters: got 'ewif', expected names of other columns"),
        ({"": 1}, r"parameters: got ''"),
        ([1], r"parameters: got \[1\], expected an object"),
    ],
)
def test_parameters_that_are_no_column_are_refused(parameters, message):
    with pytest.raises(InputError, match=message):
        simulate.Task.from_json(FLAT | {"parameters": parameters})


def test_parameters_are_no_part_of_a_tasks_identity():
    assert simulate.Task.from_json(varied(0.8, 5)).id == simulate.Task(FLAT_CASCADE).id


def test_an_error_meant_as_per_cent_is_asked_about(tmp_path):
    with pytest.warns(Advice, match=r"target_error: 0\.5 is a half-width of 50 % of EWIF; for 0\.5 % write 0\.005"):
        simulate.collect(FLAT_CASCADE, tmp_path / "runs.csv", 0.5)
    done = collected(write_tasks(tmp_path, [FLAT]), tmp_path / "other.csv", "--target-error", "0.5", "--workers", "1")
    assert done.returncode == 0
    assert done.stderr == "warning: target_error: 0.5 is a half-width of 50 % of EWIF; for 0.5 % write 0.005\n"
    simulate.collect(FLAT_CASCADE, tmp_path / "third.csv", 0.1)  # no warning


@pytest.mark.parametrize("quiet", [[], ["--quiet"]])
def test_collect_prints_its_results_and_nothing_else(tmp_path, quiet):
    done = collected(
        write_tasks(tmp_path, [varied(0.6, 2), {**varied(0.8, 4), "name": "four"}]),
        *(tmp_path / "runs.csv", "--target-error", "0.02", "--workers", "1", *quiet),
    )
    assert done.stderr == ""
    head, first, second = done.stdout.splitlines()
    assert head.split() == ["EWIF", "95", "%", "interval", "cycles", "alpha", "k", "task"]
    assert first.endswith("  0.8    4  four") or second.endswith("  0.8    4  four")
    assert run("summarise", tmp_path / "runs.csv").stdout == done.stdout
