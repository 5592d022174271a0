"""Options: what their types take and refuse, what the parser makes of it, and what help says."""

import shlex
import sys
from types import SimpleNamespace

import pytest
from command_line import run

from analysis.model import InputError, add_command
from analysis.model.boundary.commands import Parser
from analysis.model.boundary.options import add_word, demand, listed, output, real, whole, word
from analysis.model.boundary.program import all_groups
from analysis.optimum import ContradictionError


@pytest.mark.parametrize(
    ("text", "value"), [("1e6", 10**6), ("2.0", 2), ("12", 12), ("+3", 3), ("9007199254740993", 2**53 + 1)]
)
def test_a_whole_number_may_be_written_as_a_float(text, value):
    assert whole(1, 10**18)(text) == value


@pytest.mark.parametrize("text", ["1.5", "1e30", "nan", "inf", "", "x", "1e17", "0", "-1e3"])
def test_a_whole_number_is_nothing_else(text):
    with pytest.raises(InputError, match=rf"^got '{text}', expected a whole number in 1\.\.10\^18$"):
        whole(1, 10**18)(text)


@pytest.mark.parametrize(
    ("kind", "text", "allowed"),
    [
        (whole(2, 1_000_000), "1", "a whole number in 2..1000000"),
        (real(0), "-1", "a finite number >= 0"),
        (real(0), "inf", "a finite number >= 0"),
        (real(0, above=True), "0", "a finite number > 0"),
        (real(0, above=True), "inf", "a finite number > 0"),
        (real(0, 1, above=True), "0", "a number in (0, 1]"),
        (real(0, 1, above=True), "1.01", "a number in (0, 1]"),
        (real(0, 1), "80", "a number in [0, 1] (80 % is 0.8)"),
        (real(0, 1), "nan", "a number in [0, 1]"),
        (word(["a", "b"]), "c", "one of a, b"),
    ],
)
def test_what_is_refused_is_told_with_what_is_allowed(kind, text, allowed):
    with pytest.raises(InputError) as refused:
        kind(text)
    assert str(refused.value) == f"got '{text}', expected {allowed}"


def test_limits_themselves_are_allowed():
    assert [real(0)("0"), real(0, 1)("1"), real(0, 1, above=True)("1")] == [0, 1, 1]
    assert [whole(2, 5)("2"), whole(2, 5)("5")] == [2, 5]


def test_a_list_has_commas():
    assert listed(whole(1, 9))("1, 2,3") == (1, 2, 3)
    assert listed(real(0, 1))(".5,") == (0.5,)
    for text in ("", "1,x"):
        with pytest.raises(InputError):
            listed(whole(1, 9))(text)


def test_limits_that_only_the_input_tells_are_told_in_the_same_words():
    demand("--tune", 2, whole(0, 2))
    with pytest.raises(InputError, match=r"^--tune: got '3', expected a whole number in 0\.\.2$"):
        demand("--tune", 3, whole(0, 2))


@pytest.fixture
def parser():
    result = Parser(prog="cascade-ewif x")
    result.add_argument("--cycles", type=whole(2, 10**15), default=100)
    result.add_argument("--out", type=output)
    add_word(result, "--engine", ["kernel", "torch"], "which")
    pair = result.add_mutually_exclusive_group()
    pair.add_argument("--one", action="store_true")
    pair.add_argument("--two", action="store_true")
    return result


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--cycles", "x"], "--cycles: got 'x', expected a whole number in 2..10^15"),
        (["--engine", "warp"], "--engine: got 'warp', expected one of kernel, torch"),
        (["--cycles"], "--cycles: expected one argument (see cascade-ewif x --help)"),
        (["--one", "--two"], "--two: not allowed with argument --one (see cascade-ewif x --help)"),
        (["--cylces", "5"], "unrecognized arguments: --cylces 5, did you mean --cycles? (see cascade-ewif x --help)"),
        (["--out", "/nowhere/x.json"], "--out: /nowhere/x.json: the folder /nowhere does not exist"),
    ],
)
def test_the_parser_names_the_option_in_one_line(parser, words, line):
    with pytest.raises(InputError) as refused:
        parser.parse_args(words)
    assert str(refused.value) == line


def test_defaults_are_values_and_help_tells_them(parser):
    assert parser.parse_args([]).cycles == 100
    assert parser.parse_args(["--cycles", "1e3"]).cycles == 1000
    assert "which (default kernel)" in parser.format_help()


@pytest.mark.parametrize("name", [name for group in all_groups() for name in group.commands])
def test_help_of_every_command_has_a_description_and_an_example_that_parses(monkeypatch, tmp_path, name):
    monkeypatch.chdir(tmp_path)  # where files can be written
    (group,) = [group for group in all_groups() if name in group.commands]
    parser = Parser(prog="cascade-ewif")
    subparsers = parser.add_subparsers()
    group.module(name).add(subparsers)
    command = subparsers.choices[name]
    assert command.description[0].isupper()
    assert "python -m" not in command.format_help()
    examples = [line for line in command.epilog.splitlines() if line.startswith(f"  cascade-ewif {name}")]
    assert examples
    for words in map(shlex.split, examples):
        assert parser.parse_args(words[1 : words.index(">") if ">" in words else None]).run
    for option in command._actions:
        assert option.help, f"{name} {option.dest}: no help"
        assert not isinstance(option.default, str) or option.type is None or option.choices or option.dest == "help"


def test_a_contradiction_is_one_line_and_no_fault_of_the_input(monkeypatch, capsys):
    def contradicted(arguments):
        raise ContradictionError("the upper bound 1.0 lies below a draft of EWIF 2.0")

    contradicted.__module__ = __name__
    monkeypatch.setattr(sys.modules[__name__], "__doc__", "``cascade-ewif contradicted``: contradict itself.")
    module = SimpleNamespace(add=lambda commands: add_command(commands, "contradicted", contradicted))
    status, out, err = run(module, capsys, monkeypatch, "contradicted")
    assert (status, out) == (70, "")
    assert err == (
        "error: internal contradiction, please report it with your input: "
        "the upper bound 1.0 lies below a draft of EWIF 2.0\n"
    )


def test_a_file_that_cannot_be_written_is_refused_before_the_work():
    with pytest.raises(InputError, match=r"^/proc/x\.json: cannot be written: no file can be made in /proc$"):
        output("/proc/x.json")
