"""The ledger of the field's claims on cascades: each proved, tested or refuted by a check that anyone can re-run."""

from analysis.claims.claim import Claim, Finding, Verdict
from analysis.claims.exact_cascade import ExactCascade
from analysis.claims.ledger import LEDGER, LedgerRow, as_markdown, as_text, run_ledger, summary
from analysis.claims.measured import MeasuredSurvival, published_survival
from analysis.claims.search import Domain, Property, search, shrink

__all__ = [
    "LEDGER",
    "Claim",
    "Domain",
    "ExactCascade",
    "Finding",
    "LedgerRow",
    "MeasuredSurvival",
    "Property",
    "Verdict",
    "as_markdown",
    "as_text",
    "published_survival",
    "run_ledger",
    "search",
    "shrink",
    "summary",
]
