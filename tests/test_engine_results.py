"""The rows of other people's engines: the page about them says what they are, and they carry no texts."""

import json
from pathlib import Path

import pytest

from analysis.engines.evidence import error_rows
from analysis.engines.evidence import lengths as replayed
from analysis.engines.evidence.table import errors
from simulate.lengths.costs import MACHINES
from simulate.lengths.rules import ANY, BEFORE, BEHIND, BOTH, CHAIN, CLAIRVOYANT, COPYING
from simulate.lengths.study import ALL, SAME
from simulate.lengths.table import summary

KEPT = Path(__file__).parent.parent / "results"
PAGE = (KEPT / "ENGINES.md").read_text(encoding="utf-8")
DATA = ("gsm8k", "cnn", "instructcoder")
TOKEN = "0.07 a token"


def rows(name):
    return [json.loads(line) for line in (KEPT / "engines" / name).read_text().splitlines()]


LENGTHS, CELLS = rows("lengths.jsonl"), rows("cells.jsonl")
RULES = {(r["data"], r["family"], r["machine"], r["texts"]): r for r in LENGTHS if r["kind"] == "rule"}
ERRORS = {(r["study"], r["rung"]): r for r in CELLS if r["kind"] == "errors"}
TEXTS = {row["data"]: row for row in LENGTHS if row["kind"] == "texts"}
ORACLES = {(row["data"], row["oracle"]): row["speedup"] for row in LENGTHS if row["kind"] == "oracle"}


def cells_of(line):
    return tuple(cell.strip() for cell in line.strip("|").split("|"))


def gain(data, family, machine=TOKEN, texts=SAME):
    return 100 * RULES[data, family, machine, texts]["over_eagle"] - 100


def elsewhere(data, family=BEHIND):
    key = ("elsewhere", data, TOKEN, family)
    (row,) = [r for r in LENGTHS if tuple(map(r.get, ("kind", "data", "machine", "family"))) == key]
    return 100 * row["over_eagle"] - 100


def median(study, rung):
    return f"{100 * ERRORS[study, rung]['median_absolute']:.1f} %"


def greatest(study, rung):
    return 100 * ERRORS[study, rung]["max_absolute"]


def cell(name, rung):
    (found,) = [row for row in CELLS if row["kind"] == "cell" and row["name"] == name]
    return 100 * found["predicted"][rung]["error"]


def facts(name):
    return next(row["facts"] for row in CELLS if row["kind"] == "cell" and row["name"] == name)


def trio(values, form):
    first, second, third = (form.format(value) for value in values)
    return f"{first}, {second} and {third}"


def cascade(machine):
    return trio((gain(data, BEHIND, machine) for data in DATA), "{:.0f}")


OTHER, COPIER, M4 = "vLLM, costs from the other benchmark", "vLLM, costs from the other copier", "M4, 1B drafter"
APART = "positions, prompts apart"
QWEN, EXPERTS = "Qwen3-32B eagle3", "Qwen3-30B-A3B-I-2507 eagle3"
WAYS = ("mtbench to canitedit", "canitedit to mtbench")
PAIR = "{:+.1f} and {:+.1f} %"

SAID = [
    "gains {:.0f} % on mathematics, {:.0f} % on summaries and {:.0f} % on code editing".format(
        *(gain(data, BEHIND) for data in DATA)
    ),
    f"copied), it gains {trio((elsewhere(data) for data in DATA), '{:.0f}')} %",
    f"({trio((gain(data, BEFORE) for data in DATA), '{:+.1f}')} %)",
    f"loses {-gain('gsm8k', ANY):.0f} % on mathematics",
    f"loses nothing ({gain('gsm8k', CHAIN):.1f} %) and gains {gain('cnn', CHAIN):.0f} and "
    f"{gain('instructcoder', CHAIN):.0f} %",
    *(
        f"{1 + gain(data, BOTH) / 100:.3f} against {1 + gain(data, BEHIND) / 100:.3f} on {kind}"
        for data, kind in (("cnn", "summaries"), ("instructcoder", "code"))
    ),
    f"At 2 % of a plain step the cascade gains {cascade('0.02 a token')} %",
    f"at 15 % it gains {cascade('0.15 a token')} %",
    f"({gain('gsm8k', BEHIND, 'flat'):+.1f} and {gain('cnn', BEHIND, 'flat'):+.1f} %)",
    f"better ({gain('instructcoder', CHAIN, 'flat'):+.1f} against {gain('instructcoder', BEHIND, 'flat'):+.1f} %)",
    f"within {greatest(OTHER, 'positions'):.1f} %, {median(OTHER, 'positions')} in the median of four",
    "they are {:.0f} to {:.0f} % too good".format(
        *sorted(cell(f"{who}, {way}", "iid") for who in (QWEN, EXPERTS) for way in WAYS)[::3]
    ),
    f"put the cascade {median('replay, EAGLE then copy', 'positions')} too low in the median, up to "
    f"{greatest('replay, EAGLE then copy', 'positions'):.0f} %",
    f"a replay of other texts is off by {median('replay, EAGLE then copy', 'replay of the other half')}",
    f"({MACHINES['flat'].draft / MACHINES['flat'].plain:.0%} of a plain step)".replace("%", " %"),
    f"Of its gain on code ({gain('instructcoder', CLAIRVOYANT):+.1f} %)",
    f"adds {gain('instructcoder', BOTH) - gain('instructcoder', BEHIND):.1f} points",
    f"we get {ORACLES['instructcoder', 'combined, by its rules']:.2f} on our half",
    f"where EAGLE drafts it is {ORACLES['instructcoder', 'combined, EAGLE paid']:.2f}.",
    f"is {ORACLES['instructcoder', 'copy']:.2f} here",
    f"is {ORACLES['instructcoder', 'eagle']:.2f} here",
    "the error is " + PAIR.format(*(cell(f"{QWEN}, {way}", "positions") for way in WAYS)),
    "With prompts apart it is " + PAIR.format(*(cell(f"{QWEN}, {way}", APART) for way in WAYS)),
    "mixture of experts it is " + PAIR.format(*(cell(f"{EXPERTS}, {way}", APART) for way in WAYS)),
    f"Acceptance does not carry over between benchmarks ({median(OTHER, 'acceptance too from the other')})",
    f"it misses by {median(COPIER, 'iid')}",
    f"fail by up to {greatest(COPIER, 'by steps with a draft'):.0f} %",
    f"wrong by up to {greatest(COPIER, 'by tokens fed'):.0f} % elsewhere",
    f"with verification as measured {median(M4, 'iid+t(q)')}",
    f"as implied by other workloads {median(M4, 't(q) from other workloads')}",
    f"free of length {median(M4, 'iid')}, which",
    f"chooses lengths that lose {100 * ERRORS[M4, 'iid']['regret']:.1f} %",
    f"{median('H100, EAGLE-3 by length', 'positions')}, every cell within 5 %",
    f"copying looks {median('replay, copying alone', 'positions, all places')} better than it is",
    f"gains {gain('instructcoder', COPYING):.1f} % over EAGLE alone on code, but loses {-gain('gsm8k', COPYING):.1f} %",
    "150, 150 and 250, every second one",
    f"{trio((TEXTS[data]['same_text'] for data in DATA), '{}')} texts have both drafters",
    f"the cascade gains {trio((gain(data, BEHIND, TOKEN, ALL) for data in DATA), '{:.1f}')} %",
    f"seems to gain {gain('gsm8k', CHAIN, TOKEN, ALL):.1f} % on mathematics",
    f"repeats {trio((100 * TEXTS[data]['copies_repeated'] for data in DATA), '{:.2f}')} % of the recorded lengths",
]


@pytest.mark.parametrize("words", SAID)
def test_the_page_says_what_the_rows_say(words):
    assert words in " ".join(PAGE.split())


def test_the_tables_of_the_page_are_those_of_the_rows():
    ruled = [row for row in LENGTHS if row["kind"] == "rule"]
    made = "\n".join((summary(ruled, TOKEN), summary(ruled, "flat"), errors(list(ERRORS.values()))))
    known = {cells_of(line) for line in made.splitlines()}
    shown = [cells_of(line) for line in PAGE.splitlines() if line.startswith("|") and not line.startswith("| :")]
    assert len(shown) == 2 * 10 + 1 + 22
    assert set(shown) <= known


def test_what_the_page_says_of_single_runs():
    plain = {way: facts(f"{EXPERTS}, {way}") for way in WAYS}
    steps = sorted(found["step_ms"] / found["plain_step_ms"] for found in plain.values())
    assert [round(step, 1) for step in steps] == [3.5, 3.7]
    code, chat = (plain[way]["plain_step_without_prompts_ms"] for way in WAYS)
    assert round(100 * (chat / code - 1), 1) == 6.7
    speeds = [row["measured"] for row in CELLS if row["kind"] == "cell" and row["name"].startswith(EXPERTS)]
    assert sorted(round(speed, 2) for speed in speeds) == [0.66, 0.87]
    settings = [
        r["setting"] for r in LENGTHS if r["kind"] == "elsewhere" and r["machine"] == TOKEN and r["family"] == BEHIND
    ]
    assert [setting.split(" (")[0] for setting in settings] == [f"eagle x2 + copy x{n}" for n in (20, 16, 10)]
    run = facts("Qwen3-32B mtbench, suffix to ngram")
    assert round(run["drafting_share"], 2) == 0.07
    assert round(run["batches_with_a_draft"], 2) == 0.41
    qwen = [row for row in CELLS if row["kind"] == "cell" and row["study"] == COPIER and row["name"].startswith("Qwen")]
    assert max(abs(row["predicted"]["by steps with a draft"]["error"]) for row in qwen) == pytest.approx(
        0.022, abs=5e-4
    )
    large = [
        row for row in CELLS if row["kind"] == "cell" and row["study"] == COPIER and row["name"].startswith("L31-70B")
    ]
    assert max(abs(row["predicted"]["by tokens fed"]["error"]) for row in large) == pytest.approx(0.014, abs=5e-4)
    lengths = [found for (study, _), found in ERRORS.items() if study == "H100, EAGLE-3 by length"]
    assert all(round(found["regret"], 3) == 0.002 for found in lengths)
    assert ERRORS["H100, EAGLE-3 by length", "positions"]["within_5_percent"] == 1


def test_static_drafts_and_their_errors_follow_from_the_rows():
    kept = {row["name"]: row for row in CELLS if row["kind"] == "cell" and row["study"].startswith("replay")}
    cells = replayed.read(KEPT / "engines" / "lengths.jsonl")
    assert {cell.name for cell in cells} == set(kept)
    for found in error_rows(cells):
        assert found["median_absolute"] == pytest.approx(ERRORS[found["study"], found["rung"]]["median_absolute"])


def test_rows_carry_neither_texts_nor_tokens():
    longest = max(len(json.dumps(row)) for row in (*LENGTHS, *CELLS))
    assert longest < 2500
    for row in (*LENGTHS, *CELLS):
        assert not {"prompt_token_ids", "generated_token_ids", "text", "id"} & set(row)
