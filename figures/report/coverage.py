"""What of the paper's tables and figures a report reproduces, shows on other models, or does not cover."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from analysis.model.boundary.markdown import table


@dataclass(frozen=True)
class Item:
    """One table or figure of the paper.

    Attributes:
        name: What the paper calls it, and what it shows.
        artefacts: Where it is here; empty where nothing shows it.
        status: "reproduced", "other models", or "not covered".
        remark: What is the same and what differs.
    """

    name: str
    artefacts: tuple[str, ...]
    status: str
    remark: str


ITEMS = (
    Item(
        "Table 1: EWIF of FLAN-T5 drafters",
        ("table1",),
        "reproduced",
        "from the published acceptances and parameter ratios, by closed form, recursion and simulation",
    ),
    Item(
        "Table 2: SWI (MS and PW) and K-matrices on GSM8K and MMLU",
        ("headline",),
        "other models",
        "the same measures and kinds of method; cascades are named by their drafts instead of K-matrices",
    ),
    Item(
        "Table 2 at the paper's scale",
        ("scale",),
        "other models",
        "EWIF of published acceptances with call times of the paper's architectures, random weights",
    ),
    Item(
        "Table 3: tokens per second of a 7B decoder",
        ("headline",),
        "other models",
        "autoregressive, speculative and cascades",
    ),
    Item("Table 3: Medusa, and tree attention", (), "not covered", "trained heads and trees of a 7B model"),
    Item(
        "Table 4: tokens per second by limit of the generation's length",
        ("headline",),
        "other models",
        "the same texts, cut after so many tokens",
    ),
    Item("Figure of the two cascades", ("schematic",), "reproduced", "one target and three drafters"),
    Item(
        "Figure of acceptance by position, 30 tokens",
        ("survival", "domains"),
        "other models",
        "the same curves, with intervals, domains apart, and the laws that fit them",
    ),
    Item(
        "Up to 72 % (81 %) additional speedup over speculative decoding",
        ("headline",),
        "other models",
        "by SWI as the paper counts, and by the clock",
    ),
    Item("Statements on cascades", ("claims",), "reproduced", "each proved, tested or refuted"),
)


def coverage(links: Mapping[str, str]) -> str:
    """The table of what is covered.

    Args:
        links: Markdown link by artefact that the report shows; others are said to be not built.
    """
    rows = []
    for item in ITEMS:
        built = [links[name] for name in item.artefacts if name in links]
        missing = [f"{name} (not built)" for name in item.artefacts if name not in links]
        status = item.status if built or not item.artefacts else f"not built here ({item.status})"
        rows.append([item.name, status, item.remark, ", ".join(built + missing)])
    header = ["of the paper", "status", "remark", "where"]
    cells = [row[:3] for row in rows]
    lines = table([*header[:3]], cells, text_columns=3).split("\n")
    places = [header[3], ":---", *(row[3] for row in rows)]
    return "\n".join(f"{line} {place} |" for line, place in zip(lines, places, strict=True))
