"""Files in and out: bounded, whole or not at all, and refused before the work that would fill them."""

import gzip
import os
import subprocess
import sys
import threading

import pytest

from analysis.model import InputError, demand_place, read_bytes, read_text, whole_file
from analysis.model.boundary import reading as files


def test_a_device_is_no_input():
    for device in ("/dev/full", "/dev/zero", "/dev/null"):
        with pytest.raises(InputError, match="is a device, expected a file or a pipe"):
            read_text(device)


def test_what_unpacks_to_more_than_any_file_of_ours_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "MOST_BYTES", 1000)
    path = tmp_path / "bomb.gz"
    path.write_bytes(gzip.compress(b"a" * 1000))
    assert len(read_bytes(path)) == 1000
    path.write_bytes(gzip.compress(b"a" * 1001))
    with pytest.raises(InputError, match="holds more than 1000 bytes"):
        read_bytes(path)
    (tmp_path / "long").write_bytes(b"a" * 1001)
    with pytest.raises(InputError, match="holds more than 1000 bytes"):
        read_bytes(tmp_path / "long")


def test_a_pipe_is_read(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_text, args=("hello\n",))
    writer.start()
    assert read_text(pipe) == "hello\n"
    writer.join()


@pytest.mark.parametrize("open_output", [demand_place, lambda path: whole_file(path).__enter__()])
def test_what_cannot_be_written_is_refused_at_once(tmp_path, open_output):
    not_text = os.fsdecode(os.fsencode(tmp_path) + b"/\xff.json")
    (tmp_path / "file").touch()
    for place, message in (
        ("/dev/full", "is a device, expected a file name"),
        (tmp_path, "is a folder, expected a file name"),
        (tmp_path / "nowhere" / "x", "the folder .* does not exist"),
        (tmp_path / "file" / "x", "cannot be written: Not a directory"),
        (not_text, r"\\udcff.json: the name is not UTF-8 text"),
    ):
        with pytest.raises(InputError, match=message):
            open_output(str(place))
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_pipe_that_nobody_reads_is_no_output(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="nobody reads from this pipe"), whole_file(tmp_path / "pipe"):
        pass


def test_a_pipe_with_a_reader_is_written_to(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    with whole_file(pipe) as file:
        file.write("hello")
    assert os.read(reader, 100) == b"hello"
    os.close(reader)


def test_a_full_disk_is_one_line_and_leaves_the_old_file(tmp_path):
    """The limit of a process on the size of its files stands for the disk."""
    (tmp_path / "out").write_text("old")
    script = (
        "import resource, signal, sys\nfrom analysis.model import exit_with, whole_file\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\nresource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "def main():\n    with whole_file(sys.argv[1]) as file:\n        file.write('x' * 2000)\n    return 0\n"
        "exit_with(main)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, tmp_path / "out"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, f"error: {tmp_path}/out: cannot be written: File too large\n")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("out", "old")]


def test_what_a_killed_process_left_is_removed_and_what_a_living_one_writes_is_not(tmp_path):
    script = (
        "import os, sys\nfrom analysis.model import whole_file\nwith whole_file(sys.argv[1]) as file:\n"
        "    file.write('lost')\n    file.flush()\n    os._exit(1)\n"
    )
    out = tmp_path / "out"
    subprocess.run([sys.executable, "-c", script, out], check=False)
    assert len(list(tmp_path.iterdir())) == 1
    with whole_file(out) as first:
        assert len(list(tmp_path.iterdir())) == 1, "the killed one's is gone, ours is there"
        with whole_file(out) as second:
            second.write("second")
        first.write("first")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("out", "first")]
