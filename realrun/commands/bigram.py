"""``cascade-ewif bigram``: learn the bigram table that Max-Gram falls back on from text of the target."""

from __future__ import annotations

import argparse

from analysis.model import InputError, Subparsers, add_command, parse_json, progress, read_text
from analysis.model.boundary.options import add_out, add_quiet
from realrun.commands.options import target


def add(commands: Subparsers) -> None:
    """Register the command."""
    parser = add_command(
        commands,
        "bigram",
        run,
        more="Name the table as `bigram` in the `load` of Max-Gram.",
        example="cascade-ewif bigram answers.jsonl --target smollm2-135m --out bigram.npz",
    )
    parser.add_argument("texts", metavar="ROWS.jsonl", help="rows with `text`, for example of `cascade-ewif generate`")
    parser.add_argument("--key", default="text", metavar="KEY", help="the key that holds the text")
    parser.add_argument(
        "--target", type=target, required=True, metavar="LOAD", help="model whose tokenizer the drafts are for"
    )
    add_out(parser, "FILE.npz", "where the table goes", required=True)
    add_quiet(parser)


def run(arguments: argparse.Namespace) -> int:
    """Count successors and write the table; name it as `bigram` in the `load` of Max-Gram."""
    texts = [
        _text(parse_json(line, arguments.texts, first_line=i), arguments.key, f"{arguments.texts}, line {i}")
        for i, line in enumerate(read_text(arguments.texts).split("\n"), start=1)
        if line.strip()
    ]
    from realrun.loading.ensemble import load_tokenizer
    from realrun.maxgram.bigram import Bigram, tokenizer_fingerprint

    tokenizer = load_tokenizer(arguments.target)
    rows = (tokenizer(text)["input_ids"] for text in progress(texts, "bigrams", "text"))
    vocabulary = tokenizer.get_vocab()
    table = Bigram.learn(rows, max(vocabulary.values()) + 1, tokenizer_fingerprint(vocabulary))
    table.save(arguments.out)
    print(f"{int((table.successors >= 0).sum())} of {len(vocabulary)} tokens have a successor")
    return 0


def _text(row: object, key: str, where: str) -> str:
    text = row.get(key) if isinstance(row, dict) else None
    if not isinstance(text, str):
        raise InputError(where, f"expected an object with a text under {key!r}")
    return text
