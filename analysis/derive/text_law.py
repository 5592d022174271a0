"""Texts of whole cascades whose models look at what was written before, every outcome enumerated in exact rationals."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from itertools import product
from typing import TypeAlias

from analysis.derive.affine import Repeated
from analysis.derive.token_law import TokenLaw, distance, review

Text: TypeAlias = tuple[int, ...]
Model: TypeAlias = Callable[[Text], TokenLaw]
"""Law of the next token after a text."""
_Draft: TypeAlias = tuple[tuple[int, str], ...]


def last_token_model(first: Fraction, second: Fraction) -> Model:
    """A model over two tokens: P(token 0) is `second` after a text that ends in 1, and `first` after any other."""

    def law(text: Text) -> TokenLaw:
        share = second if text[-1:] == (1,) else first
        return share, 1 - share

    return law


def cascade_text(steps: Sequence[Repeated], models: Mapping[str, Model], length: int) -> dict[Text, Fraction]:
    """Law of the first `length` tokens that lossless cycles of a draft write, reviewed by the model named ``t``."""
    done: dict[Text, Fraction] = defaultdict(Fraction)
    open_texts: dict[Text, Fraction] = {(): Fraction(1)}
    while open_texts:
        longer: dict[Text, Fraction] = defaultdict(Fraction)
        for text, mass in open_texts.items():
            for more, probability in _reviewed("t", steps, models, text).items():
                whole = (text + more)[:length]
                (done if len(whole) == length else longer)[whole] += mass * probability
        open_texts = longer
    return {text: mass for text, mass in done.items() if mass}


def model_text(model: Model, length: int) -> dict[Text, Fraction]:
    """Law of the first `length` tokens that a model writes by itself."""
    texts = {}
    for text in product(range(len(model(()))), repeat=length):
        mass = Fraction(1)
        for position, token in enumerate(text):
            mass *= model(text[:position])[token]
        if mass:
            texts[text] = mass
    return texts


def rejections(target: Model, drafter: Model, length: int) -> Fraction:
    """Expected rejections among `length` tokens that are all drafted and reviewed, outcome by outcome."""
    expected = Fraction(0)
    texts: dict[Text, Fraction] = {(): Fraction(1)}
    for _ in range(length):
        longer: dict[Text, Fraction] = defaultdict(Fraction)
        for text, mass in texts.items():
            rule = review(target(text), drafter(text))
            for token, drafted in enumerate(drafter(text)):
                kept = mass * drafted * rule.accept[token]
                lost = mass * drafted - kept
                expected += lost
                longer[(*text, token)] += kept
                for correction, share in enumerate(rule.residual):
                    longer[(*text, correction)] += lost * share
        texts = longer
    return expected


def summed_distances(target: Model, drafter: Model, length: int) -> Fraction:
    """Total variation of the two next-token laws, summed over the places of the target's own text, in the mean."""
    return sum(
        (
            mass * distance(target(text), drafter(text))
            for place in range(length)
            for text, mass in model_text(target, place).items()
        ),
        Fraction(0),
    )


def _reviewed(
    reviewer: str, steps: Sequence[Repeated], models: Mapping[str, Model], text: Text
) -> dict[Text, Fraction]:
    """Law of what one review of a draft hands up after a text."""
    law: dict[Text, Fraction] = defaultdict(Fraction)
    for draft, drafted in _drafts(steps, models, text).items():
        mass = drafted
        passed: Text = ()
        for token, by in draft:
            rule = review(models[reviewer](text + passed), models[by](text + passed))
            lost = mass * (1 - rule.accept[token])
            for correction, share in enumerate(rule.residual):
                law[(*passed, correction)] += lost * share
            mass *= rule.accept[token]
            passed = (*passed, token)
        for bonus, share in enumerate(models[reviewer](text + passed)):
            law[(*passed, bonus)] += mass * share
    return {more: mass for more, mass in law.items() if mass}


def _drafts(steps: Sequence[Repeated], models: Mapping[str, Model], text: Text) -> dict[_Draft, Fraction]:
    law: dict[_Draft, Fraction] = {(): Fraction(1)}
    for step in steps:
        for _ in range(step.times):
            longer: dict[_Draft, Fraction] = defaultdict(Fraction)
            for draft, mass in law.items():
                context = text + tuple(token for token, _ in draft)
                added = _reviewed(step.by, step.inner, models, context)
                for more, probability in added.items():
                    longer[draft + tuple((token, step.by) for token in more)] += mass * probability
            law = longer
    return law
