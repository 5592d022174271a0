"""generation_config.json: what is a function of the prefix is applied, losslessly; what is not applied is said."""

import json
from functools import partial
from pathlib import Path

import pytest
import tiny
import torch
from command_line import run_realrun
from toys import distance, enumerated
from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM

from analysis.model import Advice, InputError
from realrun import generate, load
from realrun.bench.plan import surroundings
from realrun.bench.transformers_decoders import Plain, PromptLookup
from realrun.calibration.path import choices_along
from realrun.engine.cascade import CascadeDecoder
from realrun.engine.policy import Policy

PROMPT = [3, 9, 4, 9, 3, 9, 12]
LENGTH = 24
MAG = {"by": "mag", "tokens": 3}
DRAFTS = {
    "alone": [],
    "max-gram": [MAG],
    "model": [{"by": "a", "tokens": 4}],
    "full": [{"by": "a", "rounds": 2, "draft": [MAG]}, MAG],
}
EOS = tiny.EOS


def settings_for(plain):
    """Settings that change a text, from what it is without them."""
    first, later = plain[0], plain[5]
    return {
        "repetition_penalty": {"repetition_penalty": 1.4},
        "no_repeat_ngram_size": {"no_repeat_ngram_size": 2},
        "encoder_repetition_penalty": {"encoder_repetition_penalty": 1.5},
        "encoder_no_repeat_ngram_size": {"encoder_no_repeat_ngram_size": 2},
        "suppress_tokens": {"suppress_tokens": [first, later]},
        "begin_suppress_tokens": {"begin_suppress_tokens": [first]},
        "bad_words_ids": {"bad_words_ids": [[first], plain[4:6]]},
        "sequence_bias": {"sequence_bias": [[[first], -5.0], [[7], 3.0], [plain[2:4], -9.0]]},
        "min_new_tokens": {"min_new_tokens": 9, "eos_token_id": [EOS, first, later]},
        "min_length": {"min_length": len(PROMPT) + 8, "eos_token_id": [EOS, later, first]},
        "eos_token_id": {"eos_token_id": [later]},
        "forced_bos_token_id": {"forced_bos_token_id": 17},
        "forced_eos_token_id": {"forced_eos_token_id": EOS, "eos_token_id": 5},
        "exponential_decay": {"exponential_decay_length_penalty": [3, 1.5]},
        "together": {
            "repetition_penalty": 1.2,
            "no_repeat_ngram_size": 3,
            "suppress_tokens": [later],
            "begin_suppress_tokens": [first],
            "min_new_tokens": 5,
            "forced_eos_token_id": [EOS, 8],
        },
    }


NAMES = list(settings_for([2] * 9))


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Targets by kind, each with a drafter of the same kind."""
    place = tmp_path_factory.mktemp("settings")
    return {
        kind: (tiny.save(place / kind, kind), tiny.save(place / f"{kind}-small", kind, seed=1))
        for kind in ("llama", "t5", "bart")
    }


def loaded(folders, kind, more, draft=DRAFTS["full"]):
    """The cascade with these generation settings in the target's folder."""
    target, drafter = folders[kind]
    file = Path(target) / "generation_config.json"
    base = {"bos_token_id": 0, "eos_token_id": EOS, "pad_token_id": EOS, "decoder_start_token_id": 0}
    base["decoder_start_token_id"] = EOS if kind == "t5" else 0
    file.write_text(json.dumps(base | more))
    return load(target, drafters={"a": drafter, "mag": "maxgram"}, draft=draft)


def of_transformers(folders, kind):
    """What transformers generates from the folder."""
    auto = AutoModelForCausalLM if kind == "llama" else AutoModelForSeq2SeqLM
    model = auto.from_pretrained(folders[kind][0], dtype=torch.float32)
    ids = torch.tensor([PROMPT])
    found = model.generate(ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=LENGTH)
    return found[0, 1 if kind != "llama" else len(PROMPT) :].tolist()


MAY_BE_THE_SAME = {"encoder_repetition_penalty", "encoder_no_repeat_ngram_size", "exponential_decay", "together"}


@pytest.mark.parametrize("name", NAMES)
def test_greedy_text_is_that_of_transformers_whatever_drafts(folders, name):
    plain = generate(loaded(folders, "llama", {}), PROMPT, LENGTH, eos=()).tokens
    models = loaded(folders, "llama", settings_for(plain)[name])
    expected = of_transformers(folders, "llama")
    if name not in MAY_BE_THE_SAME | {"forced_bos_token_id"}:  # that is for decoders that start with one token
        assert expected != plain, "the setting makes no difference here"
    for draft in DRAFTS.values():
        assert generate(models.with_draft(draft), PROMPT, LENGTH).tokens == expected


@pytest.mark.parametrize("kind", ["t5", "bart"])
def test_greedy_text_of_an_encoder_decoder_is_that_of_transformers(folders, kind):
    plain = generate(loaded(folders, kind, {}), PROMPT, LENGTH, eos=()).tokens
    changed = 0
    for more in settings_for(plain).values():
        models = loaded(folders, kind, more)
        expected = of_transformers(folders, kind)
        changed += expected != plain
        assert generate(models, PROMPT, LENGTH).tokens == expected, more
    assert changed > len(NAMES) / 2


@pytest.mark.parametrize("name", ["repetition_penalty", "begin_suppress_tokens", "min_new_tokens", "together"])
def test_sampled_texts_have_the_law_of_the_target_with_its_settings(folders, name):
    plain = generate(loaded(folders, "llama", {}), PROMPT, LENGTH, eos=()).tokens
    models = loaded(folders, "llama", settings_for(plain)[name])
    policy = Policy(2.0, top_k=3)

    def law(draft, verification):
        cascade = models.with_draft(draft).cascade
        engine = CascadeDecoder(cascade, models.ensemble.only(cascade), 100, policy, verification)
        eos = models.ensemble.eos
        return enumerated(lambda source: tuple(engine.generate(PROMPT, 2, eos, source=source).tokens))

    alone = law([], "tokenwise")
    assert len(alone) > 5
    for draft in ([{"by": "a", "tokens": 1}], [MAG]):
        for verification in ("tokenwise", "block"):
            assert distance(law(draft, verification), alone) < 1e-5


def test_drafts_follow_the_settings_too(folders):
    """A drafter with the target's own weights is then never corrected."""
    target, _ = folders["llama"]
    loaded(folders, "llama", {"repetition_penalty": 1.5, "no_repeat_ngram_size": 2})
    models = load(target, drafters={"same": target}, draft=[{"by": "same", "tokens": 4}])
    answer = generate(models, PROMPT, LENGTH)
    pair = answer.generation.pairs["target", "same"].to_json()
    assert pair["accepted"] == pair["examined"]
    assert sum(pair["accepted"]) > 10


def test_a_drafter_of_few_tokens_follows_them(folders):
    """Also where the settings leave it nothing to say."""
    target, drafter = folders["llama"]
    for more in ({"repetition_penalty": 1.5}, {"suppress_tokens": list(range(2, 12))}):
        expected = generate(loaded(folders, "llama", more, []), PROMPT, LENGTH).tokens
        small = {"name": drafter, "head": 12}
        models = load(target, drafters={"a": small}, draft=[{"by": "a", "tokens": 3}])
        assert generate(models, PROMPT, LENGTH).tokens == expected
        sampled = generate(models, PROMPT, LENGTH, temperature=1.0, seed=3).tokens
        assert not {*sampled} & {*more.get("suppress_tokens", ())}


@pytest.mark.parametrize("kind", ["llama", "t5"])
def test_logits_along_a_text_and_of_a_fresh_call_are_the_changed_ones_too(folders, kind):
    """On them calibrations and the judgement of near-ties rest."""
    more = {"repetition_penalty": 1.4, "begin_suppress_tokens": [4, 8], "min_new_tokens": 3, "no_repeat_ngram_size": 2}
    models = loaded(folders, kind, more)
    tokens = generate(models, PROMPT, LENGTH).tokens
    for name, count in (("target", tiny.VOCABULARY), ("a", tiny.VOCABULARY)):
        model = models.ensemble.models[name]
        sequence = PROMPT + tokens
        model.prefill(PROMPT)
        choices = choices_along(model, sequence, len(PROMPT), count)
        fresh = loaded(folders, kind, more).ensemble.models[name]
        alone = [int(fresh.uncached_logits(PROMPT, sequence[: len(PROMPT) + i]).argmax()) for i in range(len(tokens))]
        assert choices == alone
        assert (choices == tokens) == (name == "target")


def test_without_settings_nothing_stands_between_model_and_judge(folders):
    models = loaded(folders, "llama", {"repetition_penalty": 1.0, "no_repeat_ngram_size": 0, "num_beams": 1})
    assert all(getattr(model, "settings", None) is None for model in models.ensemble.models.values())
    assert models.ensemble.settings.to_json() == {}


def test_the_end_of_the_text_is_the_settings_and_else_the_tokenizers(folders):
    assert loaded(folders, "llama", {"eos_token_id": [7, 9]}).ensemble.eos == {7, 9}
    assert loaded(folders, "llama", {"eos_token_id": 7}).ensemble.eos == {7}
    assert loaded(folders, "llama", {"eos_token_id": 0}).ensemble.eos == {0}
    assert loaded(folders, "llama", {"eos_token_id": None}).ensemble.eos == {EOS}


@pytest.mark.parametrize("baseline", ["plain", "lookup"])
def test_programs_beside_ours_get_the_same_settings(folders, baseline):
    models = loaded(folders, "llama", {"repetition_penalty": 1.4, "min_new_tokens": 6})
    around = surroundings(models.cascade, models.ensemble)
    method = Plain(around) if baseline == "plain" else PromptLookup(around, 3)
    assert method.run(PROMPT, LENGTH).generation.tokens == generate(models, PROMPT, LENGTH).tokens


NOT_APPLIED = [
    ({"num_beams": 3}, "num_beams 3"),
    ({"stop_strings": ["end"]}, r"stop_strings \['end'\]"),
    ({"guidance_scale": 1.5}, "guidance_scale 1.5"),
    ({"penalty_alpha": 0.6}, "penalty_alpha 0.6"),
]


@pytest.mark.parametrize(("more", "words"), NOT_APPLIED, ids=str)
def test_what_is_not_applied_is_said(folders, more, words):
    line = rf"models\.target\.load: not applied of its generation_config\.json: {words}$"
    with pytest.warns(Advice, match=line):
        models = loaded(folders, "llama", more)
    assert models.ensemble.settings.to_json() == {"generation_config": {"not_applied": more}}


@pytest.mark.parametrize(
    "choice", [{"do_sample": True, "temperature": 0.6, "top_p": 0.9}, {"top_k": 20, "min_p": 0.1}], ids=str
)
def test_how_a_token_is_chosen_is_for_the_caller_to_say_and_told_in_rows_only(folders, choice):
    models = loaded(folders, "llama", choice)
    assert models.ensemble.settings.to_json() == {"generation_config": {"not_applied": choice}}


@pytest.mark.parametrize("kind", ["llama", "t5", "bart"])
def test_settings_without_effect_are_not_spoken_of(folders, kind):
    quiet = {"max_length": 20, "use_cache": True, "do_sample": False, "length_penalty": 2.0, "early_stopping": True}
    assert loaded(folders, kind, quiet | {"renormalize_logits": True}).ensemble.settings.to_json() == {}


MALFORMED = [
    ({"eos_token_id": "2"}, "eos_token_id: got '2', expected a token id or a list of them"),
    ({"eos_token_id": [[1]]}, r"eos_token_id: got \[\[1\]\], expected a token id or a list of them"),
    ({"eos_token_id": []}, r"eos_token_id: got \[\], expected"),
    ({"eos_token_id": -1}, "eos_token_id: got -1, expected"),
    ({"eos_token_id": 1.5}, "eos_token_id: got 1.5, expected"),
    ({"eos_token_id": True}, "eos_token_id: got True, expected"),
    ({"repetition_penalty": "1.3"}, "repetition_penalty: got '1.3', expected a number > 0"),
    ({"repetition_penalty": 0}, "repetition_penalty: got 0, expected a number > 0"),
    ({"repetition_penalty": -2.0}, "repetition_penalty: got -2.0, expected a number > 0"),
    ({"no_repeat_ngram_size": 1.5}, "no_repeat_ngram_size: got 1.5, expected a whole number >= 0"),
    ({"suppress_tokens": 3}, " cannot be loaded: "),
    ({"suppress_tokens": ["3"]}, r"suppress_tokens: got \['3'\], expected a list of token ids"),
    ({"bad_words_ids": [3]}, r"bad_words_ids: got \[3\], expected lists of token ids"),
    ({"bad_words_ids": [[]]}, r"bad_words_ids: got \[\[\]\], expected lists of token ids"),
    ({"bad_words_ids": [[1000]]}, r"bad_words_ids: got \[\[1000\]\]: "),
    ({"sequence_bias": [[[1000], 1.0]]}, r"sequence_bias: got \[\[\[1000\], 1.0\]\]: "),
    ({"sequence_bias": [[[1], "x"]]}, r"sequence_bias: got .*, expected pairs of token ids and a finite number"),
    ({"min_new_tokens": -1}, "min_new_tokens: got -1, expected a whole number >= 0"),
    ({"min_length": "3"}, "min_length: got '3', expected a whole number >= 0"),
    ({"forced_eos_token_id": "x"}, "forced_eos_token_id: got 'x', expected a token id or a list of them"),
    ({"forced_bos_token_id": [3]}, r"forced_bos_token_id: got \[3\], expected a token id"),
    ({"forced_bos_token_id": 1000}, "forced_bos_token_id: got 1000: "),
    ({"exponential_decay_length_penalty": [3]}, "exponential_decay_length_penalty: got "),
    ({"exponential_decay_length_penalty": [3, "x"]}, "exponential_decay_length_penalty: got "),
]


@pytest.mark.parametrize(("more", "message"), MALFORMED, ids=lambda value: str(value)[:40])
def test_malformed_settings_are_refused_by_name(folders, more, message):
    with pytest.raises(InputError, match=rf"^models\.target\.load.*{message}") as caught:
        loaded(folders, "llama", more)
    assert "\n" not in str(caught.value)


def test_a_broken_file_is_not_taken_for_a_missing_one(folders):
    loaded(folders, "llama", {})
    (Path(folders["llama"][0]) / "generation_config.json").write_text('{"eos_token_id": 1,')
    with pytest.raises(InputError, match=r"generation_config\.json"):
        load(folders["llama"][0])


def test_rows_and_calibrations_tell_the_settings_and_stderr_the_others_once(monkeypatch, capfd, tmp_path, folders):
    with pytest.warns(Advice):
        loaded(folders, "llama", {"repetition_penalty": 1.3, "num_beams": 4})
    target, drafter = folders["llama"]
    models = {"t": {"load": target}, "a": {"load": drafter}}
    spec = tmp_path / "c.json"
    spec.write_text(json.dumps({"target": "t", "models": models, "draft": [{"by": "a", "tokens": 3}]}))
    prompts = tmp_path / "p.jsonl"
    prompts.write_text("".join(json.dumps({"id": i, "prompt": "abc ab" * i}) + "\n" for i in range(1, 3)))
    run = partial(run_realrun, capfd, monkeypatch)
    options = ("--prompts", prompts, "--max-new-tokens", 8)
    result = run("generate", spec, *options, "--out", tmp_path / "rows.jsonl")
    assert result.returncode == 0, result.stderr
    assert result.stderr.count("warning: models.t.load: not applied of its generation_config.json: num_beams 4\n") == 1
    expected = {"applied": {"repetition_penalty": 1.3}, "not_applied": {"num_beams": 4}}
    for line in (tmp_path / "rows.jsonl").read_text().splitlines():
        assert json.loads(line)["generation_config"] == expected
    result = run("calibrate", spec, *options, "--out", tmp_path / "calibration.json")
    assert result.returncode == 0, result.stderr
    written = json.loads((tmp_path / "calibration.json").read_text())
    assert written["meta"]["calibration"]["generation_config"] == expected
    result = run("lossless", spec, *options, "--out", tmp_path / "lossless.jsonl")
    assert "2 identical" in result.stdout
