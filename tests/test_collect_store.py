"""The results file under every accident: torn and corrupt rows, two writers, full disks, kills at any moment."""

import errno
import hashlib
import multiprocessing
import os
import random
import resource
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
from sweeps import FLAT, SWEEP, collected, command, facts, run, summary_of, write_tasks

from analysis.model import InputError
from analysis.model.boundary import lock as journal_lock
from analysis.model.boundary.provenance import provenance
from simulate.sweep import store as store_module
from simulate.sweep.collect import collect
from simulate.sweep.rows import COLUMNS, HEADER, Row
from simulate.sweep.schedule import Stop
from simulate.sweep.store import open_store, read_rows
from simulate.sweep.task import Task
from simulate.sweep.workers import InThisProcess, processes

TIGHT = ("--target-error", "0.002", "--workers", "2")


def row(batch=0, task=FLAT):
    made = Task.from_json(task)
    return Row(made, 0, batch, made.sampler().draw((0, made.id, batch), 1000), provenance())


@pytest.fixture
def path(tmp_path):
    """A results file of three rows."""
    target = tmp_path / "runs.csv"
    with open_store(str(target)) as store:
        for batch in range(3):
            store.append([row(batch)])
    return target


def test_every_torn_end_of_the_last_row_is_cut_off_and_reported(path, capsys):
    whole = path.read_bytes()
    start = whole.rstrip(b"\n").rfind(b"\n") + 1
    for cut in [*range(start + 1, len(whole), 37), len(whole) - 1]:
        path.write_bytes(whole[:cut])
        with open_store(str(path)) as store:
            assert len(store.rows) == 2
        assert f"cut off a torn last row of {cut - start} bytes" in capsys.readouterr().err
        assert path.read_bytes() == whole[:start]


def test_a_torn_header_is_written_anew(path, capsys):
    path.write_bytes(HEADER.encode()[:20])
    with open_store(str(path)) as store:
        store.append([row()])
    assert "torn" in capsys.readouterr().err
    assert [r.batch for r in read_rows(str(path))] == [0]


FOREIGN = [
    b'{"target": "t", "models": {"t": {"cost": 1}}, "draft": []}',
    b"a,b,c",
    b"schemata of one line",
    b"\0" * 10**4,
    b"\0\0\0\0image",
]


@pytest.mark.parametrize("content", FOREIGN, ids=["JSON", "CSV", "nearly a header", "NULs", "binary"])
def test_a_foreign_file_without_a_line_end_is_refused_and_left_as_it_is(tmp_path, content):
    victim = tmp_path / "victim"
    victim.write_bytes(content)
    with pytest.raises(InputError, match=r"victim line 1: got .*not a results file"), open_store(str(victim)):
        pass
    with pytest.raises(InputError, match=r"victim line 1: got .*not a results file"):
        read_rows(str(victim))
    assert victim.read_bytes() == content


@pytest.mark.parametrize("tail", [b"my notes", b"cascade-ewif-batches-9,", b"notes\0\0"])
def test_a_foreign_tail_is_refused_by_line_number_and_left_as_it_is(path, tail):
    path.write_bytes(path.read_bytes() + tail)
    before = path.read_bytes()
    with pytest.raises(InputError, match=r"line 5: got .*expected a row"), open_store(str(path)):
        pass
    assert path.read_bytes() == before


def test_the_file_of_tasks_is_no_place_for_results(tmp_path):
    tasks = write_tasks(tmp_path, [FLAT])
    for content in (tasks.read_bytes(), tasks.read_bytes().rstrip()):
        tasks.write_bytes(content)
        done = collected(tasks, tasks, "--max-cycles", "100")
        assert (done.returncode, done.stdout) == (2, "")
        assert tasks.read_bytes() == content


@pytest.mark.parametrize("kept", [0, 8, 300])
@pytest.mark.parametrize("end", [b"", b"end\n"], ids=["no line end", "with the row's end"])
def test_a_row_that_a_power_cut_filled_with_nuls_is_cut_off(path, capsys, kept, end):
    """Blocks of a file may reach the disk in any order, so the row's end may be there without its middle."""
    whole = path.read_bytes()
    start = whole.rstrip(b"\n").rfind(b"\n") + 1
    path.write_bytes(whole[: start + kept] + b"\0" * 512 + end)
    with open_store(str(path)) as store:
        assert len(store.rows) == 2
    assert "cut off a torn last row" in capsys.readouterr().err
    assert path.read_bytes() == whole[:start]


def test_a_header_of_nuls_is_written_anew(path, capsys):
    path.write_bytes(HEADER.encode()[:20] + b"\0" * 30)
    with open_store(str(path)) as store:
        store.append([row()])
    assert "torn" in capsys.readouterr().err
    assert [r.batch for r in read_rows(str(path))] == [0]


def test_a_row_of_too_few_columns_is_refused_by_line_number(path):
    body = path.read_text().splitlines()[1].rpartition(",")[0].rpartition(",")[0]
    path.write_text(f"{HEADER}{body},{hashlib.sha256(body.encode()).hexdigest()[:16]}\n")
    with pytest.raises(InputError, match=f"line 2: got {len(COLUMNS) - 1} columns, expected {len(COLUMNS)}"):
        read_rows(str(path))


def test_a_file_replaced_between_opening_and_locking_is_not_written_to(path, monkeypatch):
    """Rows would go to the old file, which no longer has a name."""
    other = path.with_name("other.csv")
    shutil.copy(path, other)
    really_lock = journal_lock.fcntl.flock

    def replaced_first(descriptor, how):
        os.replace(other, path)
        return really_lock(descriptor, how)

    monkeypatch.setattr(journal_lock.fcntl, "flock", replaced_first)
    with pytest.raises(InputError, match="was replaced by another process just now"), open_store(str(path)):
        pass


def test_the_name_of_a_new_file_is_on_the_disk_before_its_first_row(tmp_path, monkeypatch):
    synced = []
    really_sync = os.fsync

    def watched(descriptor):
        synced.append(os.path.realpath(f"/proc/self/fd/{descriptor}"))
        really_sync(descriptor)

    monkeypatch.setattr(store_module.os, "fsync", watched)
    with open_store(str(tmp_path / "runs.csv")):
        assert os.path.realpath(tmp_path) in synced


def test_reading_leaves_a_torn_row_in_place_and_out_of_the_summary(path, capsys):
    path.write_bytes(path.read_bytes()[:-10])
    before = path.read_bytes()
    assert len(read_rows(str(path))) == 2
    assert "left out a torn last row" in capsys.readouterr().err
    assert path.read_bytes() == before


@pytest.mark.parametrize("line", [2, 3, 4])
def test_any_changed_byte_of_a_row_is_refused_by_line_number(path, line):
    lines = path.read_bytes().split(b"\n")
    good = lines[line - 1]
    for at in range(0, len(good), 23):
        lines[line - 1] = good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :]
        if b"\n" in lines[line - 1]:
            continue
        path.write_bytes(b"\n".join(lines))
        with pytest.raises(InputError, match=f"line {line}"):
            read_rows(str(path))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda lines: ["a,b,c", *lines[1:]], "line 1: got 'a,b,c' for a header"),
        (lambda lines: [lines[0], "other-schema-9,1,2", *lines[1:]], "line 2: got 'other-schema-9' for a schema"),
        (lambda lines: [*lines, lines[1]], "line 5: the same batch as in line 2"),
        (lambda lines: [lines[0], "", *lines[1:]], "line 2"),
        (lambda lines: [lines[0], *lines[2:]], None),
    ],
    ids=["foreign header", "foreign row", "doubled row", "empty row", "missing row"],
)
def test_files_that_are_not_ours_are_refused_by_line_number(path, change, message):
    path.write_text("\n".join(change(path.read_text().splitlines())) + "\n")
    if message is None:  # whole by itself, but not the beginning of any sweep
        with open_store(str(path)) as store, pytest.raises(InputError, match="batch 0 of task"):
            collect([Task.from_json(FLAT)], store, 0, Stop(max_cycles=10**6), InThisProcess(), 1)
        return
    before = path.read_bytes()
    with pytest.raises(InputError, match=message), open_store(str(path)):
        pass
    assert path.read_bytes() == before


def test_a_row_whose_task_is_not_the_one_it_names_is_refused(path):
    forged = row()
    forged.task.__dict__["id"] = "0" * 64
    path.write_text(HEADER + forged.to_line())
    with pytest.raises(InputError, match=r"line 2\.task_id: got 000000000000\.\.\., the row's task has"):
        read_rows(str(path))


def test_a_second_writer_is_refused_and_the_first_goes_on(tmp_path):
    tasks, out = write_tasks(tmp_path, [FLAT]), tmp_path / "runs.csv"
    with open_store(str(out)) as store:
        done = collected(tasks, out, "--max-cycles", "1000")
        assert (done.returncode, done.stdout) == (2, "")
        assert "another process is writing to this file" in done.stderr
        store.append([row()])
    assert len(read_rows(str(out))) == 1


@pytest.mark.parametrize("written", [0, 1, 500])
def test_a_full_disk_is_a_clear_error_and_leaves_earlier_rows_intact(path, monkeypatch, written):
    before = path.read_bytes()
    really_write = os.write

    def write_some(descriptor, content):
        if written and not write_some.done:
            write_some.done = True
            return really_write(descriptor, content[:written])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    write_some.done = False
    with open_store(str(path)) as store:
        monkeypatch.setattr(store_module.os, "write", write_some)
        with pytest.raises(InputError, match="No space left on device; the 3 earlier rows are intact"):
            store.append([row(3)])
        monkeypatch.undo()
    assert path.read_bytes() == before


def test_of_several_rows_those_before_the_disk_was_full_stay(path, monkeypatch):
    really_write = os.write
    rows = [row(3), row(4)]

    def write_one(descriptor, content):
        if content == rows[1].to_line().encode():
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return really_write(descriptor, content)

    with open_store(str(path)) as store:
        monkeypatch.setattr(store_module.os, "write", write_one)
        with pytest.raises(InputError, match="the 4 earlier rows are intact"):
            store.append(rows)
        monkeypatch.undo()
    assert [r.batch for r in read_rows(str(path))] == [0, 1, 2, 3]


def test_a_sweep_that_hits_a_size_limit_can_go_on_when_there_is_room(tmp_path):
    """The kernel's own limit on file sizes stands in for a full disk: writes really fail half way."""
    tasks, out, free = write_tasks(tmp_path), tmp_path / "runs.csv", tmp_path / "free.csv"

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (6000, 6000))

    options = ("--target-error", "0.005", "--workers", "1")
    assert collected(tasks, free, *options).returncode == 0
    done = collected(tasks, out, *options, preexec_fn=limit)
    assert done.returncode == 2
    assert "cannot be written: File too large" in done.stderr
    assert "Traceback" not in done.stderr
    assert len(read_rows(str(out))) > 2
    assert collected(tasks, out, *options).returncode == 0
    assert facts(out) == facts(free)


@pytest.mark.parametrize("folder", ["/proc", "/sys"])
@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs the folders of Linux that nobody can write to")
def test_a_folder_that_cannot_be_written_to_is_a_clear_error(tmp_path, folder):
    done = collected(write_tasks(tmp_path, [FLAT]), f"{folder}/runs.csv")
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: --out: {folder}/runs.csv: cannot be written: ")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("reason", [errno.EACCES, errno.EROFS, errno.EISDIR])
def test_a_folder_where_nothing_may_be_written_is_a_clear_error(tmp_path, monkeypatch, reason):
    """Root may write anywhere, so the refusal is made here."""

    def refused(*_):
        raise OSError(reason, os.strerror(reason))

    monkeypatch.setattr(journal_lock.os, "open", refused)
    message = f"runs.csv: cannot be written: {os.strerror(reason)}"
    with pytest.raises(InputError, match=message), open_store(str(tmp_path / "runs.csv")):
        pass


def test_a_missing_folder_is_a_clear_error(tmp_path):
    done = collected(write_tasks(tmp_path, [FLAT]), tmp_path / "no" / "runs.csv")
    assert done.returncode == 2
    assert "the folder" in done.stderr


# Kills.


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("uninterrupted")
    tasks, out = write_tasks(folder), folder / "runs.csv"
    started = time.monotonic()
    assert collected(tasks, out, *TIGHT).returncode == 0
    return tasks, out, time.monotonic() - started


def check_kills(uninterrupted, out, kills, seed):
    """Start the sweep again and again, each time killing it at a random moment; begin anew whenever it gets through."""
    tasks, straight, seconds = uninterrupted
    generator, landed = random.Random(seed), 0
    while landed < kills:
        process = subprocess.Popen(
            command("collect", tasks, "--out", out, *TIGHT),
            stderr=subprocess.DEVNULL,
            cwd=Path(__file__).parent.parent,
        )
        try:
            process.wait(generator.uniform(0.2, seconds))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            landed += 1
        else:
            assert facts(out) == facts(straight)
            out.unlink()
    done = collected(tasks, out, *TIGHT)
    assert done.returncode == 0, done.stderr
    assert facts(out) == facts(straight)  # no row lost, none doubled
    assert summary_of(out) == summary_of(straight)


def test_a_sweep_killed_at_a_few_random_moments_ends_as_if_nothing_had_happened(uninterrupted, tmp_path):
    check_kills(uninterrupted, tmp_path / "runs.csv", 4, seed=1)


@pytest.mark.slow
def test_a_sweep_killed_at_a_hundred_random_moments_ends_as_if_nothing_had_happened(uninterrupted, tmp_path):
    check_kills(uninterrupted, tmp_path / "runs.csv", 100, seed=2)


def test_workers_do_not_outlive_a_killed_sweep(tmp_path):
    endless = write_tasks(tmp_path, SWEEP)
    process = subprocess.Popen(
        command("collect", endless, "--out", tmp_path / "runs.csv", "--target-error", "0.000001", "--workers", "2"),
        stderr=subprocess.DEVNULL,
        cwd=Path(__file__).parent.parent,
    )
    children: list[int] = []
    waited = time.monotonic()
    while len(children) < 3 and time.monotonic() - waited < 60:  # two workers and their resource tracker
        time.sleep(0.05)
        children = _children(process.pid)
    process.kill()
    process.wait()
    assert len(children) >= 3
    assert _end(children)


def _children(pid: int) -> list[int]:
    threads = Path(f"/proc/{pid}/task").iterdir()
    return [int(child) for thread in threads for child in (thread / "children").read_text().split()]


def _end(pids: list[int]) -> bool:
    waited = time.monotonic()
    while any(_alive(pid) for pid in pids) and time.monotonic() - waited < 60:
        time.sleep(0.05)
    return not any(_alive(pid) for pid in pids)


def _alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_ctrl_c_leaves_whole_rows_and_says_so(tmp_path):
    out = tmp_path / "runs.csv"
    process = subprocess.Popen(
        command("collect", write_tasks(tmp_path), "--out", out, "--target-error", "0.000001", "--workers", "1"),
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parent.parent,
    )
    while not out.exists() or out.stat().st_size < 3 * len(HEADER):
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "interrupted" in errors
    assert "Traceback" not in errors
    assert read_rows(str(out))


# A cycle of these holds up to two million rounds, nearly all of which are drawn.
DEEP = {
    "target": "t",
    "models": {"t": {"cost": 1}, **{name: {"cost": 0.01} for name in "abcd"}},
    "acceptance": {"t": {"a": 0.05}, "a": {"b": 0.05}, "b": {"c": 0.05}, "c": {"d": 0.05}},
    "draft": [
        {
            "by": "a",
            "until": 100,
            "draft": [
                {"by": "b", "until": 100, "draft": [{"by": "c", "until": 100, "draft": [{"by": "d", "tokens": 1}]}]}
            ],
        }
    ],
}


def started(folder, task, workers):
    """A sweep without end that has drawn its first batches."""
    out = folder / "runs.csv"
    arguments = ("collect", write_tasks(folder, [task]), "--out", out, "--target-error", "1e-9", "--workers", workers)
    process = subprocess.Popen(command(*arguments), stderr=subprocess.PIPE, text=True, cwd=Path(__file__).parent.parent)
    while not out.exists() or out.stat().st_size < 3 * len(HEADER):
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.05)
    return process, out


@pytest.mark.parametrize("workers", [1, 2])
def test_ctrl_c_ends_a_sweep_of_deep_drafts(tmp_path, workers):
    """Also with workers that have a minute of blocks under way: the limit in time is only there to end the test."""
    process, out = started(tmp_path, DEEP, workers)
    children = _children(process.pid)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in errors
    assert read_rows(str(out))
    assert _end(children)


def test_a_killed_worker_is_said_in_one_line_and_the_sweep_can_go_on(tmp_path):
    process, out = started(tmp_path, DEEP, 2)
    workers = [pid for pid in _children(process.pid) if "spawn_main" in Path(f"/proc/{pid}/cmdline").read_text()]
    os.kill(workers[0], signal.SIGKILL)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 2
    assert errors.splitlines()[-1].startswith(
        "error: --workers: a worker process died (out of memory?); the rows so far"
    )
    assert "Traceback" not in errors
    rows = len(read_rows(str(out)))
    assert rows > 0
    done = collected(tmp_path / "tasks.jsonl", out, "--max-seconds", "0.1", "--workers", "1")
    assert done.returncode == 0, done.stderr
    assert len(read_rows(str(out))) > rows


def test_an_interrupted_sweep_terminates_its_workers():
    """They sleep for longer than the test may take."""

    def interrupted():
        with processes(2) as pool:
            pool.submit(time.sleep, 0).result()
            pool.submit(time.sleep, 10**6)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert not multiprocessing.active_children()


def test_workers_leave_ctrl_c_to_the_sweep():
    """A terminal sends it to all of them, also to those that are only starting."""
    with processes(2) as pool:
        for worker in multiprocessing.active_children():
            os.kill(worker.pid, signal.SIGINT)
        assert pool.submit(os.getpid).result() != os.getpid()


def test_the_file_can_be_read_on_any_machine(tmp_path, path):
    """A copy, without the tasks it came from, is all that a summary needs."""
    shutil.copy(path, tmp_path / "copy.csv")
    assert '"cycles": 3000' in run("summarise", tmp_path / "copy.csv", "--json").stdout
