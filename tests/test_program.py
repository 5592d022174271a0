"""The programs: the overview of commands, suggestions for what was mistyped, completion, and who may be shadowed."""

import subprocess
import sys

import pytest

from analysis.model import InputError
from analysis.model.boundary.program import (
    FIRST,
    Group,
    all_groups,
    completion,
    nearest,
    overview,
    run_program,
    version,
)
from analysis.model.cascade import Cascade
from analysis.model.examples import EXAMPLES

GROUPS = all_groups()


def test_names_of_commands_are_unique_over_all_packages():
    names = [name for group in GROUPS for name in group.commands]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("group", "name"), [(g, name) for g in GROUPS for name in g.commands], ids=lambda x: str(x)[:20]
)
def test_every_command_says_what_it_does_in_one_line(group, name):
    assert 10 < len(group.summary(name)) < 110
    assert group.summary(name) in overview("cascade-ewif", "", GROUPS)


def test_the_overview_begins_with_what_a_newcomer_needs_and_names_every_command_once():
    named = [line.split()[0] for line in overview("cascade-ewif", "", GROUPS).splitlines() if line.startswith("  ")]
    assert named[: len(FIRST)] == list(FIRST)
    assert sorted(named) == sorted(name for group in GROUPS for name in group.commands)


def test_the_whole_paper_is_a_command(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["cascade-ewif", "paper", "--list"])
    assert run_program("cascade-ewif", "", GROUPS) == 0
    assert capsys.readouterr().out.startswith("table1 ")


def test_an_example_is_a_file_for_the_other_commands(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(sys, "argv", ["cascade-ewif", "example"])
    assert run_program("cascade-ewif", "", GROUPS) == 0
    listed, note = capsys.readouterr()
    assert [line.split()[0] for line in listed.splitlines()] == list(EXAMPLES)
    assert "cascade-ewif example NAME > my.json" in note
    monkeypatch.setattr(sys, "argv", ["cascade-ewif", "example", "speculative"])
    assert run_program("cascade-ewif", "", GROUPS) == 0
    (tmp_path / "my.json").write_text(capsys.readouterr().out)
    monkeypatch.setattr(sys, "argv", ["cascade-ewif", "ewif", str(tmp_path / "my.json")])
    assert run_program("cascade-ewif", "", GROUPS) == 0
    assert capsys.readouterr().out.startswith("EWIF              2.459520")


def test_the_overview_imports_no_command(capfd):
    code = (
        "import sys; sys.argv = ['x', '--help']; from analysis.model.boundary.program import main\n"
        "try: main()\nexcept SystemExit as end: assert not end.code\n"
        "assert not {'torch', 'sympy', 'scipy', 'numba'} & set(sys.modules), 'heavy imports'"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    assert "optimise" in capfd.readouterr().out


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["optimize"], "optimize: no such command, did you mean optimise?"),
        (["bnech"], "did you mean bench?"),
        (["zzz"], "zzz: no such command (see"),
        (
            ["ewif", "spec.json", "--jsno"],
            "unrecognized arguments: --jsno, did you mean --json? (see cascade-ewif ewif",
        ),
        (["completion", "fish"], "expected one of bash, zsh, tcsh"),
    ],
)
def test_what_is_mistyped_is_refused_with_the_nearest_right_word(monkeypatch, words, problem):
    monkeypatch.setattr(sys, "argv", ["cascade-ewif", *words])
    with pytest.raises(InputError) as refused:
        run_program("cascade-ewif", "", GROUPS)
    assert problem in str(refused.value)


def test_an_alias_is_understood_where_its_package_stands_alone(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["python -m analysis", "bench", "--help"])
    with pytest.raises(SystemExit):
        run_program("python -m analysis", "", [Group.of("analysis")])
    assert "theory-speed" in capsys.readouterr().out


def test_the_version_is_that_of_the_distribution(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["cascade-ewif", "--version"])
    assert run_program("cascade-ewif", "", GROUPS) == 0
    assert capsys.readouterr().out == f"cascade-ewif {version()}\n"


def test_nothing_like_it_gives_no_hint():
    assert nearest("qqqq", ["ewif", "fit"]) == ""


@pytest.mark.parametrize("shell", ["bash", "zsh", "tcsh"])
def test_a_shell_completes_commands_and_options(shell):
    script = completion("cascade-ewif", GROUPS[:1], [shell])
    assert "optimise" in script
    assert "max-tokens" in script


def test_the_console_script_is_immune_to_a_users_own_modules(tmp_path):
    (tmp_path / "analysis.py").write_text("raise SystemExit('shadowed')\n")
    (tmp_path / "spec.json").write_text(Cascade.speculative(0.8, 0.1, 5).canonical())
    program = "from analysis.model.boundary.program import main; main()"
    run = [sys.executable, "-P", "-c", program, "ewif", "spec.json"]
    done = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "2.459520" in done.stdout


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_example_is_a_specification(name):
    shows, spec = EXAMPLES[name]
    assert shows
    assert Cascade.from_json(spec).draft
