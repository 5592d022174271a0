"""``from realrun import load, generate``: prompts, stops, streaming, and what is refused."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tiny
import torch

import realrun
from analysis.model import Advice, Cascade, InputError
from realrun import generate, load
from realrun.engine.stream import TextStream

DRAFT = [{"by": "mag", "tokens": 3}, {"by": "a", "rounds": 2, "draft": [{"by": "mag", "tokens": 3}]}]


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tiny")
    return tiny.save(folder / "target"), tiny.save(folder / "drafter", seed=1)


@pytest.fixture(scope="module")
def models(folders):
    return load(folders[0], drafters={"a": folders[1], "mag": "maxgram"}, draft=DRAFT)


def test_a_cascade_gives_the_text_of_the_target_alone(models):
    answer = generate(models, "hello hello he", 40)
    alone = generate(models.with_draft([]), "hello hello he", 40)
    assert answer.tokens == alone.tokens
    assert answer.text == alone.text == models.ensemble.tokenizer.decode(answer.tokens, skip_special_tokens=True)
    assert answer.generation.cycles < alone.generation.cycles
    makers = {origin.by for origin in answer.generation.origins}
    assert {"mag", "target"} <= makers <= {"mag", "a", "target"}


def test_a_whole_specification_loads_as_value_json_or_file(folders, models, tmp_path):
    spec = models.cascade.to_json()
    file = tmp_path / "c.json"
    file.write_text(models.cascade.canonical())
    expected = generate(models, "abc", 20).tokens
    for source in (Cascade.from_json(spec), spec, str(file), file):
        assert generate(load(source), "abc", 20).tokens == expected


def test_folders_may_be_paths(folders, models):
    target, drafter = map(Path, folders)
    same = load(target, drafters={"a": drafter, "mag": "maxgram"}, draft=DRAFT)
    assert same.cascade == models.cascade
    assert generate(same, "abc", 20).tokens == generate(models, "abc", 20).tokens


def test_models_in_the_middle_of_a_text_refuse_another_one(models):
    """Whether from a callback or another thread: both texts would be wrong."""
    complaints = []

    def again(piece):
        with pytest.raises(InputError, match="models: are busy with another text, expected one at a time"):
            generate(models.with_draft([]), "abc", 5)
        complaints.append(piece)

    answer = generate(models, "hello", 20, on_text=again)
    assert len(complaints) > 1
    assert answer.tokens == generate(models, "hello", 20).tokens

    def fail(piece):
        raise KeyError(piece)

    with pytest.raises(KeyError):
        generate(models, "hello", 20, on_text=fail)
    assert generate(models, "hello", 20).tokens == answer.tokens


@pytest.mark.parametrize("kind", ["llama", "t5"])
@pytest.mark.parametrize("model", ["target", "a"])
def test_a_text_after_an_interrupted_one_is_the_same_as_without_it(tmp_path, kind, model):
    """Wherever a call stops, between two layers of which one has read more than the other."""
    loads = [tiny.save(tmp_path / name, kind, seed) for seed, name in enumerate("ta")]
    models = load(loads[0], drafters={"a": loads[1], "mag": "maxgram"}, draft=DRAFT)
    expected = generate(models, "hello hello", 20).tokens
    stack = models.ensemble.models[model].network.get_decoder()
    layers = stack.block if kind == "t5" else stack.layers
    for wanted in (1, 2, 3, 5):
        calls = []

        def stop(*arguments, calls=calls, wanted=wanted):
            calls.append(arguments)
            if len(calls) == wanted:
                raise KeyboardInterrupt

        handle = layers[1].register_forward_pre_hook(stop)
        with pytest.raises(KeyboardInterrupt):
            generate(models, "hello hello", 20)
        handle.remove()
        assert generate(models, "hello hello", 20).tokens == expected


@pytest.mark.parametrize(
    "made", [list, tuple, np.array, torch.tensor, lambda ids: np.array(ids, np.uint8), lambda ids: list(np.array(ids))]
)
def test_ids_are_taken_as_they_are(models, made):
    ids = models.ensemble.tokenizer("abc")["input_ids"]
    assert generate(models, made(ids), 20).tokens == generate(models, "abc", 20).tokens


def test_a_chat_goes_through_the_template(models):
    chat = [{"role": "user", "content": "ab"}, {"role": "assistant", "content": "c"}]
    with pytest.raises(InputError, match="prompt: is a chat, but the target's tokenizer has no chat template"):
        generate(models, chat)
    tokenizer = models.ensemble.tokenizer
    tokenizer.chat_template = "{% for m in messages %}{{ m['content'] }} {% endfor %}"
    try:
        assert generate(models, chat, 20).tokens == generate(models, tokenizer("ab c ")["input_ids"], 20).tokens
        assert generate(models, "ab", 20).tokens == generate(models, tokenizer("ab ")["input_ids"], 20).tokens
        tokenizer.chat_template = "{{ raise_exception('no assistant') }}"
        with pytest.raises(InputError, match=r"^prompt: the tokenizer's chat template fails on it: no assistant$"):
            generate(models, chat)
    finally:
        tokenizer.chat_template = None


def test_pieces_of_a_stream_make_up_the_text(models):
    pieces = []
    answer = generate(models, "hello", 40, on_text=pieces.append)
    assert "".join(pieces) == answer.text == generate(models, "hello", 40).text
    assert 1 < len(pieces) <= answer.generation.cycles + 1


def test_a_stop_string_is_never_streamed(models):
    full = generate(models, "hello", 40)
    stop = full.text[9:12]
    pieces = []
    answer = generate(models, "hello", 40, stop=stop, on_text=pieces.append)
    assert "".join(pieces) == answer.text == full.text[: full.text.index(stop)]
    assert answer.finish == "stop"
    assert answer.tokens == full.tokens[: len(answer.tokens)]
    assert len(answer.generation.origins) == len(answer.tokens)


def test_eos_ids_can_be_given(models):
    full = generate(models, "hello", 20, eos=())
    answer = generate(models, "hello", 20, eos=[full.tokens[4], full.tokens[7]])
    assert answer.finish == "eos"
    assert answer.tokens[-1] in (full.tokens[4], full.tokens[7])


def test_a_generator_moves_on_and_a_seed_starts_anew(models):
    generator = torch.Generator().manual_seed(5)
    first, second = (generate(models, "ab", 20, temperature=1.0, seed=generator).tokens for _ in range(2))
    assert first == generate(models, "ab", 20, temperature=1.0, seed=5).tokens != second


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"prompt": ""}, "prompt: has no tokens|prompt prompt: has no tokens"),
        ({"prompt": []}, "prompt: got \\[\\], expected a text"),
        ({"prompt": [1, -1]}, "prompt: got "),
        ({"prompt": [10**6]}, "prompt: got "),
        ({"prompt": "a" * 128}, "prompt: has 128 tokens, expected fewer than the context of 128"),
        ({"max_new_tokens": 0}, "max_new_tokens: got 0, expected a whole number >= 1"),
        ({"stop": ["a", ""]}, "stop: got "),
        ({"temperature": -1.0}, "temperature: got -1.0"),
        ({"temperature": 1.0}, "seed: got None"),
        ({"temperature": 1.0, "seed": -1}, "seed: got -1"),
        ({"verification": "tree"}, "verification: got 'tree'"),
        ({"prompt": None}, "prompt: got null, expected a text"),
        ({"prompt": torch.tensor([[3, 4]])}, "prompt: got .tensor.*, expected a text, a chat, or token ids in 0..28"),
        ({"prompt": torch.tensor([3.0, 4.0])}, "prompt: got .tensor.*, expected a text"),
        ({"prompt": torch.tensor([True, False])}, "prompt: got .tensor.*, expected a text"),
        ({"prompt": np.array([3, 400])}, "prompt: got .array.*, expected a text"),
        ({"prompt": np.array([3.0])}, "prompt: got .array.*, expected a text"),
        ({"prompt": np.array(3)}, "prompt: got .array.*, expected a text"),
        ({"prompt": b"abc"}, "prompt: got .b'abc'.*, expected a text"),
        ({"prompt": bytearray(b"abc")}, "prompt: got .bytearray.*, expected a text"),
        ({"prompt": [3, True]}, "prompt: got "),
        ({"prompt": {3, 4}}, "prompt: got "),
        ({"eos": 3}, "eos: got 3, expected token ids"),
        ({"eos": "ab"}, "eos: got 'ab', expected token ids"),
        ({"stop": None}, "stop: got None, expected texts"),
        ({"top_p": None}, "top_p: got None, expected a number"),
    ],
)
def test_bad_arguments_are_refused_by_name(models, arguments, message):
    with pytest.raises(InputError, match=f"^({message})"):
        generate(models, **({"prompt": "a"} | arguments))


IDLE = [
    ({"top_k": 5}, "top_k: no effect under greedy choice, give a temperature above 0"),
    ({"top_p": 0.5, "verification": "block"}, "top_p, verification: no effect under greedy choice"),
]


@pytest.mark.parametrize(("arguments", "message"), IDLE)
def test_sampling_without_a_temperature_is_spoken_of(models, arguments, message):
    expected = generate(models, "ab", 5).tokens
    with pytest.warns(Advice, match=f"^{message}"):
        assert generate(models, "ab", 5, **arguments).tokens == expected


def test_names_that_look_like_files_are_not_looked_for_on_a_hub():
    for name in ("gen.jsn", "cascade.yaml", "model.gguf.part"):
        with pytest.raises(InputError, match=rf"^target: got '{name}', no such file, expected a specification"):
            load(name)


def test_a_specification_without_load_says_what_to_write(folders, models):
    spec = models.cascade.to_json() | {"models": {"target": {"cost": 1}, "a": {"load": folders[1]}}}
    spec |= {"acceptance": {"target": {"a": 0.5}}, "draft": [{"by": "a", "tokens": 2}]}
    with pytest.raises(InputError, match=r'^models\.target\.load: missing: .* write "load": "smollm2-135m" there'):
        load(spec)


@pytest.mark.parametrize("watched", [False, True])
def test_pieces_tell_who_made_each_part_of_the_text(models, watched):
    seen = []
    more = {"on_piece": seen.append} if watched else {}
    for stop in ((), "x"):
        seen.clear()
        answer = generate(models, "hello hello he", 40, stop=stop, **more)
        assert "".join(piece.text for piece in answer.pieces) == answer.text
        assert [piece.token for piece in answer.pieces] == answer.tokens
        assert [piece.origin for piece in answer.pieces] == list(answer.generation.origins)
        cycles = [n for n, cycle in enumerate(answer.generation.cycle_log, start=1) for _ in range(cycle.tokens)]
        assert [piece.cycle for piece in answer.pieces] == cycles[: len(answer.tokens)]
        assert seen == (answer.pieces if watched else [])


def test_bad_cascades_are_refused_by_name(folders, models):
    with pytest.raises(InputError, match=r"dtype: got 'int4'"):
        load(folders[0], dtype="int4")
    with pytest.raises(InputError, match=r"device: got 'abacus'"):
        load(folders[0], device="abacus")
    with pytest.raises(InputError, match="draft: given beside a whole cascade"):
        load(models.cascade, draft=[])
    with pytest.raises(InputError, match=r"drafters.target: is the name of the target"):
        load(folders[0], drafters={"target": "maxgram"})
    reviewing = [{"by": "mag", "rounds": 1, "draft": [{"by": "a", "tokens": 1}]}]
    with pytest.raises(
        InputError, match=r"draft\[0\]\.by: got 'mag', which has no probabilities to review a draft with"
    ):
        generate(models.with_draft(reviewing), "abc")
    alone = load(models.cascade.with_draft(()))
    with pytest.raises(InputError, match=r"draft\[0\]\.by: got 'mag', expected one of the loaded models target"):
        alone.with_draft([{"by": "mag", "tokens": 1}])


def test_importing_the_package_does_not_import_torch():
    program = "import sys, os, realrun; assert 'torch' not in sys.modules; assert os.environ['OMP_WAIT_POLICY']"
    subprocess.run([sys.executable, "-c", program], check=True)
    assert realrun.load is load
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        realrun.nothing  # noqa: B018


class Bytes:
    """A tokenizer with one token a byte."""

    def decode(self, token_ids, *, skip_special_tokens):
        return bytes(token_ids).decode(errors="replace")


@pytest.mark.parametrize("step", [1, 2, 3, 7])
def test_half_characters_are_held_back(step):
    tokens = list("naïve “日本” 🙂 end".encode())
    pieces = []
    stream = TextStream(Bytes(), (), pieces.append)
    for end in range(step, len(tokens) + step, step):
        assert stream(tokens[:end]) is None
    assert stream.finish(tokens) == "".join(pieces) == "naïve “日本” 🙂 end"
    assert all("\ufffd" not in piece for piece in pieces)


def test_bytes_that_are_no_characters_come_out_in_the_end():
    tokens = [*b"ab", 0xFF, *b"cd", 0xE2]
    stream = TextStream(Bytes())
    assert stream(tokens) is None
    assert stream.finish(tokens) == "ab\ufffdcd\ufffd"


@pytest.mark.parametrize("step", [1, 2, 5])
def test_what_may_become_a_stop_string_is_held_back_until_it_cannot(step):
    tokens = list(b"one tw two th three")
    pieces = []
    stream = TextStream(Bytes(), ("three", "two!"), pieces.append)
    ends = [min(end, len(tokens)) for end in range(step, len(tokens) + step, step)]
    results = [stream(tokens[:end]) for end in ends]
    assert results[-1] == len(tokens)
    assert results[:-1] == [None] * (len(results) - 1)
    assert "".join(pieces) == stream.finish(tokens) == "one tw two th "
    assert not any(piece.endswith("tw") for piece in pieces[:1])


def test_of_two_stop_strings_the_one_that_ends_first_wins():
    stream = TextStream(Bytes(), ("cdef", "d"))
    assert stream(list(b"abcdefg")) == 4
    assert stream.finish(list(b"abcd")) == "abc"
