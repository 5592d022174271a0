"""Run commands in this process, as `python -m` would: importing torch anew takes seconds."""

from __future__ import annotations

import runpy
from typing import NamedTuple

import pytest

from analysis.model import exit_with, run_modules


class Result(NamedTuple):
    """How a command ended and what it said."""

    returncode: object
    stdout: str
    stderr: str


def run(module, capture, monkeypatch, *arguments):
    """Run the command of one module.

    Args:
        module: With `add` and `run`.
        capture: pytest's capsys or capfd.
        monkeypatch: pytest's.
        arguments: The command's name and what follows it.
    """
    monkeypatch.setattr("sys.argv", ["package", *map(str, arguments)])
    with pytest.raises(SystemExit) as stop:
        exit_with(lambda: run_modules("package", [module]))
    return Result(stop.value.code, *capture.readouterr())


def run_realrun(capture, monkeypatch, *arguments):
    """Run ``python -m realrun``; arguments as for `run`."""
    monkeypatch.setattr("sys.argv", ["realrun", *map(str, arguments)])
    with pytest.raises(SystemExit) as stop:
        runpy.run_module("realrun", run_name="__main__")
    return Result(stop.value.code, *capture.readouterr())
