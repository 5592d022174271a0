"""A draft as a list of steps, and the lengths it can have."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from analysis.model.boundary.fields import (
    InputError,
    count,
    inside,
    mapping,
    only_keys,
    read_name,
    read_number,
    reject,
    sequence,
)

MAX_DRAFT_LENGTH = 4096
"""Greatest possible length of any draft, in tokens."""

MAX_DEPTH = 100
"""Greatest nesting of drafts; a draft of leaves only has depth 1."""

_REPEATS = ("tokens", "rounds", "until")
_KEYS = ("by", *_REPEATS, "block", "lenience", "draft")


@dataclass(frozen=True)
class Step:
    """One step of a draft: a model drafts tokens itself (a leaf), or reviews rounds of an inner draft.

    Exactly one of `tokens`, `rounds` and `until` is set.

    Attributes:
        by: Name of the drafter.
        tokens: Leaf step of this many tokens, 1..4096.
        rounds: Number of review rounds over the inner `draft`, 1..4096.
        until: Go on until the whole draft, earlier steps included, holds at least this many tokens, 1..4096;
            overshoot is kept, and an `until` already reached drafts nothing.
        draft: The inner draft that `by` reviews in each round; empty for a leaf.
        block: Tokens an `until` leaf drafts at a time, 1..4096.
        lenience: Lenience of the inner reviews, >= 1; 1 is lossless. Acceptances are given with it, so theory
            does not read it.
    """

    by: str
    tokens: int | None = None
    rounds: int | None = None
    until: int | None = None
    draft: tuple[Step, ...] = field(default=())
    block: int = 1
    lenience: float = 1.0

    def __post_init__(self) -> None:
        read_name(self.by, "by")
        given = [key for key in _REPEATS if getattr(self, key) is not None]
        if len(given) != 1:
            found = "none" if not given else " and ".join(given)
            raise InputError("", f"got {found}, expected exactly one of tokens, rounds, until")
        object.__setattr__(self, given[0], count(getattr(self, given[0]), given[0], MAX_DRAFT_LENGTH))
        object.__setattr__(self, "block", count(self.block, "block", MAX_DRAFT_LENGTH))
        object.__setattr__(self, "lenience", read_number(self.lenience, "lenience", 1))
        object.__setattr__(self, "draft", tuple(self.draft))
        if self.rounds is not None and not self.draft:
            raise InputError("draft", "missing or empty, `rounds` needs an inner draft of at least one step")
        if self.tokens is not None and self.draft:
            raise InputError("draft", "`tokens` is a leaf step without an inner draft; use `rounds` or `until`")
        if self.block != 1 and (self.until is None or self.draft):
            raise InputError("block", "only an `until` step without an inner draft has a block")
        if self.lenience != 1 and not self.draft:
            raise InputError("lenience", "only a step with an inner draft has a lenience")

    @property
    def is_leaf(self) -> bool:
        """Whether the model drafts by itself, without an inner draft."""
        return not self.draft

    def to_json(self) -> dict[str, object]:
        """The specification with defaults left out."""
        result: dict[str, object] = {"by": self.by}
        result.update({key: getattr(self, key) for key in _REPEATS if getattr(self, key) is not None})
        if self.block != 1:
            result["block"] = self.block
        if self.lenience != 1:
            result["lenience"] = self.lenience
        if self.draft:
            result["draft"] = [step.to_json() for step in self.draft]
        return result


Draft: TypeAlias = tuple[Step, ...]


def read_draft(value: object, depth: int = 1) -> Draft:
    """Read a list of steps at a depth of nesting; an inner draft, where given, is never empty."""
    if depth > MAX_DEPTH:
        raise InputError("", f"nested more than {MAX_DEPTH} drafts deep")
    steps = []
    for i, item in enumerate(sequence(value, "")):
        with inside(f"[{i}]"):
            steps.append(_read_step(item, depth))
    return tuple(steps)


def _read_step(value: object, depth: int) -> Step:
    fields = dict(mapping(value, ""))
    only_keys(fields, _KEYS, required=("by",))
    for key in _REPEATS:
        if key in fields and fields[key] is None:
            reject(key, None, f"a whole number in 1..{MAX_DRAFT_LENGTH}")
    if "block" in fields and (fields.get("until") is None or "draft" in fields):
        raise InputError("block", "only an `until` step without an inner draft has a block")
    if "lenience" in fields and "draft" not in fields:
        raise InputError("lenience", "only a step with an inner draft has a lenience")
    if "draft" in fields:
        with inside("draft"):
            fields["draft"] = read_draft(fields["draft"], depth + 1)
        if not fields["draft"]:
            reject("draft", [], "an inner draft of at least one step")
    return Step(**fields)  # type: ignore[arg-type]


def walk(steps: Sequence[Step], reviewer: str, path: str = "draft") -> Iterator[tuple[str, str, Step]]:
    """Yield (path, reviewer, step) for every step of a draft and of its inner drafts, outer steps first."""
    for i, step in enumerate(steps):
        here = f"{path}[{i}]"
        yield here, reviewer, step
        yield from walk(step.draft, step.by, f"{here}.draft")


def longest(steps: Sequence[Step]) -> int:
    """Greatest possible length of a draft in tokens, whatever the acceptances.

    Raises:
        InputError: where this draft or an inner one could exceed `MAX_DRAFT_LENGTH`.
    """
    lengths = 1  # bit L is set where a draft of L tokens is possible
    for i, step in enumerate(steps):
        with inside(f"[{i}]"):
            lengths = _after(lengths, step)
            if lengths.bit_length() - 1 > MAX_DRAFT_LENGTH:
                raise InputError(
                    "",
                    f"the draft could hold {lengths.bit_length() - 1} tokens, "
                    f"expected a greatest possible length of at most {MAX_DRAFT_LENGTH}",
                )
    return lengths.bit_length() - 1


def reached_by(lengths: int, step: Step) -> tuple[int, int]:
    """What a step makes of the lengths that a draft may have before it.

    Args:
        lengths: Bit L is set where L tokens are possible.
        step: The step.

    Returns:
        (possible lengths after it, the greatest length to which the step itself may take the draft; 0 where it drafts
        nothing).
    """
    drafting = lengths if step.until is None else lengths & ((1 << step.until) - 1)
    if not drafting:
        return lengths, 0
    return _after(lengths, step), _after(drafting, step).bit_length() - 1


def _after(lengths: int, step: Step) -> int:
    """The set of possible lengths after one more step, as bits."""
    if step.tokens is not None:
        return lengths << step.tokens
    if step.draft:
        with inside("draft"):
            greatest_yield = longest(step.draft) + 1
    if step.rounds is not None:
        if lengths.bit_length() - 1 + step.rounds * greatest_yield > MAX_DRAFT_LENGTH:
            return 1 << (lengths.bit_length() - 1 + step.rounds * greatest_yield)
        return _spread(lengths, step.rounds, greatest_yield)
    assert step.until is not None
    below = lengths & ((1 << step.until) - 1)
    reached = lengths ^ below
    if not below:
        return reached
    if step.draft:
        return reached | _run(step.until, step.until - 1 + greatest_yield)
    while below:
        length = below.bit_length() - 1
        below ^= 1 << length
        reached |= 1 << (length + -(-(step.until - length) // step.block) * step.block)
    return reached


def _run(low: int, high: int) -> int:
    """Bits low..high."""
    return (1 << (high + 1)) - (1 << low)


def _spread(lengths: int, rounds: int, greatest_yield: int) -> int:
    """Each round adds 1..greatest_yield tokens, so each start becomes a run of lengths."""
    result = 0
    while lengths:
        length = lengths.bit_length() - 1
        lengths ^= 1 << length
        result |= _run(length + rounds, length + rounds * greatest_yield)
    return result
