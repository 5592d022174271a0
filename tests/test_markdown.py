"""Tables as Markdown: names from files are shown as they are, and do nothing."""

import pytest

from analysis.model.boundary.markdown import escaped, table


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("d1 2x(copy x4) + mag x6", "d1 2x(copy x4) + mag x6"),
        ("[1.2, 1.3]", "[1.2, 1.3]"),
        ("P < .05, a > b, 3 * 4, a_b", "P < .05, a > b, 3 * 4, a_b"),
        ("smollm2_135m", "smollm2_135m"),
        ("-6.7 % to 8.5 %", "-6.7 % to 8.5 %"),
        ("a|b", "a\\|b"),
        ("![x](http://a/b.png)", "!\\[x](http://a/b.png)"),
        ("[x][y]", "\\[x][y]"),
        ("<img src=x onerror=y>", "\\<img src=x onerror=y>"),
        ("</td><script>", "\\</td>\\<script>"),
        ("&lt;b&gt;", "\\&lt;b\\&gt;"),
        ("`rm`", "\\`rm\\`"),
        ("**bold** _it_", "\\*\\*bold\\*\\* \\_it\\_"),
        ("a\\|b", "a\\\\\\|b"),
        ("a\nb\x1b[31m", "a\\\\nb\\\\x1b[31m"),
        ("\u202egnp", "\\\\u202egnp"),
    ],
)
def test_a_cell_is_shown_as_it_is(text, shown):
    assert escaped(text) == shown


def test_a_table_keeps_its_cells_and_lines_whatever_they_hold():
    lines = table(("name", "n"), [("a|b\n| c | d |", 1)]).splitlines()
    assert len(lines) == 3
    assert lines[2].replace("\\|", "").count("|") == 3
