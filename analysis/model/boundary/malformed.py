"""What a text that is no JSON probably is: CSV, YAML, JSON Lines, JSON with comments or with a comma too many."""

from __future__ import annotations

import re

_COMMENT = re.compile(r"\s*(#|//|/\*)")
_YAML = re.compile(r"(---\s*|[\w-]+:(\s.*)?|- .*)")
_CSV = re.compile(r"[^{}\[\]]*[,;\t][^{}\[\]]*")


def likely(text: str, position: int, message: str) -> str:
    """A hint in parentheses for what `json` refused; empty where nothing is likely.

    Args:
        text: The whole text.
        position: Index of the first character that was refused.
        message: What `json` said.
    """
    before, after = text[:position].rstrip(), text[position:].lstrip()
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if _COMMENT.match(after):
        return " (JSON has no comments)"
    if message == "Extra data":
        return " (several values: JSON Lines, where one JSON value is expected?)"
    if before.endswith(",") and (after[:1] in ("}", "]") or message.startswith("Illegal trailing comma")):
        return " (JSON has no comma after the last item)"
    if after[:1] == "'":
        return ' (JSON has its strings in "double quotes")'
    if not lines or lines[0][:1] in ("{", "["):
        return ""
    if all(_CSV.fullmatch(line) for line in lines[:3]):
        return " (CSV, where JSON is expected?)"
    if all(_YAML.fullmatch(line) for line in lines[:1]):
        return " (YAML, where JSON is expected?)"
    return ""
