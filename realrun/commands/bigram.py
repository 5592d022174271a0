"""``python -m realrun bigram``: learn Max-Gram's fallback from text of the target."""

from __future__ import annotations

import argparse

from tqdm import tqdm

from analysis.model import InputError, Subparsers, parse_json, read_text
from realrun.loading.options import Source


def add(commands: Subparsers) -> None:
    """Register the command."""
    parser = commands.add_parser("bigram", help="learn a bigram table for Max-Gram from text")
    parser.add_argument("texts", metavar="ROWS.jsonl", help="rows with `text`, for example of `generate`")
    parser.add_argument("--key", default="text", help="the key that holds the text (default text)")
    parser.add_argument("--target", required=True, metavar="LOAD", help="model whose tokenizer the drafts are for")
    parser.add_argument("--out", required=True, metavar="FILE.npz", help="where the table goes")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Count successors and write the table; name it as `bigram` in the `load` of Max-Gram."""
    Source.of_target("--target", arguments.target)
    texts = [
        _text(parse_json(line, arguments.texts, first_line=i), arguments.key, f"{arguments.texts}, line {i}")
        for i, line in enumerate(read_text(arguments.texts).split("\n"), start=1)
        if line.strip()
    ]
    from realrun.loading.ensemble import load_tokenizer
    from realrun.maxgram.bigram import Bigram, tokenizer_fingerprint

    tokenizer = load_tokenizer(arguments.target)
    rows = (tokenizer(text)["input_ids"] for text in tqdm(texts, unit="text", desc="bigrams", delay=2))
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
