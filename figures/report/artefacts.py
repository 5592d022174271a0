"""Building an ordered list of artefacts into a folder, and reusing what is finished."""

from __future__ import annotations

import hashlib
import json
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import figures
from analysis.model import InputError, parse_json, whole_file


@dataclass(frozen=True)
class Build:
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
        """The value in a JSON file of the results folder, or the list of those in a JSONL file."""
        text = self.path(file).read_text(encoding="utf-8")
        if file.endswith(".jsonl"):
            return [parse_json(line, file, i) for i, line in enumerate(text.split("\n"), start=1) if line.strip()]
        return parse_json(text, file)

    def write(self, file: str, content: object) -> None:
        """Write text, or any other value as JSON (a list into a JSONL file), into the results folder."""
        if isinstance(content, list) and file.endswith(".jsonl"):
            content = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in content)
        with whole_file(self.path(file)) as handle:
            handle.write(content if isinstance(content, str) else json.dumps(content, indent=1) + "\n")


@dataclass(frozen=True)
class Artefact:
    """One result: a table, a figure or the data behind them.

    Attributes:
        name: What ``--only`` calls it.
        inputs: Artefacts that must be built before.
        files: What it writes into the results folder; tables (.md) and pictures (.png) are shown in the report.
        build: Writes the files.
        title: What it is.
        caption: What the reader should know of it; empty where the report shows nothing.
        origin: Whose numbers it shows, where they are measured ones.
        sources: Files outside the results folder that it is built from.
    """

    name: str
    inputs: tuple[str, ...]
    files: tuple[str, ...]
    build: Callable[[Build], None]
    title: str = ""
    caption: str = ""
    origin: str = ""
    sources: tuple[Path, ...] = ()

    @property
    def heading(self) -> str:
        """Its heading in the report."""
        title = self.title or self.name
        return f"{title}: {self.origin}" if self.origin else title


class Builder:
    """Builds artefacts in order, reusing what is finished: built by this code, with these settings, from these inputs.

    Args:
        run: Where and how.
        artefacts: The whole ordered list.
    """

    def __init__(self, run: Build, artefacts: Sequence[Artefact]) -> None:
        self.run = run
        self.failed: dict[str, str] = {}
        self._known = {artefact.name: artefact for artefact in artefacts}
        self._code = code_fingerprint()

    def build(self, artefact: Artefact) -> None:
        """Build an artefact unless it is finished; remembers a failure."""
        missing = [name for name in artefact.inputs if name in self.failed]
        if missing:
            self.failed[artefact.name] = f"needs {', '.join(missing)}"
            return
        if self.is_finished(artefact):
            _say(f"{artefact.name}: finished before, reused")
            return
        for old in (self._mark(artefact), *(self.run.path(file) for file in artefact.files)):
            old.unlink(missing_ok=True)  # so that nothing of an earlier build passes for this one's
        started = time.perf_counter()
        try:
            artefact.build(self.run)
            self._demand_files(artefact)
        except Exception as error:
            if not isinstance(error, InputError):
                traceback.print_exc()
            self.failed[artefact.name] = f"{type(error).__name__}: {error}"
            _say(f"{artefact.name}: FAILED ({self.failed[artefact.name]})")
            return
        self.run.write(f".finished/{artefact.name}.json", self._state(artefact) | {"files": self._digests(artefact)})
        _say(f"{artefact.name}: built in {time.perf_counter() - started:.1f} s")

    def is_finished(self, artefact: Artefact) -> bool:
        """Whether its files are those that it wrote, and would come out the same again but for noise."""
        try:
            state = json.loads(self._mark(artefact).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return False
        return bool(state == self._state(artefact) | {"files": self._digests(artefact)})

    def _demand_files(self, artefact: Artefact) -> None:
        for file in artefact.files:
            path = self.run.path(file)
            if not path.is_file() or not path.stat().st_size:
                raise InputError(artefact.name, f"{file} was not written, or is empty")

    def _digests(self, artefact: Artefact) -> dict[str, str | None]:
        paths = {file: self.run.path(file) for file in artefact.files}
        return {file: _digest(path) if path.is_file() else None for file, path in paths.items()}

    def _mark(self, artefact: Artefact) -> Path:
        return self.run.path(f".finished/{artefact.name}.json")

    def _state(self, artefact: Artefact) -> dict[str, object]:
        files = [file for name in artefact.inputs for file in self._known[name].files]
        inputs = {file: _digest(self.run.path(file)) for file in files if self.run.path(file).is_file()}
        inputs |= {str(path): _digest(path) for path in artefact.sources if path.is_file()}
        return {"seed": self.run.seed, "full": self.run.full, "code": self._code, "inputs": inputs}


def code_fingerprint() -> str:
    """SHA-256 of all our source files."""
    root = Path(figures.__file__).parent.parent
    packages = [root / name for name in ("analysis", "simulate", "realrun", "figures")]
    sources = sorted(path for package in packages for path in package.rglob("*.py"))
    digests = [_digest(path) for path in [*sources, root / "paper_repro.py"]]
    return hashlib.sha256("".join(digests).encode()).hexdigest()


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


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
            raise InputError("only", f"got {name!r}, expected names of {', '.join(known)}")
        if name not in wanted:
            wanted.add(name)
            queue += known[name].inputs
    return [artefact for artefact in artefacts if artefact.name in wanted]
