"""Assumption checks: counts against brute force, verdicts on known truths, refusals, the command."""

import csv
import itertools
import json
import math

import numpy as np
import pytest
import synthetic_traces as synthetic
from command_line import run

from analysis.checks import MARGIN, Check, as_csv, as_markdown, judge, read_traces, run_checks
from analysis.checks.chain import as_cycles, fit_chain, log_likelihood, survival_from_every_start
from analysis.checks.constant_hazard import constant_hazard_p_value, counts_by_run
from analysis.checks.counts import count_positions, interval, ratio
from analysis.checks.heterogeneity import BLOCK, GAP, block_counts, check_prompts, domains_p_value, prompts_p_value
from analysis.checks.inner_outer import inner_outer_p_value, mantel_haenszel, two_by_two
from analysis.checks.serial import _deviations, _under_permutation, correlation_parts, serial_p_value
from analysis.checks.survival import survival_of_target
from analysis.checks.verdict import holm
from analysis.claims import recorded, run_ledger
from analysis.commands import checks as command
from analysis.fitting import read_observations
from analysis.fitting.hidden import fit_markov
from analysis.model import InputError
from analysis.theory.markov import HiddenChain, survival_by_position

SMALL = {"prompts": 40, "tokens": 80}


def generator(seed=0):
    return np.random.default_rng(seed)


def random_texts(seed, count=6):
    rng = generator(seed)
    return [rng.integers(-1, 2, size=rng.integers(1, 25)).astype(np.int8) for _ in range(count)]


# Counts.


@pytest.mark.parametrize("seed", range(5))
def test_positions_are_counted_as_by_drafting_from_every_start(seed):
    texts, positions = random_texts(seed), 7
    found = count_positions(texts, positions)
    for prompt, bits in enumerate(texts):
        examined, accepted = [0] * positions, [0] * positions
        for start in range(bits.size):
            for j, bit in enumerate(bits[start : start + positions]):
                if bit == -1:
                    break
                examined[j] += 1
                if bit == 0:
                    break
                accepted[j] += 1
        assert found.examined[prompt].tolist() == examined
        assert found.accepted[prompt].tolist() == accepted


@pytest.mark.parametrize("seed", range(5))
def test_every_token_is_counted_once_by_the_agreements_right_before_it(seed):
    texts = random_texts(seed)
    examined, accepted = counts_by_run(texts)
    edges = [0, 1, 2, 4, 8, 16, math.inf]
    for prompt, bits in enumerate(texts):
        for group, (low, high) in enumerate(itertools.pairwise(edges)):
            chosen = []
            for i, bit in enumerate(bits):
                before = len(list(itertools.takewhile(lambda b: b == 1, bits[:i][::-1])))
                if low <= before < high and bit != -1:
                    chosen.append(bit)
            assert (examined[prompt, group], accepted[prompt, group]) == (len(chosen), sum(chosen))


def test_blocks_lie_a_gap_apart_and_are_whole():
    bits = np.ones(2 * BLOCK + GAP + 5, dtype=np.int8)
    bits[BLOCK : BLOCK + GAP] = 0
    bits[0] = -1
    agreed, seen = block_counts([bits, bits[: 2 * BLOCK + GAP - 1], bits[: BLOCK - 1]])
    assert seen.tolist() == [[BLOCK - 1, BLOCK], [BLOCK - 1, 0], [0, 0]]
    assert agreed.tolist() == seen.tolist()


@pytest.mark.parametrize("pattern", ["1101001", "10.110", "1.0.1010", "0110.1"])
def test_the_moments_of_neighbours_are_those_of_all_permutations(pattern):
    bits = np.array([".01".index(c) - 1 for c in pattern], dtype=np.int8)
    deviation, seen = _deviations(bits)
    sums = []
    for order in itertools.permutations(deviation[seen]):
        moved = deviation.copy()
        moved[seen] = order
        sums.append(float(moved[1:] @ moved[:-1]))
    mean, variance = _under_permutation(deviation[seen], seen)
    assert mean == pytest.approx(np.mean(sums))
    assert variance == pytest.approx(np.var(sums))
    products, weights = correlation_parts([bits])
    exact = (deviation[1:] @ deviation[:-1] - mean) / ((seen[1:] & seen[:-1]).sum() * deviation[seen].var(ddof=1))
    assert products[0, 0] / weights[0, 0] == pytest.approx(exact)


def test_the_common_odds_ratio_of_one_table_is_its_own():
    y, z = np.array([1, 1, 0, 0, 1, 0, -1], dtype=np.int8), np.array([1, 1, 1, 0, 0, 0, 1], dtype=np.int8)
    tables = two_by_two([y], [z])
    assert tables[0].tolist() == [[2, 1], [1, 2]]
    assert mantel_haenszel(tables, np.ones((1, 1)))[0] == 4


def test_intervals_cover_as_often_as_they_say():
    """400 binomial samples of 60 prompts; false alarm below 1e-6 for coverage of at least 0.92."""
    rng, covered = generator(5), 0
    for _ in range(400):
        values = rng.binomial(20, 0.4, size=60) / 20
        low, high = interval(lambda w, v=values: ratio(w @ v, w.sum(axis=1)), 60, rng, 300)
        covered += low <= 0.4 <= high
    assert covered >= 0.89 * 400


def test_bad_luck_does_not_pass_for_precision(monkeypatch):
    """12 alike prompts with three blocks each cannot show that alpha varies by less than 0.05, whatever they show."""
    monkeypatch.setattr("analysis.checks.heterogeneity.PERMUTATIONS", 9)
    highs, estimates = [], []
    for seed in range(40):
        texts = synthetic.independent(generator(seed), 12, 80)
        check = check_prompts(synthetic.as_traces({("t", "d"): texts}), ("t", "d"), generator(seed))
        highs.append(check.high)
        estimates.append(check.effect)
    zero = np.array(estimates) == 0
    assert 5 < zero.sum() < 35
    assert np.median(np.array(highs)[zero]) > MARGIN


# Chain.


def test_the_forward_recursion_is_the_likelihood_that_was_maximised():
    texts = synthetic.abstaining(generator(2), synthetic.hidden(generator(1), 12, 30), 0.1)
    fit = fit_markov(read_observations({"sequences": [as_cycles(bits) for bits in texts]}))
    law = fit.parameters
    chain = HiddenChain(law["leave_hard"], law["leave_easy"])
    total = sum(log_likelihood(bits, chain, (law["alpha_hard"], law["alpha_easy"])) for bits in texts)
    assert total == pytest.approx(fit.log_likelihood, rel=1e-9)


def test_survival_of_a_chain_sums_over_all_its_paths():
    chain, alphas = HiddenChain(0.3, 0.1), (0.2, 0.9)
    paths = itertools.product((0, 1), repeat=4)
    total = sum(
        chain.shares[p[0]]
        * math.prod(chain.moves[a, b] for a, b in itertools.pairwise(p))
        * math.prod(alphas[s] for s in p)
        for p in paths
    )
    assert survival_from_every_start(chain, alphas, 4)[-1] == pytest.approx(total)
    # Cycles start where others ended, so more often in hard text than drafts from every start do.
    assert survival_by_position(chain, alphas, 4)[-1] < total


def test_a_chain_is_found_where_there_is_one_and_gains_nothing_where_there_is_none():
    """One seed each; the gain's interval lies beyond 0 by many widths where text is hard and easy in turns."""
    hidden = fit_chain(synthetic.hidden(generator(3), 30, 60, (0.1, 0.9), 0.9), 5, generator())
    assert hidden["low"] > 0
    plain = fit_chain(synthetic.independent(generator(4), 30, 60), 5, generator())
    assert plain["gain"] < 0.002
    assert plain["survival"] == pytest.approx([0.5**j for j in range(1, 6)], abs=0.06)


# Verdicts on known truths.


def verdicts(texts_by_pair, domains=synthetic.DOMAINS, seed=0):
    found = run_checks(synthetic.as_traces(texts_by_pair, domains), seed)
    return {(row.check.name, row.check.drafter): row for row in found}


def test_all_assumptions_hold_or_stay_undecided_where_all_are_true():
    """The chance of any false alarm in a run is 5 %, by Holm's correction; this seed has none."""
    rng = generator(10)
    found = verdicts(
        {
            ("t", "a"): synthetic.independent(rng),
            ("t", "b"): synthetic.independent(rng),
            ("a", "b"): synthetic.independent(rng),
        }
    )
    assert len(found) == 9
    assert {row.verdict for row in found.values()} <= {"holds", "undecided"}
    assert found["independent-along-text", "a"].verdict == "holds"


@pytest.mark.parametrize(
    ("make", "violated", "effect"),
    [
        (synthetic.copying, {"constant-hazard", "independent-along-text"}, None),
        (synthetic.hidden, {"constant-hazard", "independent-along-text"}, ("independent-along-text", 0.36 * 0.6, 0.05)),
        (synthetic.beta, {"constant-hazard", "one-alpha-of-prompts"}, ("one-alpha-of-prompts", 0.5 / 7**0.5, 0.05)),
    ],
)
def test_each_departure_is_found_by_its_checks_and_by_no_other(make, violated, effect):
    """Negative controls too: a chain is no difference of prompts, prompts that differ are no chain."""
    found = verdicts({("t", "d"): make(generator(11))})
    assert {name for (name, _), row in found.items() if row.verdict == "violated"} == violated
    if effect is not None:
        name, expected, slack = effect
        check = found[name, "d"].check
        assert check.effect == pytest.approx(expected, abs=slack)
        assert check.low < expected < check.high


def test_domains_that_differ_are_told_from_prompts_that_differ():
    rng = generator(12)
    alphas = dict(zip(range(4), (0.3, 0.4, 0.6, 0.7), strict=True))
    texts = [synthetic.independent(rng, 1, 96, alphas[i % 4])[0] for i in range(60)]
    apart = verdicts({("t", "d"): texts})["one-alpha-of-domains", "d"]
    assert apart.verdict == "violated"
    assert apart.check.low < np.std([0.3, 0.4, 0.6, 0.7]) < apart.check.high
    assert [row["agreement"] for row in apart.check.data["domains"]] == pytest.approx([0.3, 0.4, 0.6, 0.7], abs=0.05)
    within = verdicts({("t", "d"): synthetic.beta(rng)})
    assert within["one-alpha-of-domains", "d"].verdict != "violated"
    assert within["one-alpha-of-prompts", "d"].verdict == "violated"


def test_an_inner_outcome_that_predicts_is_found_and_one_that_shares_only_the_prompt_is_not():
    rng = generator(13)
    inner = synthetic.independent(rng, 100, 96, 0.4)
    outer = [(rng.random(z.size) < np.where(z == 1, 0.75, 0.5)).astype(np.int8) for z in inner]
    texts = {("t", "a"): outer, ("t", "b"): synthetic.independent(rng), ("a", "b"): inner}
    row = verdicts(texts)["inner-outcome-says-nothing", "a over b"]
    assert row.verdict == "violated"
    assert row.check.low < 0.25 < row.check.high
    assert row.check.data["odds_ratio_low"] < 3 < row.check.data["odds_ratio_high"]
    own = rng.beta(2, 2, size=100)  # alpha of a prompt, the same at both reviews, but no dependence within it
    both = [[(rng.random(96) < p).astype(np.int8) for p in own] for _ in range(2)]
    texts = {("t", "a"): both[0], ("t", "b"): synthetic.independent(rng), ("a", "b"): both[1]}
    row = verdicts(texts)["inner-outcome-says-nothing", "a over b"]
    assert row.verdict == "holds"


def test_abstentions_are_no_disagreements():
    rng = generator(14)
    found = verdicts({("t", "d"): synthetic.abstaining(rng, synthetic.independent(rng, alpha=0.8), 0.3)})
    assert {row.verdict for row in found.values()} <= {"holds", "undecided"}
    assert found["independent-along-text", "d"].check.tokens == pytest.approx(0.7 * 9600, rel=0.03)


def test_too_few_prompts_leave_everything_undecided():
    found = verdicts({("t", "d"): synthetic.copying(generator(15), prompts=1)})
    assert {row.verdict for (name, _), row in found.items() if name != "independent-along-text"} == {"undecided"}


def test_texts_in_which_nothing_ever_varies_break_nothing():
    found = verdicts({("t", "d"): [np.ones(40, dtype=np.int8)] * 12, ("t", "e"): [np.full(40, -1, dtype=np.int8)] * 12})
    assert {row.verdict for row in found.values()} <= {"holds", "undecided"}


def test_holms_correction_by_hand():
    assert holm([0.01, math.nan, 0.04, 0.03]) == pytest.approx([0.03, math.nan, 0.06, 0.06], nan_ok=True)


@pytest.mark.parametrize(
    ("p", "low", "high", "verdict"),
    [
        (1e-4, 0.1, 0.2, "violated"),
        (0.5, -0.04, 0.04, "holds"),
        (0.5, -0.1, 0.04, "undecided"),
        (math.nan,) * 3 + ("undecided",),
    ],
)
def test_verdicts(p, low, high, verdict):
    assert judge([Check("x", "t", "d", 5, 5, 0.0, low, high, p, "")])[0].verdict == verdict


# Survival.


def test_survival_curves_hold_the_truth_and_their_constant():
    rng = generator(16)
    traces = synthetic.as_traces({("t", "d"): synthetic.independent(rng, 60, 80, 0.7)})
    curve, *others = survival_of_target(traces, 0, chain=False)
    assert not others
    truth = 0.7 ** np.arange(1, 31)
    whole = curve["all"]
    low, high = np.array(whole["low"]), np.array(whole["high"])
    known = np.isfinite(low)
    assert known[:15].all()
    assert ((low <= truth + 1e-3) & (truth <= high + 1e-3))[known].all()
    assert whole["constant"] == pytest.approx(0.7, abs=0.03)
    assert curve["fits"]["beta"]["survival"][0] == pytest.approx(0.7, abs=0.03)
    assert set(curve["categories"]) == set(synthetic.DOMAINS)
    assert sum(part["prompts"] for part in curve["categories"].values()) == 60


def test_survival_is_unknown_past_runs_that_the_texts_end_cut():
    """Texts of 8 tokens say nothing on the ninth of a draft; the truth there is 0.39, not 0."""
    traces = synthetic.as_traces({("t", "d"): synthetic.independent(generator(23), 80, 8, 0.9)})
    whole = survival_of_target(traces, 0, chain=False)[0]["all"]
    truth = 0.9 ** np.arange(1, 9)
    assert (np.array(whole["low"][:8]) <= truth).all()
    assert (truth <= np.array(whole["high"][:8])).all()
    for key in ("survival", "low", "high"):
        assert np.isnan(whole[key][8:]).all()


def test_survival_is_none_past_runs_that_all_were_rejected():
    texts = [np.array([1, 1, 0, 1, 0, 0], dtype=np.int8)] * 3
    whole = survival_of_target(synthetic.as_traces({("t", "d"): texts}), 0, chain=False)[0]["all"]
    assert whole["survival"][:4] == pytest.approx([3 / 6, 1 / 6, 0, 0])
    assert whole["survival"][3:] == whole["high"][3:] == [0.0] * 27


def test_alpha_beta_over_prompts_explains_their_survival():
    traces = synthetic.as_traces({("t", "d"): synthetic.beta(generator(17), 150, 96, 2, 2)})
    curve = survival_of_target(traces, 0, chain=False)[0]
    measured, fitted = curve["all"]["survival"], curve["fits"]["beta"]["survival"]
    assert abs(fitted[9] - measured[9]) < 0.06
    assert curve["all"]["constant_survival"][9] < 0.3 * measured[9]


# Files and the command.


@pytest.mark.parametrize("name", ["traces.jsonl", "traces.jsonl.gz"])
def test_traces_come_back_as_written(tmp_path, name):
    rng = generator(18)
    texts = synthetic.abstaining(rng, synthetic.independent(rng, 5, 30))
    written = synthetic.as_traces({("d", "m"): texts, ("t", "d"): texts, ("t", "m"): texts[::-1]})
    found = read_traces(synthetic.write(written, tmp_path / name))
    assert found.pairs == written.pairs == (("t", "d"), ("t", "m"), ("d", "m"))
    assert found.categories == written.categories
    for a, b in zip(found.prompts, written.prompts, strict=True):
        assert a.id == b.id
        for pair in found.pairs:
            assert a.agree[pair].tolist() == b.agree[pair].tolist()


def test_a_prompt_without_a_domain_belongs_to_all(tmp_path, lines):
    lines[1]["category"] = None
    del lines[2]["category"]
    path = tmp_path / "x.jsonl"
    path.write_text("\n".join(map(json.dumps, lines)))
    assert read_traces(path).categories == ["all", "all", *synthetic.DOMAINS[2:]]


@pytest.fixture
def lines():
    traces = synthetic.as_traces({("t", "d"): synthetic.independent(generator(), 4, 10)})
    return [json.loads(line) for line in synthetic.as_lines(traces)]


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda x: x[0].update(schema=2), "line 1.schema: got 2, expected 1"),
        (lambda x: x[0].pop("drafters"), "line 1.drafters: got null, expected a list"),
        (lambda x: x[2].update(tokens=11), "line 3.agree.t.d: got '"),
        (lambda x: x[2].update(tokens=True), "line 3.tokens: got true, expected a whole number in 1..1000000000"),
        (lambda x: x[2]["agree"]["t"].update(d="01x0100101"), "a string of 10 of the characters 0, 1 and ."),
        (lambda x: x[2]["agree"].update(d={"m": "1" * 10}), "line 3.agree: expected the same pairs as in the first"),
        (lambda x: x[2].update(id="p0"), "the prompt 'p0' is there twice"),
        (lambda x: x[2].pop("id"), "line 3.id: got null, expected a string or a whole number"),
        (lambda x: x[0].update(target="u"), "line 1.reviewers: expected the target 'u' among them"),
        (lambda x: x[0].update(drafters=["m"]), "line 2.agree.t: missing"),
        (lambda x: x.__delitem__(slice(1, None)), "holds no trace"),
    ],
)
def test_what_is_wrong_with_a_file_is_told_in_one_line(lines, tmp_path, spoil, message):
    spoil(lines)
    path = tmp_path / "x.jsonl"
    path.write_text("\n".join(map(json.dumps, lines)))
    with pytest.raises(InputError) as refused:
        read_traces(path)
    assert message in str(refused.value)


def test_a_cut_file_is_refused(lines, tmp_path):
    whole = synthetic.write(synthetic.as_traces({("t", "d"): synthetic.independent(generator())}), tmp_path / "a.gz")
    (tmp_path / "b.gz").write_bytes(whole.read_bytes()[:-20])
    with pytest.raises(InputError, match="broken gzip data"):
        read_traces(tmp_path / "b.gz")


def test_the_command_prints_and_writes_the_same_checks(tmp_path, capsys, monkeypatch):
    rng = generator(19)
    texts = {pair: synthetic.independent(rng, 14, 60) for pair in (("t", "d"), ("t", "m"), ("d", "m"))}
    path = synthetic.write(synthetic.as_traces(texts), tmp_path / "traces.jsonl.gz")
    out, table, text = (tmp_path / f"checks.{ending}" for ending in ("json", "csv", "md"))
    monkeypatch.setattr(
        "analysis.commands.checks.survival_of_target", lambda *_: [{"drafter": "d", "p_value_constant": math.nan}]
    )
    options = ("--out", out, "--table", table, "--markdown", text)
    status, printed, shown = run(command, capsys, monkeypatch, "checks", path, "--json", *options)
    assert status == 0
    assert shown.count("undecided") + shown.count("holds ") + shown.count("violated ") >= 9
    result = json.loads(printed.splitlines()[-1])
    assert json.loads(out.read_text()) == result
    assert result.pop("survival") == [{"drafter": "d", "p_value_constant": None}]
    rows = list(csv.DictReader(line for line in table.read_text().splitlines() if not line.startswith("#")))
    assert [row["verdict"] for row in rows] == [check["verdict"] for check in result["checks"]]
    assert [line.split("|")[-2].strip() for line in text.read_text().splitlines()[2:-2]] == [
        row["verdict"] for row in rows
    ]
    assert [row["check"] for row in rows] == [
        "constant-hazard",
        "one-alpha-of-prompts",
        "one-alpha-of-domains",
        "independent-along-text",
    ] * 2 + ["inner-outcome-says-nothing"]
    again = run(command, capsys, monkeypatch, "checks", path, "--json")[1]
    assert json.loads(again.splitlines()[-1]) == result
    status, printed, _ = run(command, capsys, monkeypatch, "checks", path)
    assert status == 0
    assert printed.count("undecided") + printed.count("holds ") + printed.count("violated ") >= 9


def test_the_command_refuses_in_one_line(tmp_path, capsys, monkeypatch):
    status, _, err = run(command, capsys, monkeypatch, "checks", tmp_path / "none.gz")
    assert (status, err) == (2, f"error: {tmp_path / 'none.gz'}: no such file\n")


def test_the_table_has_every_number(tmp_path):
    checks = judge([Check("x", "t", "d", 5, 60, 0.25, 0.1, 0.4, 1e-9, "")])
    lines = as_csv(checks, "From nowhere.").splitlines()
    assert lines[0] == "# From nowhere."
    assert lines[2] == "x,t,d,5,60,0.25,0.1,0.4,1e-09,1e-09,violated"


def test_the_markdown_table_tells_what_is_unknown():
    checks = judge(
        [Check("one-alpha", "t", "d", 5, 60, 0.25, 0.1, 0.4, 1e-9, ""), Check("x", "t", "e", 0, 0, *[math.nan] * 4, "")]
    )
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in as_markdown(checks).splitlines()]
    assert rows[2] == ["one alpha", "t", "d", "+0.250", "+0.100 to +0.400", "1e-09", "violated"]
    assert rows[3] == ["x", "t", "e", "unknown", "unknown to unknown", "unknown", "undecided"]


# The ledger's rows.


def recorded_rows(tmp_path, monkeypatch, texts):
    """The table of a run of checks, read as the ledger reads its own."""
    judged = run_checks(synthetic.as_traces(texts), 0)
    (tmp_path / recorded.TABLE).write_text(as_csv(judged, "Synthetic."))
    monkeypatch.setattr("analysis.paper.published.resources.files", lambda _: tmp_path)
    monkeypatch.setattr("analysis.claims.recorded.resources.files", lambda _: tmp_path)
    return recorded.shipped_rows()


def test_the_ledger_tells_what_the_checks_found(tmp_path, monkeypatch):
    rng = generator(20)
    texts = {("t", "d"): synthetic.copying(rng), ("t", "m"): synthetic.independent(rng)}
    claims = recorded.claims(recorded_rows(tmp_path, monkeypatch, texts))
    rows = {row.claim.name: row.finding for row in run_ledger(claims)}
    along = rows["recorded-independent-along-text"]
    assert along.verdict == "refuted"
    assert along.counterexample["pair"] == "t reviewing d"
    assert along.rescue == "the pairs t reviewing m"
    assert rows["recorded-constant-hazard"].verdict == "refuted"
    assert rows["recorded-one-alpha-of-prompts"].verdict in ("undecided", "tested")
    assert "recorded-inner-outcome-says-nothing" not in rows


def test_without_a_table_there_are_no_recorded_claims(tmp_path, monkeypatch):
    monkeypatch.setattr("analysis.claims.recorded.resources.files", lambda _: tmp_path)
    assert recorded.claims(recorded.shipped_rows()) == ()


@pytest.mark.parametrize(
    ("verdicts_seen", "expected"),
    [
        (["holds", "holds"], "tested"),
        (["holds", "undecided"], "undecided"),
        (["violated", "undecided"], "refuted"),
    ],
)
def test_one_violation_refutes_and_only_holding_everywhere_is_tested(verdicts_seen, expected):
    numbers = {"prompts": "9", "tokens": "90", "effect": "0.1", "low": "0", "high": "0.2", "adjusted": "0.01"}
    rows = [
        {"check": "x", "reviewer": "t", "drafter": f"d{i}", "verdict": v} | numbers for i, v in enumerate(verdicts_seen)
    ]
    found = recorded.finding(rows)
    assert found.verdict == expected
    assert found.settled  # too few data leave no claim of the theory open


# False-alarm rates and power.

TRIALS = 1000


def alarms(p_value, make, prompts, tokens, seed, trials=TRIALS):
    rng = generator(seed)
    p = np.array([p_value(make(rng, prompts, tokens), rng) for _ in range(trials)])
    return [float((p < level).mean()) for level in (0.05, 0.01)]


def hazard_test(texts, rng):
    return constant_hazard_p_value(*counts_by_run(texts))


def prompts_test(texts, rng):
    return prompts_p_value(*block_counts(texts), rng)


def domains_test(texts, rng):
    agreed = np.array([bits.sum() for bits in texts], dtype=float)
    return domains_p_value(agreed, np.array([float(bits.size) for bits in texts]), np.arange(len(texts)) % 4, rng)


def serial_test(texts, rng):
    return serial_p_value(texts)


def inner_test(texts, rng):
    half = len(texts) // 2
    return inner_outer_p_value(two_by_two(texts[:half], texts[half:]))


def low_alpha(rng, prompts, tokens):
    return synthetic.independent(rng, prompts, tokens, 0.2)


def high_alpha(rng, prompts, tokens):
    return synthetic.independent(rng, prompts, tokens, 0.8)


def rising(rng, prompts, tokens):
    """Hazard .5 .54 .58 .6 ... : a tenth in all."""
    return synthetic.copying(rng, prompts, tokens, 0.5, 0.04, 0.6)


def weak_beta(rng, prompts, tokens):
    """Standard deviation of alpha 0.1."""
    return synthetic.beta(rng, prompts, tokens, 12, 12)


def weak_chain(rng, prompts, tokens):
    """Neighbours correlated by 0.1."""
    return synthetic.hidden(rng, prompts, tokens, (0.3, 0.7), 0.8125)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("test", "make"),
    [
        (hazard_test, low_alpha),
        (hazard_test, synthetic.independent),
        (hazard_test, high_alpha),
        (prompts_test, synthetic.hidden),
        (prompts_test, high_alpha),
        (domains_test, synthetic.beta),
        (domains_test, synthetic.hidden),
        (serial_test, synthetic.beta),
        (serial_test, low_alpha),
        (inner_test, synthetic.hidden),
        (inner_test, synthetic.beta),
    ],
)
@pytest.mark.parametrize("prompts", [24, 100])
def test_false_alarms_are_as_rare_as_stated_where_the_assumption_holds(test, make, prompts, monkeypatch):
    """1,000 data sets of 96 tokens: at most 0.075 below p = 0.05, 0.025 below 0.01 (odds 3e-4, 3e-5 each)."""
    monkeypatch.setattr("analysis.checks.heterogeneity.PERMUTATIONS", 199)
    five, one = alarms(test, make, prompts, 96, seed=31)
    assert five <= 0.075
    assert one <= 0.025


@pytest.mark.slow
@pytest.mark.parametrize(
    ("test", "make", "power"),
    [(hazard_test, rising, 0.95), (prompts_test, weak_beta, 0.95), (serial_test, weak_chain, 0.95)],
)
def test_departures_of_a_tenth_are_found_on_100_prompts(test, make, power, monkeypatch):
    """200 data sets of 96 tokens, p below 0.01."""
    monkeypatch.setattr("analysis.checks.heterogeneity.PERMUTATIONS", 499)
    assert alarms(test, make, 100, 96, seed=32, trials=200)[1] >= power
