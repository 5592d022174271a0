"""What the `load` of a model in a specification may say, and its reading.

A `load` is a name, or an object with `name` and options:

``smollm2-135m``, a folder, a ``.gguf`` file, or a hub id: a neural model.
    ``revision``  text: branch, tag or commit of a hub id; of no other.
    ``dtype``     float32, bfloat16 or float16 of its weights (default: that of the run).
    ``weights``   int8: run it in 8-bit integers (`realrun.network.int8_model`: Llama, Mistral, Qwen2 and Qwen3 on a
                  CPU; its weights in floating point stay in memory beside); float: in its `dtype`
                  (default: int8 in a run of that dtype, unless `dtype` is said; otherwise float).
    ``gguf``      text: a GGUF file in the folder or repository, whose weights are dequantised; its tokenizer
                  is used where the folder has no other. Rotary scaling that it names is applied; a file that
                  says something else which changes the text and which transformers does not read is refused.
    ``head``      N in 1..size of its output: its output layer keeps only the N lowest token ids. In byte-pair
                  vocabularies these are the frequent ones; a drafter then costs less and proposes no others.
    ``packed``    true or false: whether linear layers in half precision on a CPU are packed for it (default true).

``skip:N``: N layers of the target with its embedding and head, without further memory, but for a copy of these in int8;
not of a target whose layers depend on one another, such as by shared keys and values.
    ``weights``   as above.
    ``layers``    list of N different layer numbers, run in this order (default: `realrun.network.skip.default_layers`).
    ``head``      as above.

``smollm2-d1``, ``smollm2-d2``, or a folder of ``cascade-ewif distill``: a drafter distilled from the target.
    ``head``      N in 1..size of its output: it proposes only the N most frequent of its tokens.
    ``packed``    as above.
    ``weights``   as above.
    ``lean``      true or false: whether a Llama-like drafter runs by our own forward pass (default true) or
                  transformers' (`realrun.network.lean`).
    ``spread``    true or false: whether its logits stand in the columns of the whole vocabulary, as other programs
                  read them (default false; not in int8, which they do not run).

``maxgram``: the statistical drafter (`realrun.maxgram.drafter.MaxGram`).
    ``match``       recent (default) or leftmost.
    ``min_match``   >= 1: shorter matches are none (default 1).
    ``max_match``   >= min_match, <= 1024: longer matches are not told apart (default 32).
    ``candidates``  1..1024: how many matches vote on the next token (default 1).
    ``bigram``      text, a table of ``cascade-ewif bigram``; null for none (default: the one that ships with the
                    package, where the target's tokenizer is the one it was learnt with).
    ``variant``     ours (default), or authors: the authors' leftmost search of prompt, prompt and text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from analysis.model import Cascade, InputError, walk

MAXGRAM = "maxgram"
Word = TypeVar("Word", bound=str)
SKIP = re.compile(r"skip:(\d+)")
_EXAMPLES = 'write "load": "smollm2-135m" there (or "maxgram", "skip:8", a folder with a model, a hub id)'
DISTILLED = ("smollm2-d1", "smollm2-d2")
"""Drafters for the embedded model that ship with the package."""


@dataclass(frozen=True)
class Source:
    """A `load` taken apart.

    Attributes:
        name: What to load.
        options: What else it says, by key.
        field: The field of the specification, or the command-line option, that it stands in.
    """

    name: str
    options: Mapping[str, object]
    field: str

    @classmethod
    def of(cls, cascade: Cascade, model: str) -> Source:
        """The `load` of a model of a specification.

        Raises:
            InputError: where it has none, or one without a name.
        """
        field = f"models.{model}.load"
        load = cascade.models[model].load
        if load is None:
            raise InputError(field, f"missing: a real run needs to know what to load, {_EXAMPLES}")
        if isinstance(load, str):
            return cls(load, {}, field)
        name = load.get("name")
        if not isinstance(name, str) or not name:
            raise InputError(f"{field}.name", "missing, expected what to load: a known name, a folder or a hub id")
        return cls(name, {key: value for key, value in load.items() if key != "name"}, field)

    @classmethod
    def of_target(cls, option: str, load: str) -> Source:
        """The `load` of a target that a command-line option names.

        Raises:
            InputError: where it is empty, or what only drafters can be.
        """
        if not load:
            raise InputError(option, "got '', expected a known name, a folder or a hub id")
        source = cls(load, {}, option)
        source.demand_neural()
        return source

    def demand_neural(self) -> None:
        """Refuse what cannot be a target."""
        if self.name == MAXGRAM or self.name in DISTILLED or SKIP.fullmatch(self.name):
            raise self.reject("cannot be the target, expected a neural model")

    def reject(self, problem: str) -> InputError:
        """The error that says what is wrong with this source."""
        return InputError(self.field, f"{self.name!r} {problem}")

    def only(self, *allowed: str) -> None:
        """Refuse all options but these."""
        for key in self.options:
            if key not in allowed:
                expected = ", ".join(("name", *allowed))
                raise InputError(f"{self.field}.{key}", f"unknown option of {self.name}, expected one of {expected}")

    def text(self, key: str) -> str | None:
        """An option that is a text; None where it is absent."""
        value = self.options.get(key)
        if key not in self.options:
            return None
        if not isinstance(value, str) or not value:
            raise self._bad(key, "a text that is not empty")
        return value

    def choice(self, key: str, allowed: Sequence[Word], default: Word) -> Word:
        """An option that is one of some words."""
        value = self.options.get(key, default)
        for word in allowed:
            if word == value:
                return word
        raise self._bad(key, " or ".join(allowed))

    def flag(self, key: str, default: bool) -> bool:
        """An option that is true or false."""
        value = self.options.get(key, default)
        if not isinstance(value, bool):
            raise self._bad(key, "true or false")
        return value

    def whole(self, key: str, low: int, high: int, default: int) -> int:
        """An option that is a whole number in low..high."""
        value = self.options.get(key, default)
        if type(value) is not int or not low <= value <= high:
            raise self._bad(key, f"a whole number in {low}..{high}")
        return value

    def distinct(self, key: str, count: int, high: int) -> list[int] | None:
        """An option that lists `count` different whole numbers in 0..high; None where it is absent."""
        value = self.options.get(key)
        if value is None and key not in self.options:
            return None
        if (
            not isinstance(value, list)
            or not all(type(i) is int and 0 <= i <= high for i in value)
            or not len(value) == len(set(value)) == count
        ):
            raise self._bad(key, f"{count} different numbers in 0..{high}")
        return value

    def _bad(self, key: str, expected: str) -> InputError:
        return InputError(f"{self.field}.{key}", f"got {self.options[key]!r}, expected {expected}")


def demand_loads(cascade: Cascade, *, but_target: bool = False) -> None:
    """Refuse a cascade without a `load` on its target or on a model that its draft uses.

    Args:
        cascade: Of a real run.
        but_target: Whether the target's is given elsewhere.
    """
    used = {step.by for _, _, step in walk(cascade.draft, cascade.target)}
    for name in cascade.models:
        if (name == cascade.target and not but_target) or name in used - {cascade.target}:
            Source.of(cascade, name)


def demand_calibratable(cascade: Cascade) -> None:
    """Refuse a cascade that is lossy at its target, or has a model without a `load`."""
    if cascade.lenience > 1:
        raise InputError(
            "lenience", f"got {cascade.lenience:g}, expected 1: acceptances are those of a lossless review"
        )
    for name in cascade.models:
        Source.of(cascade, name)


def demand_file(field: str, load: str) -> None:
    """Refuse what looks like the name of a file that is not there; hub ids have an owner, or no dot."""
    if "." in load and "/" not in load and not Path(load).exists():
        raise InputError(
            field, f"got {load!r}, no such file, expected a specification (.json), a folder with a model or a hub id"
        )


def with_target(cascade: Cascade, load: str | None) -> Cascade:
    """The cascade with another `load` of its target, from the option --target; the same cascade for None.

    Raises:
        InputError: where no target can be loaded from that.
    """
    if load is None:
        return cascade
    Source.of_target("target", load)
    target = replace(cascade.models[cascade.target], load=load)
    return replace(cascade, models={**cascade.models, cascade.target: target})
