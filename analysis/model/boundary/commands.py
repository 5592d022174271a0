"""How every command line of the project behaves: subcommands, exit statuses, errors in one line."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NoReturn, Protocol, TypeAlias

from analysis.model.boundary.advice import advice_in_lines
from analysis.model.boundary.fields import InputError

EXIT_BAD_INPUT = 2

if TYPE_CHECKING:
    Subparsers: TypeAlias = argparse._SubParsersAction[argparse.ArgumentParser]
else:
    Subparsers = argparse._SubParsersAction


class Command(Protocol):
    """A module with one command: `add` registers its parser and sets the default `run`, which returns the status."""

    def add(self, commands: Subparsers) -> None:
        """Register the command."""


class Parser(argparse.ArgumentParser):
    """A parser whose complaints are `InputError`, so that they too are one line."""

    def error(self, message: str) -> NoReturn:
        """Refuse the command line."""
        raise InputError("", f"{message} (see {self.prog} --help)")


def run_command(package: str, description: str, names: Sequence[str]) -> NoReturn:
    """Run ``python -m PACKAGE COMMAND ...`` and exit with its status.

    Args:
        package: The package, whose modules ``commands.NAME`` are the commands.
        description: What the package is for.
        names: Of its commands. Only the module of the one that is run is imported, since some take seconds.
    """

    def main() -> int:
        chosen = [sys.argv[1]] if sys.argv[1:2] and sys.argv[1] in names else names
        modules = [importlib.import_module(f"{package}.commands.{name}") for name in chosen]
        return run_modules(f"python -m {package}", description, modules)

    exit_with(main)


def run_modules(program: str, description: str, modules: Sequence[Command]) -> int:
    """Parse the command line with these modules' commands and run the one it names; returns its status."""
    parser: argparse.ArgumentParser = Parser(prog=program, description=description)
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")
    for module in modules:
        module.add(subparsers)
    arguments = parser.parse_args()
    return int(arguments.run(arguments))


def exit_with(main: Callable[[], int]) -> NoReturn:
    """Exit with main's status; bad input is one line on stderr and status 2, without a traceback, advice a line."""
    try:
        if sys.stdout is None:  # its descriptor would go to the next file that is opened
            raise InputError("standard output", "is closed, expected somewhere to print to")
        with advice_in_lines():
            status = main()
        sys.stdout.flush()
    except InputError as error:
        print(f"error: {error}".replace("\n", " "), file=sys.stderr)
        status = EXIT_BAD_INPUT
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        status = 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 141
    except OSError as error:  # a full disk, say: an accident of the machine, not of the program
        print(f"error: {error.filename or 'input or output'}: {error.strerror}", file=sys.stderr)
        status = 1
    sys.exit(status)


def whole_option(option: str, text: str, low: int, high: int) -> int:
    """Read an option's whole number in low..high, refused in the words of the project."""
    try:
        value = int(text)
    except ValueError:
        value = low - 1
    if not low <= value <= high:
        raise InputError(option, f"got {text!r}, expected a whole number in {low}..{high}")
    return value
