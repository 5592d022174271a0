"""Who can review and who can draft, in the order of the specification."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from analysis.model import Cascade, InputError, Step
from realrun.loading.ensemble import Ensemble

_DRAFT = 8
"""Tokens that Max-Gram drafts a cycle while the target writes its texts."""


@dataclass(frozen=True)
class Roster:
    """The models of a calibration by what they can do.

    Attributes:
        target: Name of the target.
        neural: Drafters with probabilities, which can also review, in the order of the specification: dear to cheap.
        proposers: Drafters without probabilities, which cannot.
    """

    target: str
    neural: tuple[str, ...]
    proposers: tuple[str, ...]

    @classmethod
    def of(cls, cascade: Cascade, ensemble: Ensemble) -> Roster:
        """The roster of loaded models."""
        drafters = [name for name in cascade.models if name != cascade.target]
        proposers = tuple(name for name in drafters if hasattr(ensemble.models[name], "propose_next"))
        return cls(cascade.target, tuple(name for name in drafters if name not in proposers), proposers)

    @property
    def drafters(self) -> tuple[str, ...]:
        """All drafters, those without probabilities last."""
        return self.neural + self.proposers

    @property
    def reviewers(self) -> tuple[str, ...]:
        """All that can review, the target first."""
        return (self.target, *self.neural)

    def pairs(self) -> Iterator[tuple[str, str]]:
        """Every (reviewer, drafter): each reviewer with all drafters behind it."""
        for reviewer in self.reviewers:
            for drafter in self.behind(reviewer):
                yield reviewer, drafter

    def behind(self, reviewer: str) -> tuple[str, ...]:
        """The drafters that a reviewer reviews: all after it."""
        return self.drafters[self.reviewers.index(reviewer) :]

    def inner(self, drafter: str) -> str | None:
        """Whose drafts a drafter's own review is taken to judge: the last proposer's; None where there is none."""
        return self.proposers[-1] if self.proposers and drafter in self.neural else None


def with_all_models(cascade: Cascade) -> Cascade:
    """The cascade with a draft that uses every model, to load them all.

    Raises:
        InputError: where there is no drafter.
    """
    drafters = [name for name in cascade.models if name != cascade.target]
    if not drafters:
        raise InputError("models", f"got only the target {cascade.target!r}, expected at least one drafter")
    return replace(cascade, draft=(*cascade.draft, *(Step(name, tokens=1) for name in drafters)))


def writing_cascade(cascade: Cascade, roster: Roster) -> Cascade:
    """What writes the target's texts: the specification's own draft, else Max-Gram, else the cheapest drafter.

    Any lossless cascade writes the target's text; some do it faster.
    """
    if cascade.draft:
        return cascade
    by = roster.drafters[-1]
    return replace(cascade, draft=(Step(by, tokens=_DRAFT if by in roster.proposers else 2),), lenience=1.0)
