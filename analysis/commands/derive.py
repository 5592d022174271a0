"""``cascade-ewif derive``: print derivations of the EWIF of any cascade, verified by SymPy as they are printed."""

from __future__ import annotations

import argparse

from analysis.derive import THEOREMS, as_document, as_latex, as_text
from analysis.derive.theorem import Theorem
from analysis.model import InputError, Subparsers, add_command, progress
from analysis.model.boundary.options import add_quiet
from analysis.model.boundary.program import nearest


def add(commands: Subparsers) -> None:
    """Register the command."""
    parser = add_command(
        commands,
        "derive",
        run,
        more="The exit status is 1 where a check fails.",
        example="cascade-ewif derive speculative\ncascade-ewif derive --latex > theorems.tex",
    )
    parser.add_argument("name", metavar="NAME", nargs="?", help="one theorem (default: all); " + ", ".join(THEOREMS))
    shape = parser.add_mutually_exclusive_group()
    shape.add_argument("--latex", action="store_true", help="print a LaTeX document")
    shape.add_argument(
        "--latex-fragment", action="store_true", help="the same without preamble, for a document of yours"
    )
    add_quiet(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print one theorem or all; status 1 where a check fails."""
    names = list(THEOREMS)
    if arguments.name is not None and arguments.name not in THEOREMS:
        raise InputError(
            "NAME", f"got {arguments.name!r}, expected one of {', '.join(names)}{nearest(arguments.name, names)}"
        )
    wanted = names if arguments.name is None else [arguments.name]
    theorems = [THEOREMS[name]() for name in progress(wanted, "deriving", "theorem")]
    print(_shown(theorems, names, arguments))
    return 0 if all(theorem.proved for theorem in theorems) else 1


def _shown(theorems: list[Theorem], names: list[str], arguments: argparse.Namespace) -> str:
    if arguments.latex:
        return as_document(theorems)
    if arguments.latex_fragment:
        return "\n\n".join(map(as_latex, theorems))
    return "\n\n\n".join(as_text(theorem, 1 + names.index(theorem.name)) for theorem in theorems)
