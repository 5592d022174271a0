"""What the statistical tests of losslessness found, as a table: ``python tests/statistical_table.py``."""

from __future__ import annotations

import sys

import toys
from test_lossless_exact import WRONG
from test_lossless_statistical import (
    CASES,
    CONTROL_GENERATIONS,
    FALSE_ALARM,
    GENERATIONS,
    LENGTH,
    PROMPT,
    cells,
    p_value,
    power,
    sampled,
)

from analysis.model import progress


def right_engines(generations=GENERATIONS):
    """A row for each right engine: name, generations, cells, p-value."""
    models = toys.toys(3, seed="statistics")
    reference = toys.target_law(models["t"], PROMPT, LENGTH)
    for name, (draft, verification) in progress(CASES.items(), "right engines", "engine"):
        counts = sampled(toys.decoder(models, draft, verification), generations)
        found = p_value(counts, reference, generations)
        yield f"{name}, {verification}", generations, len(cells(reference, generations)[0]), found


def wrong_engines(generations=CONTROL_GENERATIONS):
    """A row for each wrong engine: name, generations, power at the false-alarm rate, p-value."""
    models = toys.toys(3, seed="statistics")
    reference = toys.target_law(models["t"], PROMPT, LENGTH)
    for name, (judge, draft) in progress(WRONG.items(), "wrong engines", "engine"):
        engine = toys.decoder(models, draft, judge=judge)
        law = toys.text_law(engine, PROMPT, LENGTH)
        found = p_value(sampled(engine, generations), reference, generations)
        yield name, generations, power(law, reference, generations), found


def main():
    print(f"Joint law of {LENGTH} tokens over 3 symbols; false-alarm rate {FALSE_ALARM:g} a test.\n")
    print("| engine | generations | cells | p-value |\n|---|---:|---:|---:|")
    for name, generations, number, found in right_engines():
        print(f"| {name} | {generations:,} | {number} | {found:.3f} |")
    print("\n| wrong engine | generations | power | p-value |\n|---|---:|---:|---:|")
    for name, generations, caught, found in wrong_engines():
        print(f"| {name} | {generations:,} | {'> 0.9999' if caught > 0.9999 else f'{caught:.4f}'} | {found:.1e} |")


if __name__ == "__main__":
    sys.exit(main())
