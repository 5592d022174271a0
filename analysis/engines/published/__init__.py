"""Costs and times that others published, as CSV files whose first comment lines name the source."""

from __future__ import annotations

import csv
from importlib import resources


def engine_rows(file: str) -> list[dict[str, str]]:
    """Rows of one of this package's CSV files, comment lines left out."""
    text = (resources.files("analysis.engines.published") / file).read_text(encoding="utf-8")
    return list(csv.DictReader(line for line in text.splitlines() if not line.startswith("#")))
