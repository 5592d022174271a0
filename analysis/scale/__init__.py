"""The paper's scale without its models: published acceptances by assumed and by measured costs."""

from analysis.scale.costs import cost_ratios
from analysis.scale.published import leviathan
from analysis.scale.rows import read_shapes
from analysis.scale.slip import overstated, tenfold
from analysis.scale.tables import markdown

__all__ = ["cost_ratios", "leviathan", "markdown", "overstated", "read_shapes", "tenfold"]
