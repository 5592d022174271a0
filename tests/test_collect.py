"""Collecting: the same numbers whatever the workers, order and interruptions, and stops that keep their word."""

import concurrent.futures
import json
import random
import resource
from dataclasses import replace

import pytest
from sweeps import BETA, FLAT, NESTED, SWEEP, collected, facts, run, summary_of, write_tasks

from analysis.model import Cascade, InputError
from analysis.model.boundary.provenance import Provenance
from analysis.theory.exact import ewif
from simulate.bounds import greatest_work
from simulate.results import read_runs
from simulate.sweep import collect as collect_module
from simulate.sweep.collect import collect
from simulate.sweep.rows import HEADER, read_row
from simulate.sweep.schedule import FAST_BATCH, WORK, Stop, blocks_of_batch
from simulate.sweep.store import open_store, read_rows
from simulate.sweep.summary import merged, summarise
from simulate.sweep.task import Task, read_tasks
from simulate.sweep.workers import InThisProcess

STOP = Stop(target_error=0.003)


def tasks():
    return [Task.from_json(task) for task in SWEEP]


def swept(path, executor=None, workers=1, stop=STOP, seed=0, what=None):
    with open_store(str(path)) as store:
        collect(what or tasks(), store, seed, stop, executor or InThisProcess(), workers)
    return [run.to_json() for run in read_runs(path)]


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


class Clock(InThisProcess):
    """Time that passes only while a batch is drawn: a second each."""

    def __init__(self):
        self.seconds = 0

    def monotonic(self):
        return float(self.seconds)

    def submit(self, fn, /, *args, **kwargs):
        self.seconds += 1
        assert self.seconds < 100, "the limit was passed over"
        return super().submit(fn, *args, **kwargs)


def test_a_limit_in_seconds_ends_a_sweep_that_has_no_other(tmp_path, monkeypatch):
    clock = Clock()
    monkeypatch.setattr(collect_module, "time", clock)
    found = swept(tmp_path / "runs.csv", clock, stop=Stop(max_seconds=10))
    assert sum(entry["batches"] for entry in found) == 10
    assert {entry["name"] for entry in found} == {"flat", "nested", "prompts", "generations"}


# Sizes of batches.


@pytest.mark.parametrize("task", SWEEP, ids=[task["name"] for task in SWEEP])
@pytest.mark.parametrize("batch", [0, 10, 200])
def test_no_batch_holds_more_work_than_allowed(task, batch):
    sampler = Task.from_json(task).sampler()
    blocks = blocks_of_batch(sampler, batch, 0, None)
    if sampler.is_fast:
        assert 1 <= blocks <= FAST_BATCH
        return
    work = sum(sampler.draw(("work",), blocks if batch == 0 else 1).calls.values())
    assert work * (1 if batch == 0 else blocks) <= WORK


def test_deep_drafts_have_batches_of_few_cycles():
    """Three levels of eight rounds over one token, in fixed numbers: every cycle holds what the bound says."""
    draft = [{"by": "d", "tokens": 1}]
    for by in ("c", "b", "a"):
        draft = [{"by": by, "rounds": 8, "draft": draft}]
    deep = {
        "target": "t",
        "models": {"t": {"cost": 1}, **{name: {"cost": 0.1} for name in "abcd"}},
        "acceptance": {"t": {"a": 0.9}, "a": {"b": 0.9}, "b": {"c": 0.9}, "c": {"d": 0.9}},
        "draft": draft,
    }
    sampler = Task.from_json(deep).sampler()
    assert greatest_work(sampler.cascade) == 1 + 8 * (1 + 8 * (1 + 8 * (1 + 1)))
    assert sum(sampler.draw(("deep",), 50).calls.values()) == 50 * greatest_work(sampler.cascade)
    assert blocks_of_batch(sampler, 100, 0, None) == WORK // greatest_work(sampler.cascade)
    huge = json.loads(json.dumps(deep).replace('"rounds": 8', '"until": 1000'))
    assert blocks_of_batch(Task.from_json(huge).sampler(), 100, 0, None) == 1


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
    [
        {"name": "x"},
        {"meta": {"a": 1}},
        {"uncertainty": {}},
        {"process": None},
        {"process": {"decay": {"t": {}}}},
        {"models": {"t": {"cost": 1.0}, "d": {"cost": 0.1}}},
    ],
    ids=["name", "meta", "uncertainty", "no process", "no replacement", "1 is 1.0"],
)
def test_whatever_does_not_leaves_it_alone(change):
    assert Task.from_json(FLAT | change).id == Task.from_json(FLAT).id


def test_the_id_does_not_depend_on_the_order_of_keys():
    assert Task.from_json(dict(reversed(FLAT.items()))).id == Task.from_json(FLAT).id


def test_a_task_given_twice_is_refused_by_line(tmp_path):
    path = write_tasks(tmp_path, [FLAT, NESTED, {**FLAT, "name": "again"}])
    with pytest.raises(InputError, match="line 3: the same task as in line 1"):
        read_tasks(str(path))


def test_a_name_given_to_two_tasks_is_refused_by_both_lines(tmp_path):
    path = write_tasks(
        tmp_path, [{**FLAT, "name": "x"}, {**NESTED, "name": "y"}, {**NESTED, "name": "x", "lenience": 2}]
    )
    with pytest.raises(InputError, match=r"line 3\.name: got 'x', the name of another task in line 1"):
        read_tasks(str(path))


@pytest.mark.parametrize("separator", ["\u2028", "\u2029", "\x85"])
def test_only_a_line_end_ends_a_line_of_tasks(tmp_path, separator):
    """JSON allows the other separators of Unicode within a string."""
    path = tmp_path / "tasks.jsonl"
    path.write_text(json.dumps({**FLAT, "meta": f"a{separator}b"}, ensure_ascii=False) + "\n", encoding="utf-8")
    assert [task.id for task in read_tasks(str(path))] == [Task.from_json(FLAT).id]


def test_a_summary_gives_the_last_name(straight):
    rows = [row for row in read_rows(str(straight[0])) if row.task.label == "flat"][:3]
    first, second, third = (
        replace(row, task=Task.from_json({**FLAT, "name": name} if name else FLAT))
        for row, name in zip(rows, ("zebra", "ape", ""), strict=True)
    )
    assert summarise([first, second, third])[0].task.name == "ape"
    assert summarise([second, first, third])[0].task.name == "zebra"
    assert summarise([third])[0].task.name == third.task.id[:12]


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
    apart = [{s["name"]: s for s in part} for part in (straight[1], [run.to_json() for run in read_runs(other)])]
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
    assert "a limit on cycles cut one of them" in done.stderr


def test_equally_long_batches_that_differ_are_not_blamed_on_a_limit(straight):
    rows = read_rows(str(straight[0]))
    forged = replace(rows[0], totals=replace(rows[0].totals, ticks=rows[0].totals.ticks + 1))
    with pytest.raises(InputError, match="they are equally long but were not drawn by the same code"):
        merged([("a.csv", rows), ("b.csv", [forged])])


def test_rows_survive_writing_and_reading(straight):
    for line in straight[0].read_text().splitlines(keepends=True)[1:]:
        row = read_row(line.rstrip("\n"))
        assert row.to_line() == line
        assert read_row(row.to_line().rstrip("\n")) == row


ELSEWHERE = Provenance("0.0.1", "abc", "3.99", "9", "8", "Other machine", "2001-02-03T04:05:06Z")


def test_merging_keeps_where_a_batch_was_drawn(straight, tmp_path):
    """Of a batch that two machines drew alike, the earlier row is kept, whatever the order of files."""
    rows = read_rows(str(straight[0]))
    other, out = tmp_path / "other.csv", tmp_path / "all.csv"
    other.write_text(HEADER + "".join(replace(row, provenance=ELSEWHERE).to_line() for row in rows[:3]))
    for files in ((straight[0], other), (other, straight[0])):
        assert run("merge", *files, "--out", out).returncode == 0
        found = {row.key: row.provenance for row in read_rows(str(out))}
        assert found == {row.key: row.provenance for row in rows} | {row.key: ELSEWHERE for row in rows[:3]}


def test_rows_say_where_their_worker_drew_them(tmp_path):
    class Afar(InThisProcess):
        def submit(self, fn, /, *args, **kwargs):
            return super().submit(lambda: fn(*args, **kwargs)._replace(provenance=ELSEWHERE))

    swept(tmp_path / "runs.csv", Afar(), stop=Stop(max_cycles=100))
    assert {row.provenance for row in read_rows(str(tmp_path / "runs.csv"))} == {ELSEWHERE}


@pytest.mark.parametrize("content", [b"my only copy", b"a,b\n1,2\n"], ids=["no line end", "a table"])
def test_merging_replaces_no_foreign_file(straight, tmp_path, content):
    out = tmp_path / "mine"
    out.write_bytes(content)
    done = run("merge", straight[0], "--out", out)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "mine line 1" in done.stderr
    assert out.read_bytes() == content


def test_merging_loses_no_row_of_the_file_it_replaces(straight, tmp_path):
    other, out = tmp_path / "other.csv", tmp_path / "all.csv"
    swept(other, seed=1)
    assert run("merge", straight[0], other, "--out", out).returncode == 0
    before = out.read_bytes()
    done = run("merge", straight[0], "--out", out)
    assert (done.returncode, out.read_bytes()) == (2, before)
    assert "which the merged files do not" in done.stderr
    assert run("merge", out, straight[0], "--out", out).returncode == 0
    assert out.read_bytes() == before


def test_merging_replaces_no_file_that_a_sweep_is_writing(straight, tmp_path):
    out = tmp_path / "runs.csv"
    with open_store(str(out)):
        done = run("merge", straight[0], "--out", out)
        assert done.returncode == 2
        assert "another process is writing to this file" in done.stderr
    assert read_rows(str(out)) == []


def test_a_merge_without_room_is_a_clear_error(straight, tmp_path):
    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))

    out = tmp_path / "all.csv"
    done = run("merge", straight[0], "--out", out, preexec_fn=limit)
    assert (done.returncode, out.exists()) == (2, False)
    assert done.stderr == f"error: {out}: cannot be written: File too large\n"


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
