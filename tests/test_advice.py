"""Advice: a warning in Python, one line on stderr in a command line, said once."""

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
