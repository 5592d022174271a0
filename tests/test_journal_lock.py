"""The lock of journals: one writer, and a name that still leads to the file."""

import os
import subprocess
import sys

import pytest

from analysis.model import InputError
from analysis.model.boundary.lock import is_still, open_alone

FLAGS = os.O_RDWR | os.O_CREAT | os.O_APPEND


def test_one_process_at_a_time_holds_a_file_and_gives_it_back_by_closing(tmp_path):
    path = tmp_path / "rows"
    other = (
        "import os, sys\nfrom analysis.model import InputError\nfrom analysis.model.boundary.lock import open_alone\n"
        f"try:\n    open_alone(sys.argv[1], {FLAGS})\nexcept InputError as error:\n    print(error)\n"
    )

    def tried() -> str:
        return subprocess.run([sys.executable, "-c", other, path], capture_output=True, text=True, check=True).stdout

    descriptor = open_alone(path, FLAGS)
    os.write(descriptor, b"mine")
    assert "another process is writing to this file, expected one writer at a time" in tried()
    os.close(descriptor)
    assert tried() == ""
    assert path.read_bytes() == b"mine"


def test_a_file_that_lost_its_name_is_noticed(tmp_path):
    path = tmp_path / "rows"
    descriptor = open_alone(path, FLAGS)
    assert is_still(path, descriptor)
    path.rename(tmp_path / "elsewhere")
    assert not is_still(path, descriptor)
    path.write_text("another")
    assert not is_still(path, descriptor)
    os.close(descriptor)


def test_what_cannot_be_opened_is_said(tmp_path):
    with pytest.raises(InputError, match=r"the folder .*nowhere does not exist"):
        open_alone(tmp_path / "nowhere" / "rows", FLAGS)
    with pytest.raises(InputError, match="cannot be written: Is a directory"):
        open_alone(tmp_path, FLAGS)
