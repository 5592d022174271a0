"""Building an ordered list of artefacts into a folder, and the report that shows them."""

from __future__ import annotations

import json
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from analysis.model import InputError, parse_json, whole_file


@dataclass(frozen=True)
class Run:
    """Where and how artefacts are built.

    Attributes:
        out: The results folder.
        seed: Root seed of everything random.
        full: Whether to take hours for narrow intervals and all prompts, instead of minutes.
    """

    out: Path
    seed: int
    full: bool

    def path(self, file: str) -> Path:
        """Path of a file in the results folder."""
        return self.out / file

    def read(self, file: str) -> Any:
        """The value in a JSON file of the results folder."""
        return parse_json(self.path(file).read_text(encoding="utf-8"), file)

    def write(self, file: str, content: object) -> None:
        """Write text, or any other value as JSON, into the results folder."""
        with whole_file(self.path(file)) as handle:
            handle.write(content if isinstance(content, str) else json.dumps(content, indent=1) + "\n")


@dataclass(frozen=True)
class Artefact:
    """One result: a table, a figure or the data behind them.

    Attributes:
        name: What ``--only`` calls it.
        title: Its heading in the report.
        inputs: Artefacts that must be built before.
        files: What it writes into the results folder; tables (.md) and pictures (.png) are shown in the report.
        build: Writes the files.
        caption: What the reader should know of it.
    """

    name: str
    title: str
    inputs: tuple[str, ...]
    files: tuple[str, ...]
    build: Callable[[Run], None]
    caption: str = ""


class Builder:
    """Builds artefacts in order, each once, reusing what a former run of the same settings finished."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.failed: dict[str, str] = {}
        self._fresh: set[str] = set()

    def build(self, artefact: Artefact) -> None:
        """Build an artefact unless it is finished and its inputs are unchanged; remembers a failure."""
        missing = [name for name in artefact.inputs if name in self.failed]
        if missing:
            self.failed[artefact.name] = f"needs {', '.join(missing)}"
            return
        if self._is_finished(artefact) and not self._fresh & set(artefact.inputs):
            _say(f"{artefact.name}: finished before, reused")
            return
        self._mark(artefact).unlink(missing_ok=True)
        started = time.perf_counter()
        try:
            artefact.build(self.run)
        except Exception as error:
            if not isinstance(error, InputError):
                traceback.print_exc()
            self.failed[artefact.name] = f"{type(error).__name__}: {error}"
            _say(f"{artefact.name}: FAILED ({self.failed[artefact.name]})")
            return
        self._fresh.add(artefact.name)
        self.run.write(str(self._mark(artefact).relative_to(self.run.out)), self._settings())
        _say(f"{artefact.name}: built in {time.perf_counter() - started:.1f} s")

    def _is_finished(self, artefact: Artefact) -> bool:
        mark = self._mark(artefact)
        if not mark.is_file() or not all(self.run.path(file).is_file() for file in artefact.files):
            return False
        return bool(json.loads(mark.read_text(encoding="utf-8")) == self._settings())

    def _mark(self, artefact: Artefact) -> Path:
        return self.run.path(f".finished/{artefact.name}.json")

    def _settings(self) -> dict[str, object]:
        return {"seed": self.run.seed, "full": self.run.full, "version": metadata.version("cascade-ewif")}


def write_report(run: Run, title: str, built: Sequence[Artefact], failed: dict[str, str]) -> None:
    """Write report.md with every finished table and figure."""
    profile = "full" if run.full else "quick"
    parts = [f"# {title}", f"Profile {profile}, seed {run.seed}."]
    for artefact in built:
        if artefact.name in failed:
            parts.append(f"## {artefact.title}\n\n**Failed:** {failed[artefact.name]}")
            continue
        shown = [_shown(run, file) for file in artefact.files if file.endswith((".md", ".png"))]
        if shown:
            parts.append("\n\n".join([f"## {artefact.title}", *shown, artefact.caption]))
    run.write("report.md", "\n\n".join(parts) + "\n")


def _shown(run: Run, file: str) -> str:
    if file.endswith(".png"):
        return f"![{file.removesuffix('.png')}]({file})"
    return run.path(file).read_text(encoding="utf-8").rstrip()


def _say(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


def with_inputs(artefacts: Sequence[Artefact], names: Sequence[str]) -> list[Artefact]:
    """The named artefacts of a list and all that they need, in the order of the list.

    Raises:
        InputError: for a name that is none.
    """
    known = {artefact.name: artefact for artefact in artefacts}
    wanted: set[str] = set()
    queue = list(names)
    while queue:
        name = queue.pop()
        if name not in known:
            raise InputError("--only", f"got {name!r}, expected names of {', '.join(known)}")
        if name not in wanted:
            wanted.add(name)
            queue += known[name].inputs
    return [artefact for artefact in artefacts if artefact.name in wanted]
