"""Small tokenizers of every kind of decoding, built here, for tests of text that comes token by token."""

from __future__ import annotations

import string

from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers
from transformers import PreTrainedTokenizerFast

SPECIAL = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
_BYTES = [f"<0x{byte:02X}>" for byte in range(256)]
_LETTERS = string.ascii_lowercase
_WORDS = ["the", "tw", "in", "er", "don", "é", "好", "你", "।"]


def _fast(backend, **options):
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, **SPECIAL, **options)
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|im_start|>"]})
    return tokenizer


def _numbered(pieces):
    return {piece: i for i, piece in enumerate(["<unk>", "<s>", "</s>", *pieces])}


def byte_fallback():
    """Llama 2 and its kin: byte tokens, fused, the text's first space stripped."""
    backend = Tokenizer(models.BPE(_numbered([*_BYTES, "▁", *_LETTERS, *_WORDS[5:]]), [], byte_fallback=True))
    backend.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    spaces = decoders.Replace("▁", " ")
    backend.decoder = decoders.Sequence([spaces, decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    return _fast(backend)


def gemma():
    """The same without a stripped space, and with tokens of several letters."""
    pieces = [*_BYTES, "▁", *_LETTERS, *(w for word in _WORDS[:5] for w in (word, f"▁{word}"))]
    backend = Tokenizer(models.BPE(_numbered(pieces), [], byte_fallback=True, ignore_merges=True))
    backend.normalizer = normalizers.Replace(" ", "▁")
    backend.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    return _fast(backend)


def byte_level():
    """GPT-2 and its kin: every token is some bytes, here one or two."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    pairs = [(a, b) for a in alphabet[::9] for b in alphabet[::7]]
    backend = Tokenizer(models.BPE(_numbered([*alphabet, *map("".join, pairs)]), pairs))
    backend.pre_tokenizer, backend.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    return _fast(backend)


def word_piece():
    """BERT and its kin: pieces of words, and spaces before punctuation taken away afterwards."""
    words = ["do", "n", "t", "s", "re", "ve", "m", "i", "'", ".", ",", "?", "!", "the", "n't", "'s", "'ve"]
    letters = [piece for letter in _LETTERS for piece in (letter, f"##{letter}")]
    pieces = dict.fromkeys([*words, *letters, "##'", "##.", "é", "好"])
    backend = Tokenizer(models.WordPiece(_numbered(pieces), unk_token="<unk>"))
    backend.pre_tokenizer, backend.decoder = pre_tokenizers.BertPreTokenizer(), decoders.WordPiece(cleanup=False)
    return _fast(backend, clean_up_tokenization_spaces=True)


def metaspace():
    """T5 and its kin: SentencePiece without bytes; the first space of a text is none."""
    pieces = ["▁", *_LETTERS, *_WORDS, *(f"▁{word}" for word in _WORDS), ".", "'"]
    vocabulary = [(piece, -1.0 - len(pieces) / (1 + len(piece))) for piece in _numbered(pieces)]
    backend = Tokenizer(models.Unigram(vocabulary, unk_id=0))
    backend.pre_tokenizer, backend.decoder = pre_tokenizers.Metaspace(), decoders.Metaspace()
    return _fast(backend)


def word_ends():
    """The first GPT and its kin: a mark at the end of each word, which is a space but at the text's end."""
    pieces = [piece for letter in [*_LETTERS, *_WORDS] for piece in (letter, f"{letter}</w>")]
    backend = Tokenizer(models.BPE(_numbered(pieces), [], end_of_word_suffix="</w>", unk_token="<unk>"))
    backend.pre_tokenizer, backend.decoder = pre_tokenizers.Whitespace(), decoders.BPEDecoder("</w>")
    return _fast(backend, clean_up_tokenization_spaces=False)


def with_marks():
    """Byte-level with added tokens, of which one is special and one is text."""
    tokenizer = byte_level()
    tokenizer.add_tokens([AddedToken("<think>", special=False), AddedToken("好好", special=False)])
    return tokenizer


ALL = {made.__name__: made for made in (byte_fallback, gemma, byte_level, word_piece, metaspace, word_ends, with_marks)}
