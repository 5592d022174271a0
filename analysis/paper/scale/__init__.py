"""The paper's scale without its models: published acceptances by assumed and by measured costs."""

from analysis.paper.scale.costs import cost_ratios
from analysis.paper.scale.published import leviathan
from analysis.paper.scale.rows import read_shapes
from analysis.paper.scale.slip import overstated, tenfold
from analysis.paper.scale.tables import markdown

__all__ = ["cost_ratios", "leviathan", "markdown", "overstated", "read_shapes", "tenfold"]
