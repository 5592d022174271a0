"""The cascade specification: what it means, what is refused and how."""

import copy
import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import hazards, specs

from analysis.model import (
    MAX_DRAFT_LENGTH,
    Cascade,
    Decaying,
    InputError,
    Step,
    draft_from_k_matrix,
    longest,
    parse_json,
    read_cascade,
    whole_file,
)
from analysis.model.hazard import read_acceptance

SPEC = {
    "target": "t",
    "models": {"t": {"cost": 1.0}, "d": {"cost": 0.1}, "m": {"cost": 0.0}},
    "acceptance": {"t": {"d": 0.8, "m": 0.4}, "d": {"m": 0.45}},
    "draft": [{"by": "d", "rounds": 3, "draft": [{"by": "m", "tokens": 10}]}, {"by": "m", "tokens": 4}],
}


def changed(path, value):
    """SPEC with one value put in at a path of keys; None takes it out."""
    spec = copy.deepcopy(SPEC)
    place = spec
    for key in path[:-1]:
        place = place[key]
    if value is None:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return spec


@given(specs(lenient=True))
def test_canonical_json_reads_back_as_an_equal_cascade(spec):
    cascade = Cascade.from_json(spec)
    again = Cascade.from_json(json.loads(cascade.canonical()))
    assert again == cascade
    assert again.canonical() == cascade.canonical()


def test_specifications_with_one_meaning_have_one_canonical_form():
    plain = Cascade.from_json(SPEC)
    wordy = copy.deepcopy(SPEC)
    wordy["models"]["d"]["cost"] = {"fixed": 0.1, "per_token": 0}
    wordy["models"]["m"]["cost"] = {"by_tokens": [0, 0]}
    wordy["acceptance"]["t"]["d"] = {"accepted": {"per_position": [0.8, 0.8]}, "corrected": 0.8}
    wordy["acceptance"]["t"]["m"] = {"initial": 0.4, "decay": 1, "floor": 0.1}
    wordy["acceptance"]["m"] = {}
    wordy["draft"][0] |= {"lenience": 1, "rounds": 3.0}
    wordy["models"]["m"]["cost"] = -0.0
    assert Cascade.from_json(wordy).law_json() == plain.law_json()
    wordy["acceptance"]["t"]["d"] = {"accepted": 0.8, "corrected": {"initial": 0.8, "decay": 1}}
    assert Cascade.from_json(wordy).canonical() == plain.canonical()


@given(hazards(), st.integers(0, 5000))
def test_every_hazard_is_a_probability_at_every_position(value, position):
    assert 0 <= read_acceptance(value).at(position) <= 1


def test_decaying_hazard_is_the_geometric_survival_of_serving_engines():
    hazard = Decaying(0.8, 0.9)
    for i in range(10):
        survival = math.prod(hazard.at(j) for j in range(i + 1))
        assert survival == pytest.approx(0.8 ** (i + 1) * 0.9 ** (i * (i + 1) / 2))


def test_rising_hazard_stops_at_one_even_where_the_power_overflows():
    assert Decaying(0.5, 1e300).at(4000) == 1.0
    assert Decaying(0.0, 1e300, 0.2).at(4000) == 0.2


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("acceptance", "t", "d"), 1.5, "acceptance.t.d: got 1.5, expected a number in [0, 1]"),
        (("acceptance", "t", "d"), -0.1, "acceptance.t.d: got -0.1, expected a number in [0, 1]"),
        (("acceptance", "t", "d"), math.nan, "acceptance.t.d: got nan, expected a number in [0, 1]"),
        (("acceptance", "t", "d"), True, "acceptance.t.d: got true, expected a number in [0, 1]"),
        (("acceptance", "t", "d"), "0.8", "acceptance.t.d: got '0.8', expected a number in [0, 1]"),
        (("acceptance", "t", "d"), {"per_position": []}, "acceptance.t.d.per_position: got []"),
        (("acceptance", "t", "d"), {"per_position": [0.5, 2]}, "acceptance.t.d.per_position[1]: got 2"),
        (("acceptance", "t", "d"), {"initial": 0.5}, "acceptance.t.d.decay: missing"),
        (("acceptance", "t", "d"), {"initial": 0.5, "decay": -1}, "acceptance.t.d.decay: got -1"),
        (("acceptance", "t", "d"), {"initial": 0.5, "decay": math.inf}, "acceptance.t.d.decay: got inf"),
        (("acceptance", "t", "d"), {"accepted": 0.5}, "acceptance.t.d.corrected: missing"),
        (("acceptance", "t", "d"), {"accepted": 0.5, "corrected": 7}, "acceptance.t.d.corrected: got 7"),
        (("acceptance", "t", "d"), None, "acceptance.t.d: missing, draft[0] uses this pair"),
        (("acceptance", "x"), {}, "acceptance.x: unknown reviewer"),
        (("acceptance", "t", "x"), 0.5, "acceptance.t.x: unknown model"),
        (("models", "d", "cost"), -1, "models.d.cost: got -1, expected a number in [0, 1e+60]"),
        (("models", "d", "cost"), math.inf, "models.d.cost: got inf, expected a number in [0, 1e+60]"),
        (("models", "d", "cost"), 10**400, "models.d.cost: got a huge integer, expected a number in [0, 1e+60]"),
        (("models", "d", "cost"), {"fixed": 1}, "models.d.cost.per_token: missing"),
        (("models", "d", "cost"), {"by_tokens": [1, "2"]}, "models.d.cost.by_tokens[1]: got '2'"),
        (("models", "d", "cost"), None, "models.d.cost: missing"),
        (("models", "t", "cost"), 0, "models.t.cost: got 0.0, expected a cost > 0 for the target"),
        (("models", "t", "cost"), {"by_tokens": [1, 0]}, "models.t.cost: got"),
        (("models", "t", "cost"), 1e-320, "models.t.cost: got 1e-320, expected a cost > 0 for the target"),
        (("models", "d", "cost"), 1e200, "models.d.cost: got 1e+200, expected a number in [0, 1e+60]"),
        (("models", "d", "size"), 3, "models.d.size: unknown key"),
        (("target",), "x", "target: got 'x', expected one of the models t, d, m"),
        (("target",), 3, "target: got 3, expected a non-empty string"),
        (("draft",), None, "draft: missing"),
        (("draft",), {}, "draft: got {}, expected a list"),
        (("draft", 1, "by"), "x", "draft[1].by: got 'x', expected one of the models"),
        (("draft", 1, "by"), "t", "draft[1].by: got 't', expected a drafter, not the target"),
        (("draft", 0, "draft", 0, "by"), "d", "draft[0].draft[0].by: got 'd', expected a model that does not draft"),
        (("draft", 0, "draft"), [], "draft[0].draft: got []"),
        (("draft", 0, "draft"), None, "draft[0].draft: missing or empty"),
        (("draft", 1, "tokens"), None, "draft[1]: got none, expected exactly one of tokens, rounds, until"),
        (("draft", 1, "until"), 3, "draft[1]: got tokens and until, expected exactly one of tokens, rounds, until"),
        (("draft", 1, "tokens"), 0, "draft[1].tokens: got 0, expected a whole number in 1..4096"),
        (("draft", 1, "tokens"), 2.5, "draft[1].tokens: got 2.5, expected a whole number in 1..4096"),
        (("draft", 1, "tokens"), "4", "draft[1].tokens: got '4', expected a whole number in 1..4096"),
        (("draft", 1, "tokens"), True, "draft[1].tokens: got true, expected a whole number in 1..4096"),
        (("draft", 0, "rounds"), 373, "draft[0]: the draft could hold 4103 tokens"),
        (("draft", 1, "block"), 2, "draft[1].block: only an `until` step without an inner draft has a block"),
        (("draft", 1, "lenience"), 2, "draft[1].lenience: only a step with an inner draft has a lenience"),
        (("draft", 0, "lenience"), 0.5, "draft[0].lenience: got 0.5"),
        (("draft", 1, "size"), 2, "draft[1].size: unknown key"),
        (("lenience",), 0, "lenience: got 0"),
        (("speed",), 0, "speed: unknown key"),
        (("uncertainty",), {"acceptance": {"t": {"d": -1}}}, "uncertainty.acceptance.t.d: got -1"),
        (("uncertainty",), {"acceptance": {"x": {"d": 0.1}}}, "uncertainty.acceptance.x: unknown reviewer"),
        (("uncertainty",), {"models": {"x": {"cost": 1}}}, "uncertainty.models.x: unknown model"),
        (("meta",), {"x": math.nan}, "meta: holds a number that JSON does not know"),
    ],
)
def test_bad_input_names_field_value_and_range(path, value, message):
    with pytest.raises(InputError) as caught:
        Cascade.from_json(changed(path, value))
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_a_model_may_not_draft_for_itself_further_down():
    spec = changed(("models", "e"), {"cost": 0.1})
    spec["acceptance"] |= {"d": {"e": 0.5, "m": 0.5}, "e": {"d": 0.5}}
    spec["draft"] = [{"by": "d", "rounds": 1, "draft": [{"by": "e", "rounds": 1, "draft": [{"by": "d", "tokens": 1}]}]}]
    with pytest.raises(InputError, match=r"draft\[0\].draft\[0\].draft\[0\].by: got 'd'"):
        Cascade.from_json(spec)


def test_acceptance_and_cost_may_be_absent_only_with_load():
    spec = {"target": "t", "models": {"t": {"load": "x"}, "d": {"load": "y"}}, "draft": [{"by": "d", "tokens": 1}]}
    cascade = Cascade.from_json(spec)
    with pytest.raises(InputError, match=r"acceptance.t.d: missing"):
        cascade.pair("t", "d")
    with pytest.raises(InputError, match=r"models.t.cost: missing"):
        cascade.cost("t")


@pytest.mark.parametrize("layout", [{"models": {"d": {"cost": 0.1}}}, {"cost": {"d": 0.1}}, {"costs": {"d": 0.1}}])
def test_standard_errors_of_costs_have_one_canonical_layout(layout):
    cascade = Cascade.from_json(SPEC | {"uncertainty": layout})
    assert cascade.uncertainty == {"models": {"d": {"cost": 0.1}}}


@pytest.mark.parametrize(
    ("draft", "length"),
    [
        ((), 0),
        ((Step("a", tokens=MAX_DRAFT_LENGTH),), MAX_DRAFT_LENGTH),
        ((Step("a", until=7, block=3),), 9),
        ((Step("a", tokens=4), Step("a", until=10, block=10)), 14),
        ((Step("a", until=5), Step("b", until=5)), 5),
        ((Step("a", rounds=2, draft=(Step("b", tokens=3),)),), 8),
        ((Step("a", until=5, draft=(Step("b", tokens=3),)),), 8),
        ((Step("a", rounds=1, draft=(Step("b", tokens=3),)), Step("b", until=4, block=3)), 6),
    ],
)
def test_greatest_possible_length(draft, length):
    assert longest(draft) == length


def test_k_matrix_reads_in_both_conventions():
    increments = [[5, 14, 10], [0, 1, 10], [0, 0, 10]]
    cumulative = [[5, 19, 29], [0, 1, 11], [0, 0, 10]]
    names = ["d1", "d2", "mag"]
    draft = draft_from_k_matrix(increments, names, "increments")
    assert draft == draft_from_k_matrix(cumulative, names, "cumulative")
    mag = Step("mag", until=10, block=10)
    d2 = Step("d2", until=1, draft=(mag,))
    assert draft == (
        Step("d1", until=5, draft=(d2, Step("mag", until=11, block=10))),
        Step("d2", until=19, draft=(mag,)),
        Step("mag", until=29, block=10),
    )


def test_k_matrix_skips_zeros_and_drafts_alone_where_a_row_is_zero():
    assert draft_from_k_matrix([[3, 0], [0, 0]], ["d", "mag"], "cumulative") == (Step("d", until=3),)
    assert draft_from_k_matrix([[0, 4], [0, 2]], ["d", "mag"], "increments") == (Step("mag", until=4, block=10),)


@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        ([[1, 2]], r"k_matrix: has 1 rows, expected one a drafter: 2"),
        ([[1], [2]], r"k_matrix\[0\]: has 1 entries, expected one a drafter: 2"),
        ([[1, 2], [3, 4]], r"k_matrix\[1\]\[0\]: got 3, expected 0"),
        ([[1, 2.5], [0, 4]], r"k_matrix\[0\]\[1\]: got 2.5, expected a whole number in 0..4096"),
    ],
)
def test_bad_k_matrices_are_refused(matrix, message):
    with pytest.raises(InputError, match=message):
        draft_from_k_matrix(matrix, ["d", "mag"], "cumulative")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": 1,\n "b" 2}', "f: malformed JSON at line 2, column 6"),
        ('{"a": 1, "a": 2}', "f: the key 'a' is there twice in one object"),
        ("[" * 100_000, "f: nested too deeply"),
        ("1" * 5000, "f: malformed JSON"),
        ("alpha,c\n0.8,0.1\n", "f: malformed JSON at line 1, column 1: Expecting value (CSV, where JSON is expected?)"),
        ("target: t\nmodels:\n  t: {}\n", "f: malformed JSON at line 1, column 1: Expecting value (YAML, where JSON"),
        ("---\n- 1\n", "f: malformed JSON at line 1, column 1: Expecting value (YAML, where JSON is expected?)"),
        ('{\n// costs\n"a": 1}', "f: malformed JSON at line 2, column 1: Expecting property name enclosed in double "),
        ("# a\n{}", "f: malformed JSON at line 1, column 1: Expecting value (JSON has no comments)"),
        ('{"a": 1 /* b */}', "f: malformed JSON at line 1, column 9: Expecting ',' delimiter (JSON has no comments)"),
        ("{'a': 1}", "f: malformed JSON at line 1, column 2: Expecting property name enclosed in double quotes (JSON"),
        ('{"a": 1}\n{"a": 2}\n', "f: malformed JSON at line 2, column 1: Extra data (several values: JSON Lines"),
        ("[1, 2,]", "f: malformed JSON at line 1, column"),
        ('"half \\ud800"', "f: holds half of a surrogate pair"),
    ],
)
def test_malformed_json_is_told_with_its_place(text, message):
    with pytest.raises(InputError) as caught:
        parse_json(text, "f")
    assert str(caught.value).startswith(message)


def test_missing_and_empty_files_are_told(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        read_cascade(tmp_path / "none.json")
    (tmp_path / "empty.json").write_text(" \n")
    with pytest.raises(InputError, match="the file is empty"):
        read_cascade(tmp_path / "empty.json")


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "out.txt"
    path.write_text("old")

    def write_half():
        with whole_file(path) as file:
            file.write("half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_half()
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["out.txt"]


def test_a_folder_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(InputError, match="is a folder, expected a file name"):
        whole_file(tmp_path).__enter__()


def test_a_link_keeps_pointing_and_a_device_stays_one(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "file")
    for path in (tmp_path / "link", "/dev/null"):
        with whole_file(path) as file:
            file.write("text")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "file").read_text() == "text"
    assert not Path("/dev/null").is_file()


def test_drafts_nested_too_deeply_are_refused():
    draft = [{"by": "d", "tokens": 1}]
    for _ in range(100):
        draft = [{"by": "d", "rounds": 1, "draft": draft}]
    with pytest.raises(InputError, match="nested more than 100 drafts deep"):
        Cascade.from_json(SPEC | {"draft": draft})


def test_a_bad_specification_is_told_with_its_file(tmp_path):
    path = tmp_path / "spec.json"
    path.write_text(json.dumps(changed(("draft", 1, "tokens"), 0)))
    with pytest.raises(InputError) as caught:
        read_cascade(path)
    assert caught.value.field == "draft[1].tokens"
    assert str(caught.value) == f"draft[1].tokens: got 0, expected a whole number in 1..4096 (in {path})"
