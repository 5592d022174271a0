"""20,000 sampled generations: the joint law of the first three tokens is the target's, and wrong engines are caught.

The test is Pearson's chi-square over all texts of three tokens, those expected less than five times pooled. The power
against a wrong engine is that of the noncentral chi-square distribution, its noncentrality from the engine's own law,
which is enumerated and not sampled.
"""

import pytest
import toys
from scipy import stats
from test_lossless_exact import WRONG
from toys import DEPTH_2, DEPTH_3, FLAT, LENIENT

from realrun.engine.choice import seeded

PROMPT = (1, 0)
LENGTH = 3
GENERATIONS = 20_000
FALSE_ALARM = 1e-4
"""Of each test here; seeds are fixed, so that it either fails always or never."""

CASES = {
    "flat": (FLAT["horizontal"], "tokenwise"),
    "vertical": (DEPTH_2["two rounds"], "tokenwise"),
    "nested": (DEPTH_3["nested"], "tokenwise"),
    "lenient": (LENIENT["lenient"], "tokenwise"),
    "block": (FLAT["two"], "block"),
}


def sampled(engine, generations):
    """Number of generations that gave each text."""
    source = seeded(0)
    counts = {}
    for _ in range(generations):
        text = tuple(engine.generate(PROMPT, LENGTH, source=source).tokens)
        counts[text] = counts.get(text, 0) + 1
    return counts


def cells(reference, generations, *laws):
    """Values of the laws by text, those of texts expected less than five times added up into one."""
    rare = {text for text, mass in reference.items() if generations * mass < 5}
    common = [text for text in reference if text not in rare]
    rows = [[law.get(text, 0) for text in common] for law in (reference, *laws)]
    left = [sum(law.values()) - sum(row) for law, row in zip((reference, *laws), rows, strict=True)]
    if left[0] > 1e-12:
        rows = [[*row, rest] for row, rest in zip(rows, left, strict=True)]
    return rows


def p_value(counts, reference, generations):
    expected, observed = cells(reference, generations, counts)
    statistic = sum(
        (n - generations * mass) ** 2 / (generations * mass) for n, mass in zip(observed, expected, strict=True)
    )
    return stats.chi2.sf(statistic, len(expected) - 1)


def power(law, reference, generations):
    """P(an engine of this law is caught) at the false-alarm rate."""
    expected, found = cells(reference, generations, law)
    noncentrality = generations * sum((b - a) ** 2 / a for a, b in zip(expected, found, strict=True))
    critical = stats.chi2.isf(FALSE_ALARM, len(expected) - 1)
    return stats.ncx2.sf(critical, len(expected) - 1, noncentrality)


@pytest.mark.parametrize("name", ["vertical", *(pytest.param(name, marks=pytest.mark.slow) for name in CASES)])
def test_twenty_thousand_generations_have_the_targets_law(name):
    draft, verification = CASES[name]
    models = toys.toys(3, seed="statistics")
    reference = toys.target_law(models["t"], PROMPT, LENGTH)
    counts = sampled(toys.decoder(models, draft, verification), GENERATIONS)
    assert p_value(counts, reference, GENERATIONS) > FALSE_ALARM


CONTROL_GENERATIONS = 2000
"""Enough to catch every wrong engine here with the power that is asserted."""


@pytest.mark.parametrize("name", WRONG)
def test_wrong_engines_are_caught_with_a_power_of_at_least_999_in_1000(name):
    judge, draft = WRONG[name]
    models = toys.toys(3, seed="statistics")
    reference = toys.target_law(models["t"], PROMPT, LENGTH)
    engine = toys.decoder(models, draft, judge=judge)
    law = toys.text_law(engine, PROMPT, LENGTH)
    assert power(law, reference, CONTROL_GENERATIONS) > 0.999
    assert p_value(sampled(engine, CONTROL_GENERATIONS), reference, CONTROL_GENERATIONS) < FALSE_ALARM


def test_the_test_itself_raises_false_alarms_as_often_as_it_says():
    """400 samples from the target itself at a rate of 5 %: 8..32 alarms lie within 1e-3 of their binomial law."""
    models = toys.toys(3, seed="statistics")
    reference = toys.target_law(models["t"], PROMPT, LENGTH)
    texts, masses = list(reference), list(reference.values())
    draws = stats.multinomial(GENERATIONS, masses, seed=0).rvs(400)
    alarms = sum(p_value(dict(zip(texts, row, strict=True)), reference, GENERATIONS) < 0.05 for row in draws)
    low, high = stats.binom.interval(1 - 1e-3, 400, 0.05)
    assert low <= alarms <= high
