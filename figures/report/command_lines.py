"""Artefacts that are built by the command lines that a user would give, each in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

import figures
from analysis.model import InputError
from figures.report.artefacts import Build

ROOT = Path(figures.__file__).parent.parent

Files = Mapping[str, Sequence[str | Path]]
"""Groups of files by name: names in the results folder, or whole paths."""


def by_commands(*lines: str, files: Files | None = None, accepted: Collection[int] = (0,)) -> Callable[[Build], None]:
    """A builder that runs ``python -m LINE`` for every line.

    Of the words of a line ``@seed`` stands for the run's seed, ``@NAME`` for the files of that group, and any other
    ``@FILE`` for that file in the results folder.

    Args:
        lines: Command lines, without ``python -m``.
        files: Groups of files.
        accepted: Exit statuses that are no failure.
    """

    def build(run: Build) -> None:
        for line in lines:
            call(words_of(line, run, files or {}), accepted)

    return build


def words_of(line: str, run: Build, files: Files) -> list[str]:
    """The words of a command line with what its ``@`` words stand for in their place."""
    words: list[str] = []
    for word in line.split():
        if word == "@seed":
            words.append(str(run.seed))
        elif word.startswith("@"):
            words += [str(run.path(str(file)).resolve()) for file in files.get(word[1:], [word[1:]])]
        else:
            words.append(word)
    return words


def call(words: Sequence[str], accepted: Collection[int] = (0,)) -> None:
    """Run ``python -m WORDS`` in a process of its own, whose memory is free again afterwards.

    What it says on stderr, progress bars included, goes on there as it comes; its tables are in its files.

    Raises:
        InputError: with the last line that it said, where it fails.
    """
    said = b""
    with subprocess.Popen(
        [sys.executable, "-P", "-m", *words],  # in the user's own folder, which hides no module of ours
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        bufsize=0,
    ) as process:
        assert process.stderr is not None
        while chunk := process.stderr.read(4096):
            sys.stderr.write(chunk.decode(errors="replace"))
            sys.stderr.flush()
            said = (said + chunk)[-4096:]
    if process.returncode not in accepted:
        lines = said.decode(errors="replace").split("\n")
        last = next((line for line in reversed(lines) if line.strip()), f"exit status {process.returncode}")
        raise InputError(f"python -m {' '.join(words[:2])}", last.removeprefix("error: "))
