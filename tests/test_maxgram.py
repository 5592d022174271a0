"""Max-Gram against a naive search, under growth and rollback; and its bigram fallback."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.model import InputError
from realrun.bigram import Bigram
from realrun.maxgram import MaxGram

sequences = st.lists(st.integers(0, 2), min_size=1, max_size=30)


def naive(sequence, match):
    """What followed the longest suffix that occurs earlier, by trying all lengths from the longest."""
    for length in range(len(sequence) - 1, 0, -1):
        suffix = sequence[-length:]
        starts = [i for i in range(len(sequence) - length) if sequence[i : i + length] == suffix]
        if starts:
            return sequence[(starts[-1] if match == "recent" else starts[0]) + length]
    return None


@given(sequences, st.sampled_from(["recent", "leftmost"]))
def test_proposal_follows_the_longest_earlier_match(sequence, match):
    model = MaxGram(match=match)
    model.prefill(sequence)
    assert model.propose(sequence) == naive(sequence, match)


@given(sequences, st.lists(st.tuples(st.integers(0, 8), sequences), max_size=6))
def test_proposal_after_any_growth_and_rollback_is_that_of_a_fresh_index(sequence, changes):
    model = MaxGram()
    model.prefill(sequence)
    sequence = list(sequence)
    for cut, more in changes:
        del sequence[max(1, len(sequence) - cut) :]
        model.rollback(len(sequence))
        sequence += more
        assert model.propose(sequence) == naive(sequence, "recent")


def test_the_two_matches_differ_where_they_should():
    sequence = [1, 2, 5, 1, 2, 6, 1, 2]
    proposals = []
    for match in ("leftmost", "recent"):
        model = MaxGram(match=match)
        model.prefill(sequence)
        proposals.append(model.propose(sequence))
    assert proposals == [5, 6]


def test_an_unknown_token_falls_back_on_the_bigram_and_then_abstains():
    table = Bigram.learn([[7, 8, 7, 9, 7, 9, 4, 3]], 10, "tokenizer")
    model = MaxGram(table)
    for last, expected in ((7, 9), (8, 7), (4, 3), (3, None), (5, None)):
        model.prefill([0, 1, last])
        assert model.propose([0, 1, last]) == expected
    model = MaxGram()
    model.prefill([0, 1, 7])
    assert model.propose([0, 1, 7]) is None


def test_equally_frequent_successors_are_told_apart_by_id():
    assert Bigram.learn([[1, 3, 1, 2]], 4, "").successors.tolist() == [-1, 2, -1, 1]


def test_a_saved_table_reads_back(tmp_path):
    table = Bigram.learn([[0, 1, 2]], 4, "print")
    table.save(tmp_path / "b.npz")
    again = Bigram.load(tmp_path / "b.npz")
    np.testing.assert_array_equal(again.successors, table.successors)
    assert again.tokenizer == "print"


@pytest.mark.parametrize("content", [b"", b"PK nonsense", b"\x93NUMPY"])
def test_other_files_are_refused_as_tables(tmp_path, content):
    (tmp_path / "b.npz").write_bytes(content)
    with pytest.raises(InputError, match="not a bigram table"):
        Bigram.load(tmp_path / "b.npz")
    with pytest.raises(InputError, match="no such file"):
        Bigram.load(tmp_path / "none.npz")
