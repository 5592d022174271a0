"""Collecting: the same numbers whatever the workers, order and interruptions, and stops that keep their word."""

import concurrent.futures
import json
import random

import pytest
from sweeps import BETA, FLAT, NESTED, SWEEP, collected, facts, run, summary_of, write_tasks

from analysis.exact import ewif
from analysis.model import Cascade, InputError
from simulate.collect import collect
from simulate.rows import read_row
from simulate.schedule import Stop
from simulate.store import open_store, read_rows
from simulate.summary import merged, summarise
from simulate.task import Task, read_tasks
from simulate.workers import InThisProcess

STOP = Stop(target_error=0.003)


def tasks():
    return [Task.from_json(task) for task in SWEEP]


def swept(path, executor=None, workers=1, stop=STOP, seed=0, what=None):
    with open_store(str(path)) as store:
        collect(what or tasks(), store, seed, stop, executor or InThisProcess(), workers)
    return [s.to_json() for s in summarise(read_rows(str(path)))]


@pytest.fixture(scope="module")
def straight(tmp_path_factory):
    path = tmp_path_factory.mktemp("straight") / "runs.csv"
    return path, swept(path)


class OutOfOrder(concurrent.futures.Executor):
    """Keeps some calls waiting and answers them in random order."""

    def __init__(self, seed):
        self._random = random.Random(seed)
        self._pool = concurrent.futures.ThreadPoolExecutor(4)

    def submit(self, fn, /, *args, **kwargs):
        delay = self._random.random() / 50

        def late():
            import time

            time.sleep(delay)
            return fn(*args, **kwargs)

        return self._pool.submit(late)


@pytest.mark.parametrize("seed", range(3))
def test_neither_workers_nor_order_change_a_row(straight, tmp_path, seed):
    executor = OutOfOrder(seed)
    assert swept(tmp_path / "runs.csv", executor, workers=2 + 3 * seed) == straight[1]
    assert facts(tmp_path / "runs.csv") == facts(straight[0])
    executor._pool.shutdown()


def test_two_processes_of_the_command_line_change_no_row(straight, tmp_path):
    done = collected(write_tasks(tmp_path), tmp_path / "runs.csv", "--target-error", "0.003", "--workers", "2")
    assert done.returncode == 0, done.stderr
    assert facts(tmp_path / "runs.csv") == facts(straight[0])
    assert json.loads(summary_of(tmp_path / "runs.csv")) == straight[1]


class Interrupted(InThisProcess):
    """Fails at the n-th call, as a user's Ctrl-C would."""

    def __init__(self, calls):
        self._left = calls

    def submit(self, fn, /, *args, **kwargs):
        self._left -= 1
        if self._left < 0:
            raise KeyboardInterrupt
        return super().submit(fn, *args, **kwargs)


def test_interruptions_after_every_batch_change_no_row(straight, tmp_path):
    path, interruptions = tmp_path / "runs.csv", 0
    summary = None
    while summary is None and interruptions < 100:
        try:
            summary = swept(path, Interrupted(1))
        except KeyboardInterrupt:
            interruptions += 1
    assert interruptions > 8
    assert summary == straight[1]
    assert facts(path) == facts(straight[0])


def test_every_row_can_be_drawn_again_from_what_it_names(straight):
    for row in read_rows(str(straight[0])):
        again = row.task.sampler().draw((row.seed, row.task.id, row.batch), row.totals.blocks)
        assert again == row.totals


def test_a_finished_sweep_collects_nothing_more(straight, tmp_path):
    path = tmp_path / "runs.csv"
    path.write_bytes(straight[0].read_bytes())
    swept(path)
    assert path.read_bytes() == straight[0].read_bytes()


def test_a_looser_sweep_is_a_prefix_of_a_tighter_one(straight, tmp_path):
    path = tmp_path / "runs.csv"
    swept(path, stop=Stop(target_error=0.02))
    assert set(facts(path)) < set(facts(straight[0]))
    assert swept(path) == straight[1]


def test_every_task_reaches_the_precision_asked_for(straight):
    for entry in straight[1]:
        low, high = entry["ci95"]
        assert (high - low) / 2 <= 0.003 * entry["ewif"]


def test_estimates_hold_the_exact_ewif(straight):
    """Intervals of six standard errors, so a false alarm in 10^9."""
    by_name = {entry["name"]: entry for entry in straight[1]}
    for name, spec in (("flat", FLAT), ("nested", NESTED)):
        found = by_name[name]
        assert abs(found["ewif"] - ewif(Cascade.from_json(spec))) < 6 * found["standard_error"]


def test_another_seed_gives_other_numbers(straight, tmp_path):
    assert swept(tmp_path / "runs.csv", seed=1) != straight[1]


@pytest.mark.parametrize("cycles", [1, 16_384, 100_000])
def test_a_cap_on_cycles_is_kept_to_the_cycle(tmp_path, cycles):
    found = swept(tmp_path / "runs.csv", stop=Stop(max_cycles=cycles), what=[Task.from_json(FLAT)])
    assert found[0]["cycles"] == cycles


def test_one_cycle_has_no_interval(tmp_path):
    found = swept(tmp_path / "runs.csv", stop=Stop(max_cycles=1), what=[Task.from_json(FLAT)])
    assert (found[0]["ci95"], found[0]["standard_error"]) == ([None, None], None)


def test_a_cap_on_cycles_ends_with_the_prompt_that_reaches_it(tmp_path):
    task = Task.from_json({**FLAT, "process": BETA})
    assert swept(tmp_path / "runs.csv", stop=Stop(max_cycles=1000), what=[task])[0]["cycles"] == 1008


def test_a_limit_in_seconds_ends_a_sweep_that_has_no_other(tmp_path):
    found = swept(tmp_path / "runs.csv", stop=Stop(max_seconds=0.5))
    assert {entry["name"] for entry in found} == {"flat", "nested", "prompts", "generations"}


# Identity.


@pytest.mark.parametrize(
    "change",
    [
        {"draft": [{"by": "d", "tokens": 6}]},
        {"acceptance": {"t": {"d": 0.81}}},
        {"process": BETA},
        {"generation": {"tokens": 9}},
        {"models": {"t": {"cost": 1}, "d": {"cost": 0.11}}},
    ],
    ids=["draft", "acceptance", "process", "generation", "cost"],
)
def test_whatever_changes_the_law_changes_the_id(change):
    assert Task.from_json(FLAT | change).id != Task.from_json(FLAT).id


@pytest.mark.parametrize(
    "change",
    [{"name": "x"}, {"meta": {"a": 1}}, {"uncertainty": {}}, {"process": None}, {"acceptance": {"t": {"d": [0.8][0]}}}],
    ids=["name", "meta", "uncertainty", "no process", "same"],
)
def test_whatever_does_not_leaves_it_alone(change):
    assert Task.from_json(FLAT | change).id == Task.from_json(FLAT).id


def test_the_id_does_not_depend_on_the_order_of_keys():
    assert Task.from_json(dict(reversed(FLAT.items()))).id == Task.from_json(FLAT).id


def test_a_task_given_twice_is_refused_by_line(tmp_path):
    path = write_tasks(tmp_path, [FLAT, NESTED, {**FLAT, "name": "again"}])
    with pytest.raises(InputError, match="line 3: the same task as in line 1"):
        read_tasks(str(path))


def test_a_wrong_task_is_refused_by_line_and_field(tmp_path):
    done = collected(write_tasks(tmp_path, [FLAT, FLAT | {"colour": 1}]), tmp_path / "runs.csv")
    assert done.returncode == 2
    assert "line 2.colour: unknown key" in done.stderr
    assert "Traceback" not in done.stderr


# Merging.


def test_files_of_two_seeds_merge_by_addition(straight, tmp_path):
    other = tmp_path / "other.csv"
    swept(other, seed=1)
    out = tmp_path / "all.csv"
    assert run("merge", straight[0], other, straight[0], "--out", out).returncode == 0
    both = {s["name"]: s for s in json.loads(summary_of(out))}
    apart = [
        {s["name"]: s for s in part} for part in (straight[1], [x.to_json() for x in summarise(read_rows(str(other)))])
    ]
    for name, entry in both.items():
        assert entry["cycles"] == sum(part[name]["cycles"] for part in apart)


def test_a_merged_file_does_not_depend_on_the_order_of_files(straight, tmp_path):
    other = tmp_path / "other.csv"
    swept(other, seed=1)
    files = [(str(p), read_rows(str(p))) for p in (straight[0], other)]
    assert [r.key for r in merged(files)] == [r.key for r in merged(files[::-1])]


def test_batches_that_contradict_each_other_are_not_merged(straight, tmp_path):
    short = tmp_path / "short.csv"
    swept(short, stop=Stop(max_cycles=100), what=tasks()[:1])
    done = run("merge", straight[0], short, "--out", tmp_path / "all.csv")
    assert (done.returncode, (tmp_path / "all.csv").exists()) == (2, False)
    assert "batch 0 of task flat (seed 0) differs" in done.stderr


def test_rows_survive_writing_and_reading(straight):
    for row in read_rows(str(straight[0])):
        again = read_row(row.to_line().rstrip("\n"))
        assert (again.key, again.totals) == (row.key, row.totals)


def test_rows_of_another_seed_are_refused_by_line(straight, tmp_path):
    path = tmp_path / "runs.csv"
    path.write_bytes(straight[0].read_bytes())
    with pytest.raises(InputError, match=r"line 2: drawn with seed 0, expected 5"):
        swept(path, seed=5)


def test_rows_of_another_task_are_refused_by_line(straight, tmp_path):
    path = tmp_path / "runs.csv"
    path.write_bytes(straight[0].read_bytes())
    with pytest.raises(InputError, match=r"line \d+: a row of another task \(generations\)"):
        swept(path, what=tasks()[:3])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--target-error", "0"], "--target-error: got '0'"),
        (["--max-cycles", "x"], "--max-cycles: got 'x'"),
        (["--max-seconds", "-1"], "--max-seconds: got '-1'"),
        (["--workers", "0"], "--workers: got '0'"),
        (["--seed", "-1"], "--seed: got '-1'"),
        (["--dask", "tcp://127.0.0.1:9"], "--dask: got 'tcp://127.0.0.1:9'"),
    ],
)
def test_a_wrong_option_is_refused_in_one_line(tmp_path, options, message):
    done = collected(write_tasks(tmp_path, [FLAT]), tmp_path / "runs.csv", *options)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
