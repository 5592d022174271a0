"""Text from tokens as they come is what the tokenizer makes of all of them, whatever its kind."""

import functools
import random

import pytest
from decoders import ALL

from analysis.model import InputError
from realrun.engine.running_text import REPLACEMENT, RunningText
from realrun.engine.stream import TextStream

TEXTS = (
    "⭐⭐⭐ great",
    "你好世界",
    "नमस्ते दुनिया।",
    "สวัสดี",
    "é好?",
    "i ' t do n't they 've . the end , 's it ? no !",
    "👍👍👍 the 🙂er in\nthe\ttwer",
)
TEXTS += ("".join(TEXTS) * 4,)


@functools.cache
def tokenizer(kind):
    return ALL[kind]()


def decoded(kind, tokens):
    return tokenizer(kind).decode(tokens, skip_special_tokens=True)


def expected(kind, tokens, stops):
    """Text and number of tokens where decoding all tokens again after every one would have ended; slow."""
    for n in range(1, len(tokens) + 1):
        text = decoded(kind, tokens[:n])
        known = text.rstrip(REPLACEMENT)
        places = [known.find(stop) for stop in stops if stop in known]
        if places:
            return text[: min(places)], n
    return decoded(kind, tokens), None


def streamed(kind, tokens, stops, step=1):
    """Text, number of tokens and pieces from a stream that sees `step` tokens at a time."""
    pieces, kept = [], None
    stream = TextStream(tokenizer(kind), stops, pieces.append)
    for end in range(step, len(tokens) + step, step):
        kept = stream(tokens[:end])
        if kept is not None:
            break
    return stream.finish(tokens[:kept]), kept, pieces


def garbage(kind, rng, length):
    """Tokens at random: a few drawn again and again, so that runs, halves of characters and repetitions are there."""
    count = len(tokenizer(kind))
    few = [rng.randrange(count) for _ in range(rng.choice((2, 5, 40)))]
    if kind in ("byte_fallback", "gemma"):
        few += [3 + byte for byte in (0xE5, 0xA5, 0xBD, 0xC3, 0xA9, 0x3F, 0x0A, 0xF0, 0x9F)]
    return [rng.choice(few) for _ in range(length)]


def samples(kind, rng, count=12):
    """Lists of tokens: encoded texts, whole and cut, and garbage."""
    for text in TEXTS:
        tokens = tokenizer(kind)(text, add_special_tokens=False)["input_ids"]
        if tokens:
            yield tokens
            yield tokens[: rng.randrange(1, 1 + len(tokens))]
    for _ in range(count):
        yield garbage(kind, rng, rng.randrange(1, 150))


def some_stops(kind, tokens, rng):
    """Stop strings that are somewhere in the text, and one that is not."""
    text = decoded(kind, tokens).replace(REPLACEMENT, "")
    places = [rng.randrange(len(text)) for _ in range(2)] if text else []
    return (*filter(None, (text[place : place + rng.randrange(1, 5)] for place in places)), "never said")


@pytest.mark.parametrize("kind", ALL)
def test_the_text_is_that_of_all_tokens_after_every_token(kind):
    rng = random.Random(f"text {kind}")
    for tokens in samples(kind, rng):
        running = RunningText(tokenizer(kind))
        certain = ""
        for n, token in enumerate(tokens, start=1):
            running.add(token)
            text = running.before + running.recent
            assert text == decoded(kind, tokens[:n]), tokens[:n]
            assert text.startswith(certain), "what was certain has changed"
            certain = text[: running.certain]


@pytest.mark.parametrize("kind", ALL)
def test_pieces_make_up_the_text_and_end_at_the_first_stop_string(kind):
    rng = random.Random(f"stops {kind}")
    for tokens in samples(kind, rng):
        for stops in ((), some_stops(kind, tokens, rng)):
            step = rng.choice((1, 1, 4))
            text, kept, pieces = streamed(kind, tokens, stops, step)
            assert (text, kept) == expected(kind, tokens, stops), (tokens, stops)
            assert "".join(pieces) == text, (tokens, stops)


@pytest.mark.parametrize("text", ["⭐⭐⭐ great", "你好世界", "नमस्ते", "สวัสดี"])
def test_a_stop_string_in_byte_tokens_is_found_where_it_ends(text):
    tokens = tokenizer("byte_fallback")(text, add_special_tokens=False)["input_ids"]
    for start in range(len(text)):
        stop = text[start:]
        assert streamed("byte_fallback", tokens, (stop,))[:2] == (text[: text.index(stop)], len(tokens))


def test_a_long_run_of_byte_tokens_ends_as_the_tokenizer_says():
    """Whether its last byte completes a character, or leaves none of them whole."""
    run = [3 + byte for byte in ("สวัสดี" * 40).encode()]
    for tokens in (run, run[:-1], [*run, 3 + 0xFF, 270], [*run, 270], [*run[:-1], 270, *run]):
        text, _, pieces = streamed("byte_fallback", tokens, ())
        assert text == "".join(pieces) == decoded("byte_fallback", tokens)
    text, kept, _ = streamed("byte_fallback", run, ("ดีส",))
    assert (text, kept) == expected("byte_fallback", run, ("ดีส",))


@pytest.mark.parametrize("kind", ALL)
def test_no_token_has_many_others_decoded_again(kind):
    """The tokens decoded for the last of 2,000 are as few as for the first hundred."""

    class Counted:
        def __init__(self):
            self.tokens = 0

        def __getattr__(self, name):
            return getattr(tokenizer(kind), name)

        def decode(self, tokens, **options):
            self.tokens += len(tokens)
            return tokenizer(kind).decode(tokens, **options)

    rng = random.Random(f"cost {kind}")
    words = tokenizer(kind)("the end in a town ! ".replace("!", TEXTS[1]) * 9, add_special_tokens=False)["input_ids"]
    lists = [(words * 100)[:2000], garbage(kind, rng, 2000)]
    if kind == "byte_fallback":
        lists.append([3 + byte for byte in ("好" * 667).encode()][:2000])
    for tokens in lists:
        counted = Counted()
        running = RunningText(counted)
        for token in tokens:
            running.add(token)
        assert counted.tokens < 150 * len(tokens)


@pytest.mark.parametrize("kind", ["byte_fallback", "byte_level", "metaspace"])
def test_a_special_token_as_stop_string_ends_the_text_there(kind):
    mark = tokenizer(kind).convert_tokens_to_ids("<|im_start|>")
    words = tokenizer(kind)("the end", add_special_tokens=False)["input_ids"]
    tokens = [*words, mark, *words]
    text, kept, pieces = streamed(kind, tokens, ("<|im_start|>",))
    assert (text, kept) == (decoded(kind, words), len(words) + 1)
    assert "".join(pieces) == text
    spelt = tokenizer(kind).convert_ids_to_tokens(mark)
    assert spelt == "<|im_start|>"
    with pytest.raises(InputError, match=r"stop: got 'x<\|im_start\|>', which holds the special token"):
        TextStream(tokenizer(kind), ("x<|im_start|>",))


@pytest.mark.parametrize("kind", ALL)
def test_spans_of_tokens_cover_the_text_in_order(kind):
    rng = random.Random(f"spans {kind}")
    for tokens in samples(kind, rng, 6):
        stream = TextStream(tokenizer(kind), (), None)
        for end in range(3, len(tokens) + 3, 3):
            stream(tokens[:end])
        text = stream.finish(tokens)
        spans = stream.spans()
        assert len(spans) == len(tokens)
        assert [start for start, _ in spans] == [0, *(end for _, end in spans[:-1])]
        assert "".join(stream.between(*span) for span in spans) == text
