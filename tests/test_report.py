"""The report: its verdict follows from the artefacts, its links lead somewhere, and no user's text acts as markup."""

import json
import re
from dataclasses import fields

import pytest

from analysis.claims.ledger import LEDGER, run_ledger
from analysis.model.boundary.markdown import escaped, table
from analysis.paper.table1 import TableRow
from figures.report import coverage, verdict
from figures.report.artefacts import Artefact, Build, Builder
from figures.report.glossary import WORDS
from figures.report.page import slug, write_report

HOSTILE = (
    '<img src="https://example.org/x.png">',
    "<script>alert(1)</script>",
    "</td><b>",
    "<!-- gone",
    "![a](https://example.org/x.png)",
    "[text](javascript:alert)",
    "[text][reference]",
    "\\<img src=x>",
    "\\![a](b)",
    "&lt;img&gt;",
    "a|b",
    "first\nsecond\r\n# heading\u2028## another",
)


@pytest.mark.parametrize("text", ["d1 2x(copy x4) + mag x6", "[[5,14,10],[0,1,10]]", "0 <= a < 1", "R & D", "x > y"])
def test_other_text_stays_as_it_is(text):
    assert escaped(text) == text


@pytest.mark.parametrize("text", HOSTILE)
def test_a_table_keeps_its_cells(text):
    lines = table(["name", "n"], [[text, 1], ["b", 2]]).splitlines()
    assert len(lines) == 4
    assert all(len(re.findall(r"(?<!\\)\|", line)) == 3 for line in lines)


TABLE1 = [
    {"dataset": "A", "drafters": "small", "k": "9", "reported": 2.65, "exact": 2.64, "ci95": [2.63, 2.65]},
    {"dataset": "A", "drafters": "base+small", "k": "5+3", "reported": 3.03, "exact": 3.0, "ci95": [3.01, 3.02]},
]


def entry(speedup):
    return {"speedup": speedup, "low": 0.9 * speedup, "high": 1.1 * speedup}


LADDER = {
    "prompts": 7,
    "rungs": {
        "iid": {"median_absolute": 0.147, "max_absolute": 0.3},
        "replay": {"median_absolute": 0.052, "max_absolute": 0.19},
        "replay, same prompts": {"median_absolute": 0.014, "max_absolute": 0.08},
    },
    "regret": {
        "replay": {"chosen": "b", "predicted": 1.8, "measured": 1.5, "regret": 0.02, "low": -0.05, "high": 0.08}
    },
    "cascades": [{"name": "slow", "measured": entry(0.6)}, {"name": "<img src=x>", "measured": entry(1.56)}],
}


def headline(high):
    def of(measure, additional, high):
        return {"measure": measure, "additional": additional, "low": 0.17, "high": high, "held_out": 0.31}

    return {
        "paper": [0.72, 0.81],
        "sets": {"all": {"headlines": [of("SWI (MS), all", 0.45, 0.6), of("wall-clock", 0.35, high)]}},
    }


VERDICTS = (("a", "proved", "CS Drafting"), ("b", "refuted", "CS Drafting, section 4"), ("c", "refuted", "Asked here"))
CLAIMS = [{"name": n, "verdict": v, "source": s} for n, v, s in (*VERDICTS, ("d", "tested", "Leviathan"))]
CHECKS = {"checks": [{"name": "constant-hazard", "verdict": v} for v in ("violated", "violated", "holds")]}
LOSSLESS = [{"category": c} for c in ("identical", "identical", "near-tie")]

FILES = {
    "table1": ("table1.json", TABLE1),
    "ladder": ("ladder.json", LADDER),
    "headline": ("headline.json", headline(0.5)),
    "checks": ("checks.json", CHECKS),
    "claims": ("claims.json", CLAIMS),
    "real-lossless": ("real_lossless_float32.jsonl", LOSSLESS),
}


@pytest.fixture
def run(tmp_path):
    (tmp_path / ".finished").mkdir()
    return Build(tmp_path, seed=3, full=False)


def test_the_verdict_says_what_the_artefacts_found(run):
    for file, content in FILES.values():
        run.write(file, content)
    lines = verdict.verdict(run, set(FILES))
    assert len(lines) == 10
    text = "\n".join(lines)
    for words in (
        "differ from the 2 reported ones by at most 0.030; 1 of 2 simulated",
        "at best 3.00 (base+small, 5+3 tokens, A), +13.6% over the best single drafter",
        "2 cascades on 7 prompts, speedups from 0.60 to 1.56",
        "best cascade: \\<img src=x>, 1.560 (1.404 to 1.716)",
        "iid 14.7 %, replay 5.2 %; the greatest of replay is 19.0 %",
        "Choosing by replay: b, promised 1.800, measured 1.500, 2.0 % below",
        "SWI (MS), all +45.0% (+17.0% to +60.0%), wall-clock +35.0% (+17.0% to +50.0%)",
        "up to 81% additional: these models' 95 % interval by the clock does not reach it",
        "constant hazard: 1 holds, 2 violated",
        "of 4, 1 proved, 2 refuted, 1 tested.",
        "fails by counterexample or recorded data: b.",
        "2 of 3 greedy texts are the target's own token for token, 1 part at a near-tie, 0 are off",
    ):
        assert words in text


def test_a_claim_inside_the_interval_is_not_said_to_fail():
    assert "does not exclude it" in verdict.of_headline(headline(0.9))[1]


def test_of_what_is_not_finished_nothing_is_said(run):
    assert verdict.verdict(run, set()) == []
    run.write("claims.json", CLAIMS)
    assert len(verdict.verdict(run, {"claims", "schematic"})) == 1


def test_every_file_of_the_verdict_and_every_place_of_the_coverage_is_an_artefacts():
    import paper_repro
    from figures.report.given import Given

    listed = {artefact.name: artefact for artefact in paper_repro.artefacts(Given.from_options(None, None), False)}
    for name, (file, _) in verdict.SAYS.items():
        assert file in listed[name].files
    for item in coverage.ITEMS:
        assert {*item.artefacts} <= {*listed}
        assert item.status in ("reproduced", "other models", "not covered")
        assert bool(item.artefacts) == (item.status != "not covered")


def test_rows_of_the_ledger_and_of_table1_have_what_the_verdict_reads():
    row = run_ledger(LEDGER[:1])[0].to_json()
    assert {"name", "verdict", "source"} <= {*row}
    assert any(verdict.PAPER in claim.source for claim in LEDGER)
    assert {"dataset", "drafters", "reported", "exact"} <= {*TABLE1[0]} & {field.name for field in fields(TableRow)}


def test_the_glossary_has_the_words_that_reports_use():
    for word in ("alpha", "hazard", "survival", "cycle", "round", "EWIF", "SWI", "rung", "abstain", "d1 2x(copy x4)"):
        assert word in WORDS


def artefacts(run):
    def write(file, content):
        return lambda run: run.write(file, content)

    def fail(run):
        raise ValueError(HOSTILE[0])

    name = HOSTILE[1]
    return (
        Artefact("claims", (), ("claims.json",), write("claims.json", CLAIMS), "The claims", "One caption."),
        Artefact("names", (), ("n.md",), write("n.md", table(["name"], [[name]])), "Names", "Another.", "this run"),
        Artefact("broken", (), ("b.md",), fail, "Broken", "Never."),
        Artefact("unbuilt", (), ("u.md",), fail, "Unbuilt", "Never."),
    )


def test_every_link_of_the_report_leads_to_a_heading_and_nothing_hostile_is_left(run, capsys):
    listed = artefacts(run)
    builder = Builder(run, listed)
    for artefact in listed[:3]:
        builder.build(artefact)
    write_report(listed, builder)
    text = (run.out / "report.md").read_text(encoding="utf-8")
    headings = [line.removeprefix("## ") for line in text.splitlines() if line.startswith("## ")]
    assert headings[:4] == ["Verdict", "Contents", "What of the paper is here", "Glossary"]
    assert headings[4:] == ["Names: this run", "Broken"]
    anchors = {slug(heading) for heading in headings}
    links = re.findall(r"\]\(#([^)]*)\)", text)
    assert {"verdict", "names-this-run", "broken"} <= set(links) <= anchors
    assert "- Claims: of 4, 1 proved" in text
    assert "**Failed:** ValueError: \\<img" in text
    assert not re.search(r"(?<!\\)<[A-Za-z/!]", text)
    assert "- Failed: broken: ValueError: \\<img" in text
    assert "not built here (reproduced)" in text
    assert "ValueError" in capsys.readouterr().err


def test_the_coverage_links_what_is_built_and_names_what_is_not():
    text = coverage.coverage({"table1": "[Table 1](#table-1)"})
    rows = {line.split("|")[1].strip(): line for line in text.splitlines()}
    assert "| reproduced " in rows["Table 1: EWIF of FLAN-T5 drafters"]
    assert rows["Table 1: EWIF of FLAN-T5 drafters"].endswith("[Table 1](#table-1) |")
    assert "not built here (other models)" in next(line for name, line in rows.items() if name.startswith("Table 4"))
    assert len({len(re.findall(r"(?<!\\)\|", line)) for line in text.splitlines()}) == 1
    json.dumps(text)
