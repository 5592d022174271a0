"""Run one command module in this process, as `python -m` would."""

from __future__ import annotations

import pytest

from analysis.model import run_command


def run(module, capsys, monkeypatch, *arguments):
    """Run a command.

    Returns:
        (exit status, stdout, stderr).
    """
    monkeypatch.setattr("sys.argv", ["package", *map(str, arguments)])
    with pytest.raises(SystemExit) as stop:
        run_command("package", "", [module])
    return stop.value.code, *capsys.readouterr()
