"""The ledger of the field's claims on cascades: each proved, tested or refuted by a check that anyone can re-run."""

from analysis.claims.claim import Claim, Finding, Verdict
from analysis.claims.ledger import LEDGER, Row, as_markdown, as_text, run_ledger, summary
from analysis.claims.measured import MeasuredSurvival, published_survival
from analysis.claims.plan import Plan
from analysis.claims.search import Domain, Property, search, shrink

__all__ = [
    "LEDGER",
    "Claim",
    "Domain",
    "Finding",
    "MeasuredSurvival",
    "Plan",
    "Property",
    "Row",
    "Verdict",
    "as_markdown",
    "as_text",
    "published_survival",
    "run_ledger",
    "search",
    "shrink",
    "summary",
]
