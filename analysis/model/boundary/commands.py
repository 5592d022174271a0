"""How every command behaves: its parser, its exit status, errors and advice in one line."""

from __future__ import annotations

import argparse
import contextlib
import difflib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NoReturn, Protocol, TypeAlias

from analysis.model.boundary.advice import advice_in_lines
from analysis.model.boundary.fields import ContradictionError, InputError
from analysis.model.boundary.harmless import harmless

EXIT_BAD_INPUT = 2
EXIT_CONTRADICTION = 70
"""What `sysexits.h` has for a fault of the program itself."""

if TYPE_CHECKING:
    Subparsers: TypeAlias = argparse._SubParsersAction[argparse.ArgumentParser]
else:
    Subparsers = argparse._SubParsersAction


class Command(Protocol):
    """A module with one command: `add` registers its parser and sets the default `run`, which returns the status."""

    def add(self, commands: Subparsers) -> None:
        """Register the command."""


class Help(argparse.HelpFormatter):
    """Help that tells every default, and leaves the indented lines of an epilog, its examples, as they are."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        text, default = action.help, action.default
        untold = default is None or default is argparse.SUPPRESS or isinstance(default, (bool, list))
        if not text or untold or not action.option_strings or "default" in text:
            return text
        return f"{text} (default {default:g})" if isinstance(default, float) else f"{text} (default {default})"

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        paragraphs = text.strip("\n").split("\n\n")
        fill = super()._fill_text
        return "\n\n".join(p if "\n  " in p else fill(p, width, indent) for p in paragraphs)


class Parser(argparse.ArgumentParser):
    """A parser whose complaints are `InputError`, so that they too are one line; a type raises it without a field."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(formatter_class=Help, exit_on_error=False, **settings)

    def error(self, message: str) -> NoReturn:
        """Refuse the command line."""
        raise InputError("", f"{message} (see {self.prog} --help)")

    def parse_known_args(self, args=None, namespace=None):  # type: ignore[no-untyped-def]
        """Parse; an option that this command does not have is refused here, with the nearest that it has."""
        try:
            namespace, unknown = super().parse_known_args(args, namespace)
        except argparse.ArgumentError as error:
            cause, name = error.__context__, error.argument_name or ""
            if isinstance(cause, InputError):  # of the option's type
                raise InputError(": ".join(filter(None, (name, cause.field))), cause.problem) from None
            raise InputError(name, f"{error.message} (see {self.prog} --help)") from None
        if unknown:
            options = [option for option in self._option_string_actions if option.startswith("--")]
            similar = difflib.get_close_matches(unknown[0].partition("=")[0], options, n=1)
            hint = f", did you mean {similar[0]}?" if similar else ""
            self.error(f"unrecognized arguments: {' '.join(unknown)}{hint}")
        return namespace, unknown


def add_command(
    commands: Subparsers,
    name: str,
    run: Callable[[argparse.Namespace], int],
    *,
    more: str = "",
    example: str = "",
    aliases: Sequence[str] = (),
) -> argparse.ArgumentParser:
    """Register a command, which the docstring of its module describes (see `summary_of`).

    Args:
        commands: Where.
        name: What is typed.
        run: Takes the parsed arguments and returns the exit status.
        more: What else its help says, in sentences.
        example: Command lines that show it, one a line.
        aliases: Other names of it.

    Returns:
        Its parser, without options yet.
    """
    summary = summary_of(sys.modules[run.__module__].__doc__ or "")
    lines = "".join(f"\n  {line.strip()}" for line in example.strip().splitlines())
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=summary,
        description=f"{summary[:1].upper()}{summary[1:]}.",
        epilog="\n\n".join(filter(None, (more, f"example:{lines}" if lines else ""))),
        aliases=aliases,
    )
    parser.set_defaults(run=run)
    return parser


def summary_of(docstring: str) -> str:
    """What a command does, of its module's docstring that begins with ``NAME``, a colon and just that."""
    return " ".join(docstring.partition("\n\n")[0].partition("``: ")[2].split()).removesuffix(".")


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
    except ContradictionError as error:
        print(harmless(f"error: internal contradiction, please report it with your input: {error}"), file=sys.stderr)
        status = EXIT_CONTRADICTION
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
