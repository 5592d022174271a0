"""How every command behaves: its parser, its exit status, errors and advice in one line."""

from __future__ import annotations

import argparse
import contextlib
import difflib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NoReturn, Protocol, TypeAlias

from analysis.model.boundary.advice import advice_in_lines
from analysis.model.boundary.fields import InputError
from analysis.model.boundary.harmless import harmless

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

    def parse_known_args(self, args=None, namespace=None):  # type: ignore[no-untyped-def]
        """Parse; an option that this command does not have is refused here, with the nearest that it has."""
        namespace, unknown = super().parse_known_args(args, namespace)
        if unknown:
            options = [option for option in self._option_string_actions if option.startswith("--")]
            similar = difflib.get_close_matches(unknown[0].partition("=")[0], options, n=1)
            hint = f", did you mean {similar[0]}?" if similar else ""
            self.error(f"unrecognized arguments: {' '.join(unknown)}{hint}")
        return namespace, unknown


def exit_with(main: Callable[[], int]) -> NoReturn:
    """Exit with main's status; bad input is one line on stderr and status 2, without a traceback, advice a line.

    SIGTERM ends the program like Ctrl-C: what is open is closed, and a word is said.
    """
    try:
        if sys.stdout is None:  # its descriptor would go to the next file that is opened
            raise InputError("standard output", "is closed, expected somewhere to print to")
        with advice_in_lines(), _ended_by_sigterm():
            status = main()
        sys.stdout.flush()
    except InputError as error:
        print(harmless(f"error: {error}".replace("\n", " ")), file=sys.stderr)
        status = EXIT_BAD_INPUT
    except Terminated:
        print("terminated", file=sys.stderr)
        status = 128 + signal.SIGTERM
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


class Terminated(KeyboardInterrupt):
    """Somebody asked this process to end."""


@contextlib.contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """Have SIGTERM raise, where nothing else is made of it; signals reach the main thread alone."""
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGTERM) != signal.SIG_DFL:
        yield
        return

    def end(*signalled: object) -> NoReturn:
        raise Terminated

    signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def whole_option(option: str, text: str, low: int, high: int) -> int:
    """Read an option's whole number in low..high, also as 1e6 or 2.0; refused in the words of the project."""
    try:
        value = int(text) if text.strip("+-").isdigit() else _whole(float(text))
    except ValueError:
        value = low - 1
    if not low <= value <= high:
        raise InputError(option, f"got {text!r}, expected a whole number in {low}..{high}")
    return value


def _whole(value: float) -> int:
    """A number that is whole, and small enough for floating point to tell it from its neighbours."""
    if not value.is_integer() or abs(value) > 2**53:
        raise ValueError
    return int(value)
