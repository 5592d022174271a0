"""Theory held against what others measured on their machines: predicted beside measured, cell by cell."""

from analysis.engines.evidence.cells import Cell
from analysis.engines.evidence.errors import error_rows
from analysis.engines.evidence.studies import read_cells
from analysis.engines.evidence.table import markdown

__all__ = ["Cell", "error_rows", "markdown", "read_cells"]
