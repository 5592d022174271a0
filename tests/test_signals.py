"""SIGTERM ends a command like Ctrl-C: with a word, its files closed or removed, and a status that tells."""

import signal
import subprocess
import sys

import pytest

SCRIPT = (
    "import sys, time\nfrom analysis.model import exit_with, whole_file\n"
    "def main():\n    with whole_file(sys.argv[1]) as file:\n        print('ready', flush=True)\n"
    "        time.sleep(60)\n    return 0\n"
    "exit_with(main)\n"
)


@pytest.mark.parametrize(
    ("number", "word", "status"), [(signal.SIGTERM, "terminated\n", 143), (signal.SIGINT, "interrupted\n", 130)]
)
def test_a_signal_ends_a_command_with_a_word(tmp_path, number, word, status):
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, tmp_path / "out"], text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout.readline() == "ready\n"
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    assert (process.returncode, said) == (status, word)
    assert list(tmp_path.iterdir()) == []
