"""Small sweeps for tests of collecting, run by the command line as a user would."""

import json
import subprocess
import sys
from pathlib import Path

FLAT = {
    "target": "t",
    "models": {"t": {"cost": 1}, "d": {"cost": 0.1}},
    "acceptance": {"t": {"d": 0.8}},
    "draft": [{"by": "d", "tokens": 5}],
}
NESTED = {
    "target": "t",
    "models": {"t": {"cost": 1}, "a": {"cost": 0.1}, "b": {"cost": 0.02}},
    "acceptance": {"t": {"a": 0.7}, "a": {"b": {"accepted": 0.6, "corrected": 0.5}}},
    "draft": [{"by": "a", "until": 4, "draft": [{"by": "b", "tokens": 3}]}],
}
BETA = {"beta": {"pairs": {"t": {"d": [3, 2]}}, "cycles": 16}}
SWEEP = [
    {**FLAT, "name": "flat"},
    {**NESTED, "name": "nested"},
    {**FLAT, "name": "prompts", "process": BETA},
    {**NESTED, "name": "generations", "generation": {"tokens": 20, "prefill": 2}},
]


def write_tasks(folder: Path, tasks=SWEEP) -> Path:
    path = folder / "tasks.jsonl"
    path.write_text("".join(json.dumps(task) + "\n" for task in tasks))
    return path


def command(*arguments) -> list[str]:
    return [sys.executable, "-m", "simulate", *map(str, arguments)]


def run(*arguments, **options) -> subprocess.CompletedProcess:
    return subprocess.run(
        command(*arguments), capture_output=True, text=True, timeout=300, cwd=Path(__file__).parent.parent, **options
    )


def collected(tasks: Path, out: Path, *options, **how) -> subprocess.CompletedProcess:
    return run("collect", tasks, "--out", out, *options, **how)


def summary_of(out: Path) -> str:
    done = run("summarise", out, "--json")
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1]


def facts(path: Path) -> list[str]:
    """The rows of a results file without their times and checks, sorted: what must not depend on circumstances."""
    return sorted(line.rsplit(",", 2)[0] for line in path.read_text().splitlines())
