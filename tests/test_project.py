"""The shape of the project: which packages there are, and who may import whom."""

import ast
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("analysis", "simulate", "realrun", "figures")
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


def dotted(path):
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


def imported(path):
    """Modules that a file imports, deferred imports included."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def ours(path):
    return {name for name in imported(path) if name.split(".")[0] in (*PACKAGES, "paper_repro", "tests")}


def test_every_package_is_installed():
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    assert sorted(listed) == sorted({dotted(path.parent) for path in MODULES})


def test_every_package_is_typed():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]
    checked = project["mypy"]
    assert checked["strict"]
    assert sorted(checked["packages"]) == sorted(PACKAGES)
    assert checked["modules"] == project["setuptools"]["py-modules"]
    for package in PACKAGES:
        assert (ROOT / package / "py.typed").is_file()
        assert "py.typed" in project["setuptools"]["package-data"][package]


@pytest.mark.parametrize("path", MODULES, ids=dotted)
def test_imports_run_in_one_direction(path):
    name = dotted(path)
    allowed = {
        "analysis": ("analysis",),
        "simulate": ("simulate", "analysis.model"),
        "realrun": ("realrun", "analysis.model"),
        "figures": ("figures", "analysis.model"),
    }[name.split(".")[0]]
    if name.startswith("analysis.model"):
        allowed = ("analysis.model",)
    if name.startswith("figures.report"):  # where the witnesses meet: the parts of `paper_repro.py`
        allowed = PACKAGES
    bare = {"analysis"} if "analysis.model" in allowed else set()
    wrong = {other for other in ours(path) - bare if not any(other == a or other.startswith(f"{a}.") for a in allowed)}
    assert not wrong, f"{name} imports {sorted(wrong)}"
    if not name.startswith("figures.report"):
        assert not any(other.startswith("figures.report") for other in ours(path))


def test_the_name_of_a_class_means_one_thing():
    """Classes of a module alone, whose names begin with _, are no part of the vocabulary."""
    found = {}
    for path in MODULES:
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                found.setdefault(node.name, []).append(dotted(path))
    assert {name: modules for name, modules in found.items() if len(modules) > 1} == {}


def test_dependencies_are_explained_in_the_readme_and_pinned():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    table = (ROOT / "README.md").read_text().partition("## Dependencies, and why")[2].partition("## Licence")[0]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("|")]
    explained = {name.strip() for row in rows for name in row.split(",")}
    pinned = {
        line.split("==")[0].lower() for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line
    }
    extras = project["optional-dependencies"]
    for requirement in [*project["dependencies"], *(r for extra in extras.values() for r in extra)]:
        name = requirement.split(">")[0].split("=")[0].split("[")[0]
        assert name.lower() in pinned, f"{name} is not in constraints.txt"
        assert name in explained, f"{name} is not in the README's dependency table"
