"""Results files and workers that are not what they should be: other code, wrong sums, formulas, pipes, lost files."""

import hashlib
import os
from dataclasses import replace

import pytest
from sweeps import FLAT, NESTED, collected, run, write_tasks

import simulate
from analysis.model import Cascade, InputError
from analysis.model.boundary.provenance import provenance
from simulate.sweep.cluster import Cluster, dask_cluster
from simulate.sweep.collect import collect
from simulate.sweep.drawing_code import DRAWS, DrawingCode, drawing_code
from simulate.sweep.progress import Bar, share_done
from simulate.sweep.rows import COLUMNS, FIRST_HEADER, FIRST_SCHEMA, HEADER, SCHEMA, Row, as_cells, read_row
from simulate.sweep.schedule import Stop
from simulate.sweep.store import open_store, read_rows
from simulate.sweep.task import Task
from simulate.sweep.workers import InThisProcess

CASCADE = Cascade.from_json(FLAT)


def row(task=FLAT, batch=0, **more):
    made = Task.from_json(task | more)
    return Row(made, 0, batch, made.sampler().draw((0, made.id, batch), 1000), provenance(), drawing_code())


def sealed(cells):
    """A line of these cells with a right checksum."""
    body = ",".join('"' + cell.replace('"', '""') + '"' if {",", '"'} & set(cell) else cell for cell in cells)
    return f"{body},{hashlib.sha256(body.encode()).hexdigest()[:16]}"


def forged(column, text):
    cells = list(as_cells(row().to_line().rstrip("\n")))[:-1]
    cells[COLUMNS.index(column)] = text
    return sealed(cells)


# Who drew a row.


class Elsewhere(InThisProcess):
    """A worker that says it has other code; None for a worker of an earlier version, which says nothing."""

    def __init__(self, code):
        self._code = code

    def submit(self, fn, /, *args, **kwargs):
        def there():
            drawn = fn(*args, **kwargs)
            return tuple(drawn)[:2] if self._code is None else drawn._replace(code=self._code)

        return super().submit(there)


@pytest.mark.parametrize(
    "code", [None, DrawingCode(DRAWS + 1, drawing_code().digest), DrawingCode(DRAWS, "0" * 16)], ids=str
)
def test_no_row_of_a_worker_with_other_code_is_taken(tmp_path, code):
    path = str(tmp_path / "runs.csv")
    with (
        pytest.raises(InputError, match=r"batch 0 of task .* draws with other code"),
        open_store(path) as store,
    ):
        collect([Task(CASCADE)], store, 0, Stop(max_cycles=100), Elsewhere(code), 1)
    assert read_rows(path) == []


def test_rows_say_which_code_drew_them(tmp_path):
    simulate.collect(CASCADE, tmp_path / "runs.csv", max_cycles=100)
    assert [each.code for each in read_rows(str(tmp_path / "runs.csv"))] == [drawing_code()]


def test_rows_of_other_code_count_only_if_they_can_be_drawn_again(tmp_path):
    path, other = tmp_path / "runs.csv", DrawingCode(DRAWS, "0" * 16)
    right = replace(row(), code=other)
    path.write_text(HEADER + right.to_line())
    [found] = simulate.collect(CASCADE, path, max_cycles=1500)
    assert found.cycles == 1500
    path.write_text(HEADER + replace(right, totals=row(batch=1).totals).to_line())
    before = path.read_bytes()
    with pytest.raises(InputError, match=r"line 2: batch 0 of task .* other code \(draws 2, code 0+\), and comes out"):
        simulate.collect(CASCADE, path, max_cycles=1500)
    assert path.read_bytes() == before


def test_rows_of_another_version_of_the_draws_are_refused_as_such(tmp_path):
    with pytest.raises(InputError, match=f"draws: got {DRAWS + 1}, expected {DRAWS}: drawn by another version"):
        read_row(forged("draws", str(DRAWS + 1)))


# Clusters.


class FakeClient:
    """A cluster of one worker that answers so, or of none."""

    def __init__(self, answer=None):
        self._answer = answer

    def run(self, function, on_error):
        assert on_error == "return"
        return {"tcp://there": self._answer or function()}

    def nthreads(self):
        return {"tcp://there": 1} if self._answer else {}

    def get_executor(self, pure):
        return InThisProcess()


def cluster(answer=None):
    distributed = pytest.importorskip("distributed")
    return Cluster(distributed, FakeClient(answer), "tcp://here")


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (DrawingCode(DRAWS + 1, "x"), "workers: the worker tcp://there draws with other code"),
        (ModuleNotFoundError("No module named 'simulate'"), "tcp://there lacks this version of the package"),
    ],
)
def test_workers_that_would_draw_otherwise_are_refused_before_they_do(answer, message):
    with pytest.raises(InputError, match=message):
        cluster(answer).demand_same_code()
    cluster(drawing_code()).demand_same_code()


def test_a_cluster_that_lost_its_last_worker_ends_the_sweep(tmp_path, monkeypatch):
    class Never(InThisProcess):
        def submit(self, fn, /, *args, **kwargs):
            import concurrent.futures

            return concurrent.futures.Future()

    monkeypatch.setattr("simulate.sweep.cluster.PATIENCE", 0.0)
    path = str(tmp_path / "runs.csv")
    with pytest.raises(InputError, match="the cluster at tcp://here has no workers"), open_store(path) as store:
        collect([Task(CASCADE)], store, 0, Stop(max_cycles=100), Never(), 1, cluster=cluster())


def test_a_batch_that_fails_on_a_cluster_is_said_in_one_line(tmp_path):
    class Failing(InThisProcess):
        def submit(self, fn, /, *args, **kwargs):
            import concurrent.futures

            future = concurrent.futures.Future()
            future.set_exception(RuntimeError("Error during deserialization\nof the task graph"))
            return future

    path = str(tmp_path / "runs.csv")
    with pytest.raises(InputError, match="cannot draw with this version") as caught, open_store(path) as store:
        collect([Task(CASCADE)], store, 0, Stop(max_cycles=100), Failing(), 1, cluster=cluster(drawing_code()))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("address", ["tls://127.0.0.1:9", "nothing", "inproc://x", ""])
def test_addresses_of_no_scheduler_are_refused_in_one_line(address):
    pytest.importorskip("distributed")
    with pytest.raises(InputError, match=f"^dask: got '{address}'") as caught, dask_cluster(address):
        pass
    assert "\n" not in str(caught.value)


# What a row holds.


def test_a_task_of_any_length_survives_writing_and_reading(tmp_path):
    table = {"per_position": [0.5 + i / 10**5 for i in range(20_000)]}
    long = FLAT | {"acceptance": {"t": {"d": table}}, "parameters": {"text": "x" * 200_000}}
    path = tmp_path / "runs.csv"
    [found] = simulate.collect(Task.from_json(long), path, max_cycles=100)
    assert len(Task.from_json(long).canonical) > 131_072
    assert simulate.read_runs(path) == [found]
    assert simulate.collect(Task.from_json(long), path, max_cycles=200)[0].cycles == 200
    assert run("summarise", path, "--json").returncode == 0


RIGHT = row()
HUGE = "9" * 5000


@pytest.mark.parametrize(
    ("column", "text"),
    [
        ("yields", "[1]"),
        ("yields", "{}"),
        ("yields", '{"x":1000}'),
        ("yields", '{"1":"1000"}'),
        ("yields", '{"1":true}'),
        ("yields", '{"1":-1000,"2":2000}'),
        ("yields", '{"1":1.5}'),
        ("yields", '{"77":1000}'),
        ("yields", f'{{"1":{HUGE}}}'),
        ("yields", f'{{"{HUGE}":1}}'),
        ("yields", "{" * 100_000),
        ("calls", "{}"),
        ("calls", "[]"),
        ("calls", '{"t":7}'),
        ("calls", '{"t":{"six":1000}}'),
        ("calls", '{"t":{"6":"1000"},"d":{"1":5000}}'),
        ("calls", '{"t":{"6":1000},"d":{"1":4000}}'),
        ("calls", '{"t":{"6":1000},"e":{"1":5000}}'),
        ("calls", '{"t":{"0":1000},"d":{"1":5000}}'),
        ("calls", '{"t":{"6":-1000},"d":{"1":5000}}'),
        ("ticks", "0"),
        ("ticks", "1"),
        ("ticks", "-1"),
        ("ticks", HUGE),
        ("ticks", "1e9"),
        ("ticks", "\u0661"),
        ("ticks", str(RIGHT.totals.ticks * 2)),
        ("ticks_squared", "0"),
        ("tokens_squared", "1"),
        ("tokens_squared", str(RIGHT.totals.tokens_squared + 1)),
        ("tokens_ticks", "0"),
        ("tokens_ticks", str(RIGHT.totals.tokens_ticks * 3)),
        ("tokens", str(RIGHT.totals.tokens + 1)),
        ("cycles", "999"),
        ("blocks", "0"),
        ("blocks", "1001"),
        ("blocks", HUGE),
        ("seed", HUGE),
        ("batch", ""),
        ("parameters", "[]"),
        ("parameters", '{"ewif":1}'),
        ("draws", "x"),
        ("task", "{}"),
        ("task", "[" * 100_000),
        ("task", 'a"b'),
    ],
)
def test_wrong_sums_with_a_right_checksum_are_refused_in_one_line(tmp_path, column, text):
    path = tmp_path / "runs.csv"
    path.write_text(HEADER + forged(column, text) + "\n", encoding="utf-8")
    with pytest.raises(InputError, match="line 2") as caught:
        simulate.read_runs(path)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500


def test_what_is_forged_above_is_right_as_long_as_nothing_is_changed(tmp_path):
    path = tmp_path / "runs.csv"
    for task in (FLAT, NESTED, {**FLAT, "generation": {"tokens": 20}}):
        right = row(task)
        path.write_text(HEADER + sealed(as_cells(right.to_line().rstrip("\n"))[:-1]) + "\n")
        assert read_rows(str(path)) == [right]


@pytest.mark.parametrize(
    "name", ['=HYPERLINK("http://x","y")', "+1", "-1+2", "@SUM(A1)", "'=1", "''+", "'plain", "a=b"]
)
def test_no_name_is_a_formula_in_the_file_and_every_name_comes_back(tmp_path, name):
    path = tmp_path / "runs.csv"
    simulate.collect({name: CASCADE}, path, max_cycles=100)
    cell = as_cells(path.read_text().splitlines()[1])[COLUMNS.index("name")]
    assert cell[0] not in "=+-@\t\r"
    assert simulate.read_runs(path)[0].name == name


# The file.


@pytest.mark.parametrize("happens", ["removed", "renamed", "replaced", "truncated", "written to"])
def test_a_file_that_changes_while_rows_are_written_ends_the_sweep(tmp_path, happens):
    path = tmp_path / "runs.csv"

    def befalls():
        if happens == "removed":
            path.unlink()
        elif happens == "renamed":
            path.rename(tmp_path / "other.csv")
        elif happens == "replaced":
            (tmp_path / "new.csv").write_text(HEADER)
            os.replace(tmp_path / "new.csv", path)
        elif happens == "truncated":
            path.write_text("")
        else:
            with path.open("a") as file:
                file.write("x\n")

    class Accident(InThisProcess):
        calls = 0

        def submit(self, fn, /, *args, **kwargs):
            self.calls += 1
            if self.calls == 3:
                befalls()
            return super().submit(fn, *args, **kwargs)

    words = {"removed": "removed or renamed", "renamed": "removed or renamed", "replaced": "replaced by another file"}
    message = rf"was {words.get(happens, 'changed by another process')} while rows were being written.* 2 rows"
    with pytest.raises(InputError, match=message), open_store(str(path)) as store:
        collect([Task(CASCADE)], store, 0, Stop(max_cycles=10**6), Accident(), 1)


def test_a_file_removed_after_the_last_row_is_noticed_as_well(tmp_path):
    path = tmp_path / "runs.csv"

    def written_and_removed():
        with open_store(str(path)) as store:
            store.append([row()])
            path.unlink()

    with pytest.raises(InputError, match="was removed or renamed"):
        written_and_removed()


@pytest.mark.parametrize("out", ["/dev/full", "/dev/zero", "pipe"])
def test_pipes_and_devices_are_no_results_files(tmp_path, out):
    path = tmp_path / "pipe" if out == "pipe" else out
    if out == "pipe":
        os.mkfifo(path)
    for call in (
        lambda: read_rows(str(path)),
        lambda: simulate.collect(CASCADE, path, max_cycles=100),
    ):
        with pytest.raises(InputError, match=r"is a (pipe|device or socket), expected a file of results"):
            call()
    done = run("merge", path, "--out", tmp_path / "all.csv")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)


def test_line_ends_of_another_system_change_nothing(tmp_path):
    path = tmp_path / "runs.csv"
    [before] = simulate.collect(CASCADE, path, max_cycles=20_000)
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert simulate.read_runs(path) == [before]
    [after] = simulate.collect(CASCADE, path, max_cycles=40_000)
    assert after.cycles == 40_000
    assert simulate.read_runs(path) == [after]


@pytest.mark.parametrize(
    "change",
    [
        lambda line: ",".join(f'"{cell}"' for cell in line.split(",")),
        lambda line: line.replace(",", ";"),
        lambda line: line.replace(",", "\t"),
        lambda line: "\ufeff" + line,
    ],
    ids=["quoted", "semicolons", "tabs", "byte order mark"],
)
def test_a_file_saved_by_a_spreadsheet_is_refused_as_such(tmp_path, change):
    path = tmp_path / "runs.csv"
    path.write_text(change(HEADER.rstrip("\n")) + "\n" + RIGHT.to_line(), encoding="utf-8")
    with pytest.raises(InputError, match=r"line 1: cells are quoted or separated otherwise .* spreadsheet"):
        read_rows(str(path))


def first_version(right):
    cells = dict(zip(COLUMNS, as_cells(right.to_line().rstrip("\n")), strict=True)) | {"schema": FIRST_SCHEMA}
    return FIRST_HEADER + sealed([cells[column] for column in FIRST_HEADER.rstrip("\n").split(",")[:-1]]) + "\n"


def test_files_of_the_first_version_are_read_and_brought_up_to_date_by_merging(tmp_path):
    old, new = tmp_path / "old.csv", tmp_path / "new.csv"
    old.write_text(first_version(RIGHT))
    [found] = read_rows(str(old))
    assert replace(found, code=RIGHT.code) == RIGHT
    with pytest.raises(InputError, match=r"old\.csv: was written by an earlier version .* merge"):
        simulate.collect(CASCADE, old, max_cycles=2000)
    assert run("merge", old, "--out", new).returncode == 0
    assert new.read_text().splitlines()[1].startswith(SCHEMA)
    assert simulate.collect(CASCADE, new, max_cycles=2000)[0].cycles == 2000


# Progress.


def test_progress_is_the_share_of_the_work_that_is_done():
    """Errors fall with the square root of the cycles, so a quarter of them gives twice the error."""
    quarter = simulate.estimate(CASCADE, cycles=10_000)
    stop = Stop(target_error=quarter.half_width / 2 / quarter.ewif)
    assert share_done(quarter, stop) == pytest.approx(0.25)
    assert share_done(quarter, Stop(max_cycles=40_000)) == 0.25
    assert share_done(quarter, Stop(max_cycles=10_000)) == 1
    assert share_done(None, stop) == 0
    with Bar(2, stop, shown=False) as bar:
        bar.advance("one", None, quarter)
        assert bar.share == pytest.approx(0.125)
        bar.advance("one", quarter, simulate.estimate(CASCADE, cycles=10**6))
        assert bar.share == pytest.approx(0.5)


def test_a_closed_output_is_refused_before_anything_is_done(tmp_path):
    path = tmp_path / "runs.csv"
    done = collected(write_tasks(tmp_path, [FLAT]), path, "--max-cycles", "9", preexec_fn=lambda: os.close(1))
    assert done.returncode == 2
    assert done.stderr == "error: standard output: is closed, expected somewhere to print to\n"
    assert not path.exists()


def test_traces_of_endless_brackets_are_refused_in_one_line(tmp_path):
    from simulate.replay import read_traces

    path = tmp_path / "traces.jsonl"
    path.write_text("[" * 100_000 + "\n")
    with pytest.raises(InputError, match="nested too deeply"):
        read_traces(path)
