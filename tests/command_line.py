"""Run one command module in this process, as `python -m` would."""

from __future__ import annotations

import pytest

from analysis.model import exit_with, run_modules


def run(module, capsys, monkeypatch, *arguments):
    """Run a command.

    Returns:
        (exit status, stdout, stderr).
    """
    monkeypatch.setattr("sys.argv", ["package", *map(str, arguments)])
    with pytest.raises(SystemExit) as stop:
        exit_with(lambda: run_modules("package", "", [module]))
    return stop.value.code, *capsys.readouterr()
