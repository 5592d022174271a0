"""The three ways a claim is checked: by proof, by examples, or by refuting it and checking what saves it."""

from __future__ import annotations

from dataclasses import dataclass

from analysis.claims.claim import Finding, Verdict
from analysis.claims.search import MARGIN, Property, search
from analysis.derive import derived

EXAMPLES = 200
"""Examples tried for each property, unless a row says otherwise."""

PROPERTY_TESTS = 100
"""Examples that the tests draw for each property with Hypothesis, over wider numbers than the search."""

SEARCH = f"seeded search (the tests: {PROPERTY_TESTS} Hypothesis examples)"
"""How a property without a counterexample was tried."""


@dataclass(frozen=True)
class Proof:
    """A claim with a theorem, whose algebra SymPy verifies anew, and examples that could refute it all the same.

    Attributes:
        theorems: Names of the theorems.
        claimed: The claim about numbers.
        note: Numbers or reasons worth knowing.
        examples: Examples to try.
    """

    theorems: tuple[str, ...]
    claimed: Property
    note: str = ""
    examples: int = EXAMPLES

    def __call__(self) -> Finding:
        """Run it."""
        proved = all(derived(theorem).proved for theorem in self.theorems)
        result = search(self.claimed, self.examples)
        method = f"SymPy (derive {', '.join(self.theorems)}) and a {SEARCH}"
        if result.counterexample is not None:
            shown = self.claimed.shown(result.counterexample)
            return Finding("refuted", method, result.examples, shown, note=self.note)
        verdict: Verdict = "proved" if proved and result.examples else "open"
        return Finding(verdict, method, result.examples, note=self.note)


@dataclass(frozen=True)
class ByExamples:
    """A claim with examples alone.

    Attributes:
        claimed: The claim about numbers.
        note: Numbers or reasons worth knowing.
        examples: Examples to try.
    """

    claimed: Property
    note: str = ""
    examples: int = EXAMPLES

    def __call__(self) -> Finding:
        """Run it."""
        result = search(self.claimed, self.examples)
        if result.counterexample is not None:
            shown = self.claimed.shown(result.counterexample)
            return Finding("refuted", "seeded search, shrunk", result.examples, shown, note=self.note)
        return Finding("tested" if result.examples else "open", SEARCH, result.examples, note=self.note)


@dataclass(frozen=True)
class Refutation:
    """A claim that is false as made, and the assumption that saves it.

    Attributes:
        claimed: The claim as made; the search is expected to break it by a margin.
        rescue: The assumption under which it holds.
        rescued: The claim with that assumption, searched for counterexamples of its own.
        theorems: Theorems that prove the rescued claim; may be empty.
        note: Numbers or reasons worth knowing.
        examples: Examples to try for the rescue; up to ten times as many for the claim.
    """

    claimed: Property
    rescue: str
    rescued: Property
    theorems: tuple[str, ...] = ()
    note: str = ""
    examples: int = EXAMPLES

    def __call__(self) -> Finding:
        """Run it."""
        result = search(self.claimed, 10 * self.examples, margin=MARGIN)
        if result.counterexample is None:
            return Finding("tested", SEARCH, result.examples, note=self.note)
        saved = search(self.rescued, self.examples, seed=1)
        holds = (
            all(derived(theorem).proved for theorem in self.theorems)
            and saved.counterexample is None
            and saved.examples > 0
        )
        how = [f"proved by derive {', '.join(self.theorems)}"] if self.theorems else []
        how.append(f"tested on {saved.examples} examples")
        return Finding(
            "refuted",
            f"seeded search for a miss of at least {100 * MARGIN} %, shrunk",
            result.examples,
            self.claimed.shown(result.counterexample),
            f"{self.rescue} ({'; '.join(how)})",
            holds,
            self.note,
        )
