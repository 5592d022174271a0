"""Recorded agreements against drafting itself, and against what the engine then does."""

import itertools
from collections import Counter

import numpy as np
import pytest
import tiny
import torch
from toys import CONTEXT, ToyNetwork, ToyProposer

from analysis.model import Cascade, Step
from realrun.calibration.agreements import AFTER, Departure, RecordedText, Recorder, agreement
from realrun.calibration.evidence import DRAFTED, POSITIONS, along, greedy_evidence, starts
from realrun.calibration.path import choices_along
from realrun.calibration.roster import Roster, with_all_models, writing_cascade
from realrun.calibration.texts import TargetText, text_writer
from realrun.calibration.traces import traces
from realrun.engine.cascade import CascadeDecoder
from realrun.engine.policy import Policy
from realrun.loading.ensemble import load_ensemble
from realrun.maxgram.drafter import MaxGram
from realrun.network.encoder_decoder import CachedEncoderDecoder
from realrun.runs.prompts import Prompt

LENGTH = 48
PROMPTS = [Prompt(i, text) for i, text in enumerate(["abc abc", "hello hello world", "zz top"])]
ROSTER = Roster("t", ("a", "b"), ("mag",))


def noisy(folder, source_seed, noise):
    """A model that often agrees with the one of the seed: its weights and some noise."""
    network = tiny.network(seed=source_seed)
    generator = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += noise * parameter.std() * torch.randn(parameter.shape, generator=generator)
    network.save_pretrained(folder)
    tiny.tokenizer().save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope="module")
def ensemble(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tiny")
    models = {
        "t": {"load": tiny.save(folder / "t")},
        "a": {"load": noisy(folder / "a", 0, 0.03)},
        "b": {"load": noisy(folder / "b", 0, 0.06)},
        "mag": {"load": "maxgram"},
    }
    cascade = Cascade.from_json({"target": "t", "models": models}, needs_draft=False)
    return cascade, load_ensemble(with_all_models(cascade), torch.float32)


@pytest.fixture(scope="module")
def recordings(ensemble):
    cascade, loaded = ensemble
    roster = Roster.of(cascade, loaded)
    assert roster == ROSTER
    recorder = Recorder(roster, loaded.models, loaded.eos, 1, tiny.VOCABULARY)
    write = text_writer(writing_cascade(cascade, roster), loaded, PROMPTS, LENGTH, Policy(), 0)
    return [recorder.record(write(i)) for i in range(len(PROMPTS))]


def alone(model, prompt, sequence):
    """A network's greedy next token by one call without a cache."""
    return int(model.uncached_logits(prompt, sequence)[: tiny.VOCABULARY].argmax())


def longest_match(sequence, longest):
    """What followed the latest earlier occurrence of the longest suffix, by trying all."""
    for length in range(min(longest, len(sequence) - 1), 0, -1):
        for end in range(len(sequence) - 1, length - 1, -1):
            if sequence[end - length : end] == sequence[-length:]:
                return sequence[end]
    return None


def test_the_drafters_sometimes_agree_and_sometimes_not(recordings):
    for pair in ROSTER.pairs():
        strings = "".join(agreement(r.choices[pair[0]], r.choices[pair[1]]) for r in recordings)
        assert 10 < strings.count("1") < len(strings) - 10, pair


def test_choices_along_a_text_are_those_of_each_prefix_alone(ensemble, recordings):
    _, loaded = ensemble
    for recording in recordings:
        text = recording.text
        for i in range(len(text.tokens)):
            before = text.prompt_ids + text.tokens[:i]
            for name in ("t", "a", "b"):
                assert recording.choices[name][i] == alone(loaded.models[name], text.prompt_ids, before)
            assert recording.choices["mag"][i] == longest_match(before, 32)


def test_choices_off_the_text_are_those_of_each_prefix_of_the_drafters_own_text(ensemble, recordings):
    _, loaded = ensemble
    followed = 0
    for recording in recordings:
        text = recording.text
        for owner in ("a", "b"):
            own = recording.choices[owner]
            left = [i for i, token in enumerate(own) if token != text.tokens[i]]
            assert [departure.start for departure in recording.departures[owner]] == left
            for departure in recording.departures[owner]:
                sequence = [*text.prompt_ids, *text.tokens[: departure.start], own[departure.start]]
                for place, token in enumerate(departure.choices[owner]):
                    assert token == alone(loaded.models[owner], text.prompt_ids, sequence)
                    assert departure.choices["mag"][place] == longest_match(sequence, 32)
                    if owner == "a":
                        assert departure.choices["b"][place] == alone(loaded.models["b"], text.prompt_ids, sequence)
                    sequence.append(token)
                    followed += 1
                ended = sequence[-1] in loaded.eos
                assert ended or len(departure.choices[owner]) == AFTER
    assert followed > 200


def test_what_max_gram_drafts_by_itself_is_what_it_proposes_along_the_text_until_it_is_wrong(recordings):
    drafts = 0
    for recording in recordings:
        text = recording.text
        for start in range(len(text.tokens)):
            mag = MaxGram()
            mag.prefill(text.prompt_ids + text.tokens[:start])
            sequence = text.prompt_ids + text.tokens[:start]
            for place in range(start, len(text.tokens)):
                token = mag.propose_next(sequence)
                assert token == recording.choices["mag"][place]
                drafts += place > start
                if token != text.tokens[place]:
                    break
                sequence.append(token)
    assert drafts > 20


class Replay:
    """Greedy decoding from recorded choices alone, cycle by cycle: sequences of tokens, but no model."""

    def __init__(self, recording, draft, room):
        self.recording, self.room = recording, room
        self.examined, self.accepted = Counter(), Counter()
        self.cycles = []
        true, eos = recording.text.tokens, recording.text.finish == "eos"
        place = 0
        while place < len(true):
            yielded = self.cycle(draft, place, room - place)
            if eos and place + yielded == len(true) + 1:  # an accepted end of the text is the last token
                yielded -= 1
            self.cycles.append(yielded)
            place += yielded

    def next(self, model, start, tail):
        """A model's token after the true text up to `start` and then `tail`, which is a drafter's own text."""
        true, choices = self.recording.text.tokens, self.recording.choices
        agreed = 0
        while agreed < len(tail) and start + agreed < len(true) and tail[agreed] == true[start + agreed]:
            agreed += 1
        if agreed == len(tail):
            return choices[model][start + agreed]
        owner = next(m for m in ROSTER.neural if choices[m][start + agreed] == tail[agreed])
        departure = next(d for d in self.recording.departures[owner] if d.start == start + agreed)
        after = len(tail) - agreed - 1
        assert tuple(departure.choices[owner][:after]) == tuple(tail[agreed + 1 :])
        return departure.choices[model][after]

    def cycle(self, draft, start, room):
        drafted = self.drafted(draft, start, [], room - 1)
        true = self.recording.text.tokens
        for position, (by, corrected, token) in enumerate(drafted):
            self.examined["t", by, position, corrected] += 1
            if token != true[start + position]:
                return position + 1
            self.accepted["t", by, position, corrected] += 1
        return len(drafted) + 1

    def drafted(self, draft, start, tail, room):
        result = []
        for step in draft:
            for _ in range(step.rounds or 1):
                tokens = [token for _, _, token in result]
                if len(result) >= room or (tokens and tokens[-1] == tiny.EOS):
                    break
                if step.is_leaf:
                    added = self.leaf(step, start, tail + tokens, room - len(result))
                else:
                    added = self.round(step, start, tail + tokens, room - len(result))
                if not added:
                    break
                result += added
        return result

    def leaf(self, step, start, tail, room):
        result = []
        while len(result) < min(step.tokens, room) and not (result and result[-1][2] == tiny.EOS):
            token = self.next(step.by, start, tail + [token for _, _, token in result])
            if token is None:
                break
            result.append((step.by, False, token))
            if token != self.next_own(start, tail, result):
                result += [(step.by, False, -1)] * (min(step.tokens, room) - len(result))  # nobody will look at them
        return result

    def next_own(self, start, tail, result):
        """The token that every reviewer above would have to say for the replay to know what comes next."""
        tokens = [token for _, _, token in result]
        known = {self.next(m, start, tail + tokens[:-1]) for m in self.above}
        return tokens[-1] if tokens[-1] in known else None

    above = ("t",)

    def round(self, step, start, tail, room):
        self.above = (step.by,)
        drafted = self.drafted(step.draft, start, tail, room - 1)
        self.above = ("t",)
        out = []
        for position, (by, corrected, token) in enumerate(drafted):
            own = self.next(step.by, start, tail + [t for _, _, t in out])
            self.examined[step.by, by, position, corrected] += 1
            if own != token:
                return [*out, (step.by, True, own)]
            self.accepted[step.by, by, position, corrected] += 1
            out.append((step.by, False, own))
        if out and out[-1][2] == tiny.EOS:
            return out
        return [*out, (step.by, True, self.next(step.by, start, tail + [t for _, _, t in out]))]


DRAFTS = {
    "one drafter": (Step("a", tokens=3),),
    "the cheaper one": (Step("b", tokens=5),),
    "max-gram": (Step("mag", tokens=6),),
    "a over max-gram": (Step("a", rounds=2, draft=(Step("mag", tokens=3),)),),
    "a over b": (Step("a", rounds=2, draft=(Step("b", tokens=2),)),),
    "many rounds": (Step("a", rounds=4, draft=(Step("mag", tokens=2),)),),
}


@pytest.mark.parametrize("draft", DRAFTS.values(), ids=DRAFTS.keys())
def test_the_engine_does_cycle_by_cycle_what_the_recorded_agreements_imply(ensemble, recordings, draft):
    cascade, loaded = ensemble
    cascade = cascade.with_draft(draft)
    for recording in recordings:
        text = recording.text
        decoder = CascadeDecoder(cascade, loaded.only(cascade), loaded.context)
        generation = decoder.generate(text.prompt_ids, LENGTH, loaded.eos)
        assert generation.tokens == text.tokens
        replay = Replay(recording, draft, LENGTH)
        assert [cycle.tokens for cycle in generation.cycle_log] == replay.cycles
        for counted, found in (("examined", replay.examined), ("accepted", replay.accepted)):
            expected = Counter()
            for pair, log in generation.pairs.items():
                expected.update({(*pair, *key): n for key, n in getattr(log, counted).items()})
            assert expected == found, counted


def engine_starts(loaded, cascade, text, drafter):
    """Where the engine's cycles begin when a drafter drafts `DRAFTED` tokens a cycle."""
    cascade = cascade.with_draft((Step(drafter, tokens=DRAFTED),))
    decoder = CascadeDecoder(cascade, loaded.only(cascade), loaded.context)
    generation = decoder.generate(text.prompt_ids, LENGTH, loaded.eos)
    begin = itertools.accumulate((cycle.tokens for cycle in generation.cycle_log), initial=0)
    return [place for place in begin if place < len(text.tokens)]


def engine_counts(loaded, cascade, text, pair, begin):
    """Counts of one pair over single cycles of the engine from some places of a text, as `greedy_evidence` has them."""
    counts = torch.zeros(2, POSITIONS, 2)
    decoder = CascadeDecoder(cascade, loaded.only(cascade), loaded.context)
    for start in begin:
        prefix = text.prompt_ids + text.tokens[:start]
        log = decoder.generate(prefix, 2 * (POSITIONS + 1) + 1, loaded.eos, watch=len).pairs.get(pair)
        for index, counter in enumerate((log.examined, log.accepted) if log else ()):
            for (position, corrected), n in counter.items():
                counts[int(corrected), position, index] += n
    return counts


def test_inner_counts_are_those_of_the_engines_first_two_rounds_where_cycles_begin(ensemble, recordings):
    cascade, loaded = ensemble
    draft = (Step("a", rounds=2, draft=(Step("b", tokens=POSITIONS),)),)
    roster = Roster("t", ("a", "b"), ())
    for recording in recordings[:1]:
        cut = recording.departures["a"][-1].start + 1  # so that the drafter leaves the text from every place
        text = TargetText(recording.text.prompt, recording.text.prompt_ids, recording.text.tokens[:cut], "length")
        recorder = Recorder(roster, loaded.models, loaded.eos, 1, tiny.VOCABULARY, after=2 * (POSITIONS + 1))
        found = greedy_evidence(recorder.record(text), roster, 1).counts["a", "b"]
        begin = engine_starts(loaded, cascade, text, "a")
        expected = engine_counts(loaded, cascade.with_draft(draft), text, ("a", "b"), begin).numpy()
        assert expected[0].sum() > 50
        assert found[0].tolist() == expected[0].tolist()


def test_outer_counts_by_type_are_those_of_the_engines_reviews_where_inner_drafts_are_long(ensemble, recordings):
    """One round over one token: its first token is accepted, or corrected, just where the inner drafter says so."""
    cascade, loaded = ensemble
    draft = (Step("a", rounds=1, draft=(Step("mag", tokens=1),)),)
    for recording in recordings:
        found = greedy_evidence(recording, ROSTER, 1).counts["t", "a"]
        begin = engine_starts(loaded, cascade, recording.text, "a")
        expected = engine_counts(loaded, cascade.with_draft(draft), recording.text, ("t", "a"), begin).numpy()
        assert found[:, 0].tolist() == expected[:, 0].tolist()
        assert expected[0, 0, 0] > 0 < expected[1, 0, 0]


def test_along_counts_the_drafts_from_some_places_until_the_first_wrong_token_or_the_end_of_the_text():
    agreed = [1, 1, 0, 1, 1, 1]
    expected = torch.zeros(POSITIONS, 2)
    for start in (0, 3, 4):
        for j, good in enumerate(agreed[start:]):
            expected[j, 0] += 1
            expected[j, 1] += good
            if not good:
                break
    values = torch.tensor(agreed, dtype=torch.float64).numpy()
    everything = torch.stack([torch.ones(6), torch.zeros(6)]).double().numpy()
    begin = torch.tensor([1, 0, 0, 1, 1, 0]).double().numpy()
    assert along(values, everything, everything * values, begin)[0].tolist() == expected.tolist()


def test_cycles_begin_behind_a_correction_or_a_whole_draft_and_one_token_more():
    agreed = np.array([1.0, 0, 1, 1, 1, 1, 1, 0])
    assert starts(agreed, 2).tolist() == [1, 0, 1, 0, 0, 1, 0, 0]
    assert starts(agreed, 9).tolist() == [1, 0, 1, 0, 0, 0, 0, 0]
    generator = np.random.default_rng(3)
    chances = generator.uniform(size=9)
    total = np.zeros(9)
    for mask in itertools.product((0.0, 1.0), repeat=9):
        weight = np.prod(np.where(mask, chances, 1 - chances))
        total += weight * starts(np.array(mask), 3)
    assert starts(chances, 3) == pytest.approx(total)


def test_hazards_from_where_cycles_begin_tell_the_tokens_of_a_cycle_and_those_from_every_place_do_not():
    """Agreement that lasts: once a copy is right it tends to stay right. Tokens a cycle counted cycle by cycle."""
    generator = np.random.default_rng(4)
    agreed = [0.0]
    while len(agreed) < 40_000:
        agreed.append(float(generator.random() < (0.9 if agreed[-1] else 0.2)))
    values = np.array(agreed)
    cycles = starts(values).sum()
    everything = np.stack([np.ones(values.size), np.zeros(values.size)])

    def tokens(begin):
        examined, accepted = along(values, everything, everything * values, begin)[0].T
        return 1 + np.cumprod(accepted / examined)[:DRAFTED].sum()

    assert tokens(starts(values)) == pytest.approx(values.size / cycles, rel=1e-3)
    assert tokens(np.ones(values.size)) > 1.5 * values.size / cycles


def test_departures_are_followed_at_every_so_many_th_place_over_all_texts_and_weigh_as_much(ensemble, recordings):
    _, loaded = ensemble
    texts = [recording.text for recording in recordings]
    recorder = Recorder(ROSTER, loaded.models, loaded.eos, 3, tiny.VOCABULARY)
    every = [(n, d.start) for n, recording in enumerate(recordings) for d in recording.departures["a"]]
    sparse = [recorder.record(text) for text in texts]
    assert [(n, d.start) for n, recording in enumerate(sparse) for d in recording.departures["a"]] == every[::3]
    off = {"a": [2], "b": [3]}
    recording = RecordedText(
        TargetText(PROMPTS[0], [5], [1], "length"),
        {"t": [1], "a": [9], "b": [9]},
        {"a": [Departure(0, off)], "b": []},
        {},
    )
    counts = greedy_evidence(recording, Roster("t", ("a", "b"), ()), 3).counts["a", "b"]
    assert counts[0, :2].tolist() == [[1, 1], [3, 0]]


@pytest.mark.parametrize("chunk", [1, 2, 5])
def test_a_drafter_says_nothing_beyond_its_context_and_a_proposer_may_abstain(chunk):
    sequence = [0, 1, 2, 1, 0, 2, 2, 1]
    toy, long = (ToyNetwork(3, "d", context=context) for context in (5, CONTEXT))
    for model in (toy, long):
        model.prefill(sequence[:2])
    found, expected = (choices_along(model, sequence, 2, 3, chunk) for model in (toy, long))
    assert found == [*expected[:4], None, None]
    proposer = ToyProposer(3, "m", silence=0.5)
    proposer.prefill(sequence[:2])
    proposed = choices_along(proposer, sequence, 2, 3)
    assert None in proposed
    assert any(token is not None for token in proposed)
    assert agreement(found, proposed)[-2:] == ".."


@pytest.mark.parametrize("kind", ["t5", "bart"])
def test_an_encoder_decoder_says_along_a_text_what_it_says_to_each_prefix(kind):
    model = CachedEncoderDecoder(tiny.network(kind))
    prompt, text = [3, 4, 5, 6], [7, 8, 9, 7, 8, 3]
    model.prefill(prompt)
    found = choices_along(model, prompt + text, len(prompt), tiny.VOCABULARY, 4)
    assert found == [alone(model, prompt, prompt + text[:i]) for i in range(len(text))]


def test_traces_are_the_same_bytes_for_the_same_recordings_and_hold_no_tokens(recordings):
    data = traces(recordings, ROSTER).file_bytes({})
    assert data == traces(recordings, ROSTER).file_bytes({})
    assert not any(str(recording.text.tokens)[1:20].encode() in data for recording in recordings)
