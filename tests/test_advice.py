"""Advice: a warning in Python, one line on stderr in a command line, said once."""

import subprocess
import sys
import warnings

import pytest

from analysis.model import Advice, advise
from analysis.model.boundary.advice import advice_in_lines


def test_advice_is_a_warning():
    with pytest.warns(Advice, match="models.d.cost: 20"):
        advise("models.d.cost: 20 is dearer than the target")


def test_a_command_line_says_each_advice_once_in_one_line(capsys):
    with advice_in_lines():
        for _ in range(3):
            advise("alpha: two\nlines")
        advise("another")
    assert capsys.readouterr().err == "warning: alpha: two lines\nwarning: another\n"


def test_other_warnings_are_untouched():
    with pytest.warns(RuntimeWarning, match="other"), advice_in_lines():
        warnings.warn("other", RuntimeWarning, stacklevel=1)


def _stderr_of(*options: str) -> str:
    script = "import warnings; warnings.filterwarnings('ignore'); from analysis.model import advise; advise('of note')"
    run = subprocess.run([sys.executable, *options, "-c", script], capture_output=True, text=True, check=True)
    return run.stderr


def test_advice_is_shown_though_all_warnings_were_silenced_before():
    assert "Advice: of note" in _stderr_of()


def test_whoever_starts_python_decides_on_warnings():
    assert _stderr_of("-W", "ignore") == ""
