"""Compiled loops kept on disk: never those of other sources, and no damaged file costs more than compiling again."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from sweeps import FLAT

from simulate.kernel import compiled
from simulate.sweep import drawing_code

ROOT = Path(__file__).parent.parent
DRAW = (
    "import json, sys\nfrom simulate import Task\n"
    "task = Task.from_json(json.loads(sys.argv[1]))\n"
    "print(task.sampler().draw((0, 'cache'), 5000).tokens)"
)


def drawn(cache, root=ROOT):
    """Tokens of a few cycles, by a process that keeps its loops there."""
    done = subprocess.run(
        [sys.executable, "-c", DRAW, json.dumps(FLAT)],
        env=os.environ | {"NUMBA_CACHE_DIR": str(cache), "PYTHONPATH": str(root)},
        cwd=root,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """A folder of kept loops, and what they draw."""
    folder = tmp_path_factory.mktemp("kept")
    return folder, drawn(folder)


DAMAGES = {
    "empty": lambda content: b"",
    "cut": lambda content: content[: len(content) // 2],
    "garbage": lambda content: b"\x80\x05garbage" + content[9:],
    "one bit": lambda content: content[:-200] + bytes([content[-200] ^ 1]) + content[-199:],
}


@pytest.mark.parametrize(
    ("kind", "damage"),
    [("*.nbi", "empty"), ("*.nbi", "garbage"), ("*.nbc", "cut"), ("*.nbc", "garbage"), ("*.nbc", "one bit")],
)
def test_damaged_files_are_compiled_and_kept_again(kept, tmp_path, kind, damage):
    folder, right = kept
    cache = tmp_path / "cache"
    shutil.copytree(folder, cache)
    files = [path for path in cache.rglob("*count_passing*") if path.match(kind)]
    assert files
    for path in files:
        path.write_bytes(DAMAGES[damage](path.read_bytes()))
    before = {path: path.read_bytes() for path in files}
    assert drawn(cache) == right
    assert all(path.read_bytes() != content for path, content in before.items())


def test_loops_kept_from_other_sources_are_not_used(kept, tmp_path):
    """A callee's constant changes, in a file that the kept loop's own file only imports."""
    folder, right = kept
    shutil.copytree(ROOT / "simulate", tmp_path / "simulate")
    shutil.copytree(ROOT / "analysis", tmp_path / "analysis")
    [source] = (tmp_path / "simulate").rglob("generator.py")
    before = source.read_text()
    source.write_text(before.replace("_rotated(a + d, 23)", "_rotated(a + d, 22)"))
    assert source.read_text() != before
    others = drawn(folder, tmp_path)
    assert others != right
    assert others == drawn(tmp_path / "fresh", tmp_path)
    assert drawn(folder) == right


def test_a_folder_that_cannot_be_written_to_costs_only_time(kept, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("no folder")
    assert drawn(blocked) == kept[1]


def test_kept_loops_have_a_folder_of_their_sources(monkeypatch):
    monkeypatch.setattr("numba.config.CACHE_DIR", "/chosen")
    assert compiled.cache_folder() == Path("/chosen") / f"cascade-ewif-{drawing_code.sources_digest()}"


def test_the_digest_tells_every_source_of_the_draws_and_no_line_ends(tmp_path, monkeypatch):
    def digest():
        drawing_code.sources_digest.cache_clear()
        return drawing_code.sources_digest()

    try:
        right = digest()
        for package in ("simulate", "analysis/model"):
            shutil.copytree(ROOT / package, tmp_path / package)
        copies = {"simulate": tmp_path / "simulate", "analysis.model": tmp_path / "analysis" / "model"}
        monkeypatch.setattr(drawing_code, "files", copies.__getitem__)
        assert digest() == right
        for path in tmp_path.rglob("*.py"):
            path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
        assert digest() == right
        for path in (next(tmp_path.rglob("beta.py")), next(tmp_path.rglob("hazard.py"))):
            before = digest()
            path.write_bytes(path.read_bytes() + b"# changed\n")
            assert digest() != before
    finally:
        monkeypatch.undo()
        drawing_code.sources_digest.cache_clear()
