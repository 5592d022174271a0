"""Max-Gram against a naive search, under growth and rollback; its options, its counters and its bigram fallback."""

import random
from collections import Counter

import command_line
import numpy as np
import pytest
import tiny
from hypothesis import given
from hypothesis import strategies as st

from analysis.model import InputError
from realrun.commands import bigram as command
from realrun.maxgram.bigram import Bigram
from realrun.maxgram.drafter import MaxGram
from realrun.maxgram.suffix import SuffixIndex

sequences = st.lists(st.integers(0, 2), min_size=1, max_size=30)
changes = st.lists(st.tuples(st.integers(0, 8), sequences), max_size=6)
limits = st.sampled_from([1, 2, 3, 32])


def naive_ends(sequence, longest):
    """Length of the longest suffix of at most `longest` tokens that occurs earlier, and where those occurrences end."""
    for length in range(min(len(sequence) - 1, longest), 0, -1):
        suffix = sequence[-length:]
        ends = [i for i in range(length - 1, len(sequence) - 1) if sequence[i - length + 1 : i + 1] == suffix]
        if ends:
            return length, ends
    return 0, []


def naive(sequence, match="recent", longest=32, min_match=1, candidates=1):
    """What Max-Gram without a fallback should propose."""
    length, ends = naive_ends(sequence, longest)
    if length < min_match:
        return None
    if match == "recent":
        ends.reverse()
    return Counter(sequence[end + 1] for end in ends[:candidates]).most_common(1)[0][0]


def proposal(sequence, **options):
    model = MaxGram(**options)
    model.prefill(sequence)
    return model.propose_next(sequence)


@given(sequences, st.sampled_from(["recent", "leftmost"]), limits, st.integers(1, 3), st.integers(1, 4))
def test_proposal_follows_the_longest_earlier_match(sequence, match, longest, min_match, candidates):
    min_match = min(min_match, longest)
    found = proposal(sequence, match=match, max_match=longest, min_match=min_match, candidates=candidates)
    assert found == naive(sequence, match, longest, min_match, candidates)


@given(sequences, changes, limits)
def test_index_after_any_growth_and_rollback_finds_what_a_naive_search_finds(sequence, changes, longest):
    index = SuffixIndex(longest)
    for cut, more in [(0, sequence), *changes]:
        for _ in range(min(cut, len(index.tokens))):
            index.pop()
        for token in more:
            index.append(token)
            length, ends = index.longest_match()
            assert (length, list(ends)[:-1]) == naive_ends(index.tokens, longest)


@given(sequences, changes, st.sampled_from(["ours", "authors"]))
def test_proposal_after_any_growth_and_rollback_is_that_of_a_fresh_index(sequence, changes, variant):
    model = MaxGram(variant=variant)
    model.prefill(sequence)
    before = list(sequence) if variant == "authors" else []
    match = "leftmost" if variant == "authors" else "recent"
    sequence = list(sequence)
    for cut, more in changes:
        del sequence[max(1, len(sequence) - cut) :]
        model.rollback(len(sequence))
        sequence += more
        assert model.propose_next(sequence) == naive(before + sequence, match)


def sizes(index):
    """Number of runs in the tree of an index, of their ends, and the length of the longest run."""
    runs, ends, longest, todo = 0, 0, 0, [index._root]
    while todo:
        run = todo.pop()
        runs, ends, longest = runs + 1, ends + len(run.ends), max(longest, run.length)
        todo += run.earlier.values()
    return runs, ends, longest


def test_removing_every_token_leaves_nothing_behind():
    rng = random.Random(0)
    index = SuffixIndex(8)
    for _ in range(300):
        index.append(rng.randrange(3))
    for _ in range(300):
        index.pop()
    assert sizes(index) == (1, 0, 0)


@pytest.mark.parametrize("longest", [1, 3, 8])
def test_no_run_is_longer_than_the_longest_match(longest):
    rng = random.Random(0)
    index = SuffixIndex(longest)
    for _ in range(300):
        index.append(rng.randrange(2))
    assert sizes(index)[2] == longest


@pytest.mark.parametrize("text", ["random", "loop", "constant"])
def test_size_and_so_the_work_grows_with_the_length_alone_however_often_it_is_cut_back(text):
    rng = random.Random(0)
    source = {"random": lambda i: rng.randrange(50), "loop": lambda i: i % 7, "constant": lambda i: 0}[text]
    index = SuffixIndex(16)
    per_token = []
    for i in range(4000):
        index.append(source(i))
        for _ in range(3):
            index.append(rng.randrange(50))
        for _ in range(3):
            index.pop()
        if i + 1 in (1000, 4000):
            per_token.append(sizes(index)[1] / (i + 1))
    assert max(per_token) <= 16
    assert per_token[1] <= per_token[0] + 1.5  # random matches are log(4) / log(50) longer in 4 times the text


def test_the_two_matches_differ_where_they_should():
    sequence = [1, 2, 5, 1, 2, 6, 1, 2]
    assert [proposal(sequence, match=match) for match in ("leftmost", "recent")] == [5, 6]


def test_candidates_outvote_the_first_match():
    sequence = [1, 2, 5, 1, 2, 5, 1, 2, 6, 1, 2]
    assert [proposal(sequence, candidates=n) for n in (1, 2, 3)] == [6, 6, 5]


def test_a_match_shorter_than_wanted_is_none():
    assert [proposal([4, 1, 2, 5, 3, 1, 2], min_match=n) for n in (1, 2, 3)] == [5, 5, None]


def test_the_authors_search_starts_by_proposing_the_prompt_again_and_ours_does_not():
    prompt = [1, 2, 3, 4, 5, 6]
    proposals = {}
    for variant in ("authors", "ours"):
        model = MaxGram(variant=variant)
        model.prefill(prompt)
        sequence = list(prompt)
        while len(sequence) < 10 and (token := model.propose_next(sequence)) is not None:
            sequence.append(token)
        proposals[variant] = sequence[6:]
    assert proposals == {"authors": [1, 2, 3, 4], "ours": []}


def test_an_unknown_token_falls_back_on_the_bigram_and_then_abstains():
    table = Bigram.learn([[7, 8, 7, 9, 7, 9, 4, 3]], 10, "tokenizer")
    for last, expected in ((7, 9), (8, 7), (4, 3), (3, None), (5, None)):
        assert proposal([0, 1, last], bigram=table) == expected
    assert proposal([0, 1, 7]) is None


def test_counters_tell_where_every_proposal_came_from():
    model = MaxGram(Bigram.learn([[7, 8]], 10, "tokenizer"))
    model.prefill([1, 2, 3, 1, 2])
    for sequence in ([1, 2, 3, 1, 2], [1, 2, 3, 1, 2, 7], [1, 2, 3, 1, 2, 7, 9], [1, 2, 3, 1, 2, 7, 9, 1]):
        model.propose_next(sequence)
    assert model.counts.to_json() == {"matches": {"1": 1, "2": 1}, "fallbacks": 1, "misses": 1}
    assert model.log.q == {1: 4}
    model.prefill([1])
    assert model.counts.to_json() == {"matches": {}, "fallbacks": 0, "misses": 0}


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


def learn(tmp_path, capsys, monkeypatch, target):
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"text": "abab"}\n{"text": "ac"}\n')
    out = tmp_path / "table.npz"
    return out, *command_line.run(command, capsys, monkeypatch, "bigram", rows, "--target", target, "--out", out)


def test_a_table_is_learnt_from_text_also_where_the_tokenizers_ids_have_gaps(tmp_path, capsys, monkeypatch):
    tiny.tokenizer(stride=3).save_pretrained(tmp_path / "target")
    out, code, stdout, stderr = learn(tmp_path, capsys, monkeypatch, tmp_path / "target")
    assert code == 0, stderr
    assert stdout == f"2 of {len(tiny.PIECES)} tokens have a successor\n"
    table = Bigram.load(out)
    assert table.successors.size == 3 * (len(tiny.PIECES) - 1) + 1
    a, b = (3 * tiny.PIECES.index(letter) for letter in "ab")
    assert (table.successor(a), table.successor(b)) == (b, a)


@pytest.mark.parametrize("target", ["maxgram", "skip:3", ""])
def test_a_table_needs_a_target_with_a_tokenizer(tmp_path, capsys, monkeypatch, target):
    out, code, _, stderr = learn(tmp_path, capsys, monkeypatch, target)
    assert code == 2
    assert stderr.startswith(f"error: --target: {'got' if not target else repr(target)}")
    assert not out.exists()
