"""The paper's headline on measured rows: the best cascade over the best speculative decoding, by every measure."""

from analysis.paper.swi.ceiling import possible, with_costs
from analysis.paper.swi.costs import cost_tables
from analysis.paper.swi.report import ALL, by_set, markdown
from analysis.paper.swi.speed import at_one_speed
from analysis.paper.swi.tables import by_limit, tokens_per_second

__all__ = [
    "ALL",
    "at_one_speed",
    "by_limit",
    "by_set",
    "cost_tables",
    "markdown",
    "possible",
    "tokens_per_second",
    "with_costs",
]
