"""The programs: ``cascade-ewif COMMAND`` with every command of the project, ``python -m PACKAGE COMMAND`` with one
package's; their overview, version, suggestions and shell completion.

A command is a module ``PACKAGE.commands.NAME``. Only the module of the command that runs is imported, since some take
seconds; its line in the overview is the first line of its docstring, read from the file.
"""

from __future__ import annotations

import argparse
import ast
import difflib
import importlib
import importlib.util
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import NoReturn

from analysis.model.boundary.commands import Command, Parser, exit_with, summary_of
from analysis.model.boundary.fields import InputError
from analysis.model.boundary.progress import bars

PROGRAM = "cascade-ewif"
DISTRIBUTION = "cascade-ewif"
SHELLS = ("bash", "zsh", "tcsh")


@dataclass(frozen=True)
class Group:
    """Commands that belong together.

    Attributes:
        title: What they are about.
        commands: Module of each command, by the name that is typed.
        aliases: Other names of commands, understood where the package stands alone.
    """

    title: str
    commands: Mapping[str, str]
    aliases: Mapping[str, str]

    @classmethod
    def of(cls, package: str) -> Group:
        """What a package says of itself in ``PACKAGE.commands``: `TITLE`, `COMMANDS` and, maybe, `ALIASES`."""
        commands = importlib.import_module(f"{package}.commands")
        modules = {name: f"{package}.commands.{name.replace('-', '_')}" for name in commands.COMMANDS}
        return cls(commands.TITLE, modules, getattr(commands, "ALIASES", {}))

    def module(self, name: str) -> Command:
        """Import the module of a command."""
        module: Command = importlib.import_module(self.commands[name])
        return module

    def summary(self, name: str) -> str:
        """What a command does, in the words of its module's docstring, without importing it."""
        spec = importlib.util.find_spec(self.commands[name])
        source = Path(spec.origin).read_text(encoding="utf-8") if spec and spec.origin else ""
        return summary_of(ast.get_docstring(ast.parse(source)) or "")


PACKAGES = ("analysis", "simulate", "realrun")
FIRST = ("example", "ewif", "optimise", "fit", "run", "generate", "calibrate", "bench")
"""What a newcomer needs, in this order."""


def all_groups() -> list[Group]:
    """Every command of the project."""
    whole = Group("The whole paper", {"paper": "paper_repro"}, {})
    return [*(Group.of(package) for package in PACKAGES), whole]


def main() -> NoReturn:
    """The console script: every command of the project."""
    description = "Cascade speculative drafting: theory, simulation and real measurement."
    exit_with(lambda: run_program(PROGRAM, description, all_groups()))


def run_package(package: str) -> NoReturn:
    """``python -m PACKAGE``: the commands of one package."""
    group = Group.of(package)
    exit_with(lambda: run_program(f"python -m {package}", group.title + ".", [group]))


def run_program(program: str, description: str, groups: Sequence[Group]) -> int:
    """Run the command that the command line names.

    Returns:
        Its exit status.

    Raises:
        InputError: where there is no such command, with the nearest that there is, or its options are wrong.
    """
    asked, rest = (sys.argv[1] if len(sys.argv) > 1 else "--help"), sys.argv[2:]
    if asked in ("-h", "--help"):
        print(overview(program, description, groups))
        return 0
    if asked == "--version":
        print(f"{DISTRIBUTION} {version()}")
        return 0
    if asked == "completion":
        print(completion(program, groups, rest))
        return 0
    for group in groups:
        name = group.aliases.get(asked, asked) if len(groups) == 1 else asked
        if name in group.commands:
            return run_modules(program, [group.module(name)])
    names = [name for group in groups for name in group.commands]
    raise InputError(asked, f"no such command{nearest(asked, names)} (see {program} --help)")


def run_modules(program: str, modules: Sequence[Command]) -> int:
    """Parse the command line with these modules' commands and run the one it names; returns its status."""
    arguments = _parser(program, modules).parse_args()
    with bars(shown=not getattr(arguments, "quiet", False)):
        return int(arguments.run(arguments))


def overview(program: str, description: str, groups: Sequence[Group]) -> str:
    """All commands with a line each, as ``--help`` prints them; of several groups the first ones first."""
    width = max(len(name) for group in groups for name in group.commands) + 2
    said = {name: f"  {name:<{width}}{group.summary(name)}" for group in groups for name in group.commands}
    lines = [f"usage: {program} COMMAND ...", "", description]
    first = FIRST if len(groups) > 1 else ()
    if first:
        lines += ["", "To begin with:", *(said[name] for name in first if name in said)]
    for group in groups:
        lines += ["", f"{group.title}:"] if len(groups) > 1 else [""]
        lines += [said[name] for name in group.commands if name not in first]
    lines += ["", f"`{program} COMMAND --help` tells a command's options; `{program} --version` the version;"]
    lines += [f"`{program} completion {'|'.join(SHELLS)}` prints a completion script for the shell."]
    return "\n".join(lines)


def completion(program: str, groups: Sequence[Group], arguments: Sequence[str]) -> str:
    """The script that completes commands and options in a shell.

    Raises:
        InputError: where the shell is none of `SHELLS`.
    """
    import shtab  # only this command needs it

    if len(arguments) != 1 or arguments[0] not in SHELLS:
        raise InputError("completion", f"got {' '.join(arguments)!r}, expected one of {', '.join(SHELLS)}")
    modules = [group.module(name) for group in groups for name in group.commands]
    script: str = shtab.complete(_parser(program, modules), arguments[0])
    return script


def version() -> str:
    """Version of the installed distribution; "unknown" where it runs uninstalled."""
    try:
        return metadata.version(DISTRIBUTION)
    except metadata.PackageNotFoundError:
        return "unknown"


def nearest(given: str, known: Sequence[str]) -> str:
    """ ", did you mean ...?" where something known is like what was given, else nothing."""
    found = difflib.get_close_matches(given, known, n=1)
    return f", did you mean {found[0]}?" if found else ""


def _parser(program: str, modules: Sequence[Command]) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = Parser(prog=program)
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")
    for module in modules:
        module.add(subparsers)
    return parser
