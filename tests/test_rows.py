"""The rows of a run: written as they come, gone on with after any death of the writer, never mixed with others."""

import json
import os
import random

import pytest

from analysis.model import InputError
from analysis.model.boundary.journal import rows_file

EXPECTED = [{"id": i, "task": "x"} for i in range(4)]


def write(path, first=0, end=4):
    with rows_file(str(path), EXPECTED) as file:
        for i in range(max(first, len(file.rows)), end):
            file.append({"id": i, "task": "x", "text": f"{i} é\n"})
        return list(file.rows)


def ids(path):
    return [json.loads(line)["id"] for line in path.read_text().splitlines()]


def test_the_file_appears_with_its_first_row(tmp_path):
    path = tmp_path / "rows.jsonl"
    with rows_file(str(path), EXPECTED):
        pass
    assert not path.exists()
    with rows_file(str(path), EXPECTED) as file:
        file.append({"id": 0, "task": "x"})
        assert ids(path) == [0], "it can be read while the run goes on"


def test_wherever_the_writer_dies_the_next_one_ends_with_the_same_file(tmp_path, capsys):
    whole = tmp_path / "whole.jsonl"
    write(whole)
    content = whole.read_bytes()
    ends = [i + 1 for i, byte in enumerate(content) if byte == ord("\n")]
    for size in {*ends, 0, 1, *random.Random(0).sample(range(len(content)), 20)}:
        path = tmp_path / f"{size}.jsonl"
        path.write_bytes(content[:size])
        found = write(path)
        assert path.read_bytes() == content
        assert [row["id"] for row in found] == [0, 1, 2, 3]
        said = capsys.readouterr().err
        assert ("cut off a torn last row" in said) == (size not in (0, *ends))
        kept = sum(end <= size for end in ends)
        assert (f"goes on after {kept} of 4 rows" in said) == (kept > 0)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"id": 1, "task": "x"}\n', r"line 1: id is 1, expected 0: rows of another run, name another file"),
        ('{"id": 0, "task": "x"}\n{"id": 1}\n', "line 2: task is None, expected 'x'"),
        ("[1]\n", "line 1: is no row"),
        ("hello\n", "malformed JSON at line 1"),
        ("\n", "malformed JSON at line 1"),
        ('{"id": 0, "task": "x"}\n' * 5, "has 5 rows, expected at most the 4 of this run"),
    ],
)
def test_other_files_are_refused_by_line_and_left_as_they_are(tmp_path, content, message):
    path = tmp_path / "rows.jsonl"
    path.write_text(content + '{"torn')
    with pytest.raises(InputError, match=message):
        write(path)
    assert path.read_text() == content + '{"torn'


@pytest.mark.parametrize("before", ["", '{"id": 0, "task": "x"}\n', '{"id": 0, "task": "x"}\n' * 4])
@pytest.mark.parametrize("torn", ["hello", '{"target": "t"}', '{"id": 7, "task": "x"', '{"id": 10'])
def test_what_is_no_row_cut_short_is_refused_and_never_cut_off(tmp_path, before, torn):
    """A file named by mistake, of one line without an end, must not be emptied."""
    path = tmp_path / "rows.jsonl"
    expected = [{"id": 0, "task": "x"}] * 4
    path.write_text(before + torn)
    line = before.count("\n") + 1
    with pytest.raises(InputError, match=f"line {line}: is no row of this run"), rows_file(str(path), expected):
        pass
    assert path.read_text() == before + torn


def test_bytes_that_are_no_text_are_refused(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b"\xff\n")
    with pytest.raises(InputError, match=r"rows.jsonl, line 1: not UTF-8 text"):
        write(path)


def test_a_second_writer_is_refused(tmp_path):
    path = str(tmp_path / "rows.jsonl")
    with rows_file(path, EXPECTED) as first, rows_file(path, EXPECTED) as second:
        first.append({"id": 0, "task": "x"})
        with pytest.raises(InputError, match="cannot be written: File exists"):
            second.append({"id": 0, "task": "x"})
        with pytest.raises(InputError, match="another process is writing to this file"), rows_file(path, EXPECTED):
            pass
    assert write(tmp_path / "rows.jsonl", first=1)[0]["id"] == 0


def test_a_full_disk_leaves_the_earlier_rows_intact(tmp_path, monkeypatch):
    path = tmp_path / "rows.jsonl"
    write(path, end=2)
    before = path.read_bytes()
    real = os.write

    def full(descriptor, content):
        real(descriptor, content[:5])
        raise OSError(28, "No space left on device")

    with rows_file(str(path), EXPECTED) as file:
        monkeypatch.setattr(os, "write", full)
        with pytest.raises(InputError, match="No space left on device; the 2 earlier rows are intact"):
            file.append({"id": 2, "task": "x"})
    assert path.read_bytes() == before


def test_a_pipe_or_device_is_written_to_and_not_read(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        assert [row["id"] for row in write(pipe)] == [0, 1, 2, 3]
        assert os.read(reader, 10**6).count(b"\n") == 4
    finally:
        os.close(reader)
    write("/dev/null")


def test_places_that_cannot_be_written_are_refused_before_anything_is_done(tmp_path):
    with pytest.raises(InputError, match="is a folder, expected a file name"):
        write(tmp_path)
    with pytest.raises(InputError, match=r"none/rows.jsonl: the folder .*none does not exist"):
        write(tmp_path / "none" / "rows.jsonl")


@pytest.mark.parametrize("tail", [b"\0" * 50, b'{"id": 1, "ta\0\0\0\0', b'{"id": 1, "ta\0\0\0\0\n'])
def test_nuls_that_a_loss_of_power_left_are_a_torn_row(tmp_path, tail, capsys):
    path = tmp_path / "rows.jsonl"
    write(path, end=1)
    with path.open("ab") as file:
        file.write(tail)
    write(path)
    assert ids(path) == [0, 1, 2, 3]
    assert f"cut off a torn last row of {len(tail)} bytes" in capsys.readouterr().err


@pytest.mark.parametrize("when", ["before a row", "after the last"])
@pytest.mark.parametrize("replace", [False, True])
def test_a_file_removed_or_replaced_during_the_run_is_noticed(tmp_path, when, replace):
    path = tmp_path / "rows.jsonl"

    def run():
        with rows_file(str(path), EXPECTED) as file:
            file.append(EXPECTED[0])
            path.unlink()
            if replace:
                path.write_text("another's")
            if when == "before a row":
                file.append(EXPECTED[1])
                pytest.fail("the row went nowhere")

    happened = "replaced by another file" if replace else "removed or renamed"
    with pytest.raises(InputError, match=f"was {happened} while .*; the 1 rows it held went with it"):
        run()


def test_a_file_that_another_program_writes_to_is_noticed(tmp_path):
    path = tmp_path / "rows.jsonl"

    def run():
        with rows_file(str(path), EXPECTED) as file:
            file.append(EXPECTED[0])
            path.write_text("x")

    with pytest.raises(InputError, match="was changed by another process while rows were being written"):
        run()
