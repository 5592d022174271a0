"""``cascade-ewif generate --prompt``: one answer, as it comes, in the colours of who drafted it."""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from analysis.model import Cascade, harmless, walk, whole_file
from realrun.api import Completion, generate, load
from realrun.commands.picture import Picture, wants_colour
from realrun.engine.pieces import Piece

if TYPE_CHECKING:
    from realrun.commands.options import Sampling


def answer(arguments: argparse.Namespace, cascade: Cascade, limit: int, sampling: Sampling) -> int:
    """Print the answer to the prompt on stdout and who made it on stderr; write the page where one is wanted."""
    used = {step.by for _, _, step in walk(cascade.draft, cascade.target)}
    picture = Picture(cascade.target, [name for name in cascade.models if name in used and name != cascade.target])
    coloured = wants_colour(sys.stdout)

    def show(piece: Piece) -> None:
        print(picture.painted(piece) if coloured else harmless(piece.text), end="", flush=True)

    is_greedy = sampling.temperature == 0
    choice: Mapping[str, Any] = {} if is_greedy else {**sampling._asdict(), "verification": arguments.verification}
    with contextlib.ExitStack() as files:  # before the work, so that a place where no page can go is told first
        page = None if arguments.trace_html is None else files.enter_context(whole_file(arguments.trace_html))
        models = load(cascade, dtype=arguments.dtype, device=arguments.device)
        found = generate(models, arguments.prompt, limit, stop=arguments.stop, on_piece=show, **choice)
        print()
        summary = _summary(found)
        print(picture.legend(found.pieces, coloured=wants_colour(sys.stderr)), file=sys.stderr)
        print(summary, file=sys.stderr)
        if page is not None:
            page.write(picture.page("Who drafted what", arguments.prompt, found.pieces, summary))
    return 0


def _summary(found: Completion) -> str:
    run, tokens = found.generation, len(found.tokens)
    return (
        f"{tokens} tokens in {run.seconds:.1f} s ({tokens / max(run.seconds, 1e-9):.1f} a second), "
        f"{tokens / max(run.cycles, 1):.2f} tokens a cycle, ended by {run.finish}"
    )
