"""The paper's headline on measured rows: the best cascade over the best speculative decoding, by every measure."""

from analysis.headline.ceiling import possible, with_costs
from analysis.headline.report import ALL, by_set, markdown
from analysis.headline.speed import at_one_speed
from analysis.headline.swi import cost_tables
from analysis.headline.tables import by_limit, tokens_per_second

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
