"""Progress bars: on a terminal only, and nowhere where somebody asked for silence."""

import ast
import io
from pathlib import Path

import pytest

from analysis.model import progress, progress_bar
from analysis.model.boundary.progress import bars

ROOT = Path(__file__).parent.parent


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self):
        return True


@pytest.fixture
def shown(monkeypatch):
    """What a bar of ten items writes on a terminal or in a file."""

    def write(stream, **settings):
        monkeypatch.setattr("sys.stderr", stream)
        monkeypatch.setattr("analysis.model.boundary.progress._DELAY", 0)
        with progress_bar("working", "item", total=10, **settings) as bar:
            bar.update(10)
        assert list(progress(range(3), "again")) == [0, 1, 2]
        return stream.getvalue()

    return write


def test_there_is_a_bar_on_a_terminal(shown):
    assert "working" in shown(Terminal())


def test_there_is_none_in_a_file(shown):
    assert shown(io.StringIO()) == ""


def test_there_is_none_where_somebody_asked_for_silence(shown):
    with bars(shown=False):
        assert shown(Terminal()) == ""
        with bars(shown=True):
            assert shown(Terminal()) == ""
    assert "working" in shown(Terminal())


def test_a_caller_may_insist(shown):
    assert "working" in shown(io.StringIO(), shown=True)


def test_every_bar_of_the_project_is_one_of_these():
    for package in ("analysis", "simulate", "realrun", "figures"):
        for path in (ROOT / package).rglob("*.py"):
            imported = [n.module for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.ImportFrom)]
            assert "tqdm" not in imported or path.name == "progress.py", path
