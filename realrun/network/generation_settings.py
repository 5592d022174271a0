"""Generation settings of a checkpoint (generation_config.json): those that decide a cascade's text, and the others.

What is a function of the prefix (a repetition penalty, suppressed tokens, forbidden n-grams, a least length) changes
the law of the next token and nothing else. It is applied, by transformers' own processors, to the logits of every
position of a review, of the target and the drafters alike: reviews stay lossless, for the target's law is now the
changed one, and a float32 greedy text is that of `transformers.generate`. Other settings (beams, the file's own
sampling, stop strings, guidance) are not applied, and that is said once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard

import torch
from torch import Tensor
from transformers import GenerationConfig, PreTrainedModel, PreTrainedTokenizerBase
from transformers.generation import logits_process as processes

from analysis.model import InputError, advise, parse_json, read_text
from realrun.engine.policy import over_vocabulary

FILE = "generation_config.json"

_TOKEN = "a token id"
_TOKENS = "a list of token ids"
_ONE_OR_MORE = "a token id or a list of them, not empty"
_PENALTY = "a number > 0"
_COUNT = "a whole number >= 0"
_WORDS = "lists of token ids, not empty"

APPLIED = {
    "sequence_bias": "pairs of token ids and a finite number",
    "encoder_repetition_penalty": _PENALTY,
    "repetition_penalty": _PENALTY,
    "no_repeat_ngram_size": _COUNT,
    "encoder_no_repeat_ngram_size": _COUNT,
    "bad_words_ids": _WORDS,
    "min_length": _COUNT,
    "min_new_tokens": _COUNT,
    "forced_bos_token_id": _TOKEN,
    "forced_eos_token_id": _ONE_OR_MORE,
    "exponential_decay_length_penalty": "a whole number >= 0 and a number > 0",
    "suppress_tokens": _TOKENS,
    "begin_suppress_tokens": _TOKENS,
}
"""Settings that are functions of the prefix, in the order in which transformers applies them, and what each may be."""

_WITHOUT_EFFECT = {"repetition_penalty": 1, "encoder_repetition_penalty": 1, "num_beams": 1, "num_return_sequences": 1}
_WITHOUT_EFFECT |= {"temperature": 1, "top_p": 1, "guidance_scale": 1, "typical_p": 1, "num_beam_groups": 1}

IGNORED = (
    *("do_sample", "temperature", "top_k", "top_p", "min_p", "top_h", "typical_p", "epsilon_cutoff", "eta_cutoff"),
    *("num_beams", "num_beam_groups", "num_return_sequences", "penalty_alpha", "dola_layers", "constraints"),
    *("force_words_ids", "stop_strings", "max_time", "guidance_scale", "watermarking_config", "token_healing"),
    "remove_invalid_values",
)
"""Settings that change what transformers generates and that are not applied here."""


@dataclass(frozen=True)
class GenerationSettings:
    """What a target's checkpoint says on how its text is generated.

    Attributes:
        applied: Settings that are functions of the prefix, by transformers' names, in its order; checked.
        ignored: Settings that are not applied.
        eos: Ids that end the text.
        columns: Number of the target's output columns.
    """

    applied: Mapping[str, Any]
    ignored: Mapping[str, object]
    eos: frozenset[int]
    columns: int

    @classmethod
    def of(cls, network: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, where: str) -> GenerationSettings:
        """Read a target's settings, and say what of them is not applied.

        Args:
            network: The target.
            tokenizer: Its tokenizer, whose end of the text counts where the settings tell none.
            where: What to call them in a message: the field that names the model.

        Raises:
            InputError: where a setting is malformed, naming it and what is allowed.
        """
        folder = Path(network.name_or_path or "")
        if (folder / FILE).is_file():
            parse_json(read_text(folder / FILE), str(folder / FILE))  # transformers takes broken ones for missing
        config = network.generation_config or GenerationConfig()
        with_effect = {key: value for key, value in config.to_dict().items() if _has_effect(key, value)}
        ends = _ends(with_effect.get("eos_token_id"), where)
        if not ends and isinstance(tokenizer.eos_token_id, int):
            ends = [tokenizer.eos_token_id]
        applied = {key: with_effect[key] for key in APPLIED if key in with_effect}
        for key, value in applied.items():
            _demand(key, value, where)
        ignored = {key: with_effect[key] for key in IGNORED if key in with_effect}
        head = network.get_output_embeddings()
        columns = int(network.config.get_text_config(decoder=True).vocab_size if head is None else head.out_features)
        settings = cls(applied, ignored, frozenset(ends), columns)
        if applied:
            settings._demand_fit(where)
        if ignored:
            listed = ", ".join(f"{key} {value!r}" for key, value in ignored.items())
            advise(f"{where}: not applied of its {FILE}: {listed}")
        return settings

    def to_json(self) -> dict[str, object]:
        """What a row tells: the settings applied and those ignored; empty where there are none."""
        parts = {"applied": dict(self.applied), "not_applied": dict(self.ignored)}
        return {"generation_config": {key: part for key, part in parts.items() if part}} if any(parts.values()) else {}

    def processors(
        self, prompt: Sequence[int], first: int, end: int | None, device: torch.device
    ) -> processes.LogitsProcessorList:
        """transformers' processors for one text, in its order.

        Args:
            prompt: Token ids of the prompt.
            first: Number of tokens that the decoder starts with: those of the prompt, or 1 of an encoder-decoder.
            end: Greatest number of tokens that the decoder can come to; None where nothing ends the text.
            device: Where the logits are.
        """
        get = self.applied.__getitem__
        made = processes.LogitsProcessorList()
        eos = torch.tensor(sorted(self.eos), device=device)
        given, place = _ids([prompt], device), str(device)
        makers: dict[str, Callable[[], processes.LogitsProcessor | None]] = {
            "sequence_bias": lambda: processes.SequenceBiasLogitsProcessor(get("sequence_bias")),
            "encoder_repetition_penalty": lambda: processes.EncoderRepetitionPenaltyLogitsProcessor(
                get("encoder_repetition_penalty"), given
            ),
            "repetition_penalty": lambda: processes.RepetitionPenaltyLogitsProcessor(get("repetition_penalty")),
            "no_repeat_ngram_size": lambda: processes.NoRepeatNGramLogitsProcessor(get("no_repeat_ngram_size")),
            "encoder_no_repeat_ngram_size": lambda: processes.EncoderNoRepeatNGramLogitsProcessor(
                get("encoder_no_repeat_ngram_size"), given
            ),
            "bad_words_ids": lambda: processes.NoBadWordsLogitsProcessor(
                get("bad_words_ids"), eos if len(eos) else None
            ),
            "min_length": lambda: (
                processes.MinLengthLogitsProcessor(get("min_length"), eos, place) if len(eos) else None
            ),
            "min_new_tokens": lambda: (
                processes.MinNewTokensLengthLogitsProcessor(first, get("min_new_tokens"), eos, place)
                if len(eos)
                else None
            ),
            "forced_bos_token_id": lambda: processes.ForcedBOSTokenLogitsProcessor(get("forced_bos_token_id")),
            "forced_eos_token_id": lambda: (
                None if end is None else processes.ForcedEOSTokenLogitsProcessor(end, get("forced_eos_token_id"), place)
            ),
            "exponential_decay_length_penalty": lambda: (
                processes.ExponentialDecayLengthPenalty(tuple(get("exponential_decay_length_penalty")), eos, first)
                if len(eos)
                else None
            ),
            "suppress_tokens": lambda: processes.SuppressTokensLogitsProcessor(get("suppress_tokens"), place),
            "begin_suppress_tokens": lambda: processes.SuppressTokensAtBeginLogitsProcessor(
                get("begin_suppress_tokens"), first + (first == 1 and "forced_bos_token_id" in self.applied), place
            ),
        }
        for key in self.applied:
            processor = makers[key]()
            if processor is not None:
                made.append(processor)
        return made

    def _demand_fit(self, where: str) -> None:
        """Refuse settings that transformers' processors themselves refuse, such as ids beyond the vocabulary."""
        try:
            for key in self.applied:
                one = GenerationSettings({key: self.applied[key]}, {}, self.eos, self.columns)
                made = one.processors([0], 1, 8, torch.device("cpu"))
                made(_ids([[0]], torch.device("cpu")), torch.zeros(1, self.columns))
        except (ValueError, TypeError, IndexError, RuntimeError, OverflowError) as error:
            problem = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise InputError(f"{where}, {FILE}, {key}", f"got {self.applied[key]!r}: {problem}") from None


class Rules:
    """The settings of a target bound to one text: what turns a model's logits into those of the changed law.

    Args:
        settings: Of the target, also for a drafter: its drafts are then likelier to pass.
        prompt: Token ids.
        first: As for `GenerationSettings.processors`.
        end: Likewise.
        device: Likewise.
    """

    def __init__(
        self, settings: GenerationSettings, prompt: Sequence[int], first: int, end: int | None, device: torch.device
    ) -> None:
        self._processors = settings.processors(prompt, first, end, device)
        self._columns = settings.columns

    def applied(self, logits: Tensor, output_ids: Tensor | None, prefixes: Sequence[Sequence[int]]) -> Tensor:
        """The logits of the changed law, in float32 as transformers has them, shape (rows, columns).

        Args:
            logits: A model's, one row a prefix.
            output_ids: Token id of every column; None where column i is token i.
            prefixes: What the decoder has read before each row.
        """
        width = logits.shape[-1]
        scores = over_vocabulary(logits.float(), output_ids, self._columns, -math.inf)
        rows = [
            self._processors(_ids([prefix], logits.device), row[None].clone())
            for prefix, row in zip(prefixes, scores, strict=True)
        ]
        changed = torch.cat(rows)
        if output_ids is not None:
            changed = changed[:, output_ids]
        elif width > self._columns:
            changed = torch.cat([changed, logits[:, self._columns :].float()], -1)
        changed = changed[:, :width]
        if width < self._columns:  # a drafter that can say nothing of what is left says what it likes
            silent = (changed == -math.inf).all(-1, keepdim=True)
            changed = torch.where(silent, logits.float(), changed)
        return changed


def _ids(rows: Sequence[Sequence[int]], device: torch.device) -> torch.LongTensor:
    """Token ids as the processors read them."""
    return torch.tensor([list(row) for row in rows], device=device)  # type: ignore[return-value]


def _has_effect(key: str, value: object) -> bool:
    if value is None or value is False or (key in _WITHOUT_EFFECT and value == _WITHOUT_EFFECT[key]):
        return False
    return not (APPLIED.get(key) == _COUNT and value == 0) and not (key == "top_k" and value == 0)


def _ends(listed: object, where: str) -> list[int]:
    if listed is None:
        return []
    if not _is_good(_ONE_OR_MORE, listed):
        raise InputError(f"{where}, {FILE}, eos_token_id", f"got {listed!r}, expected {_ONE_OR_MORE}")
    return list(listed) if isinstance(listed, list) else [listed]  # type: ignore[list-item]


def _demand(key: str, value: object, where: str) -> None:
    if not _is_good(APPLIED[key], value):
        raise InputError(f"{where}, {FILE}, {key}", f"got {value!r}, expected {APPLIED[key]}")


def _is_good(kind: str, value: object) -> bool:
    """Whether a value is what the words say."""
    if kind == _PENALTY:
        return _is_number(value) and value > 0
    if kind in (_COUNT, _TOKEN):
        return type(value) is int and value >= 0
    if kind == _ONE_OR_MORE and type(value) is int:
        return value >= 0
    if kind in (_TOKENS, _ONE_OR_MORE):
        return _is_ids(value) and (kind == _TOKENS or bool(value))
    if kind == _WORDS:
        return isinstance(value, list) and bool(value) and all(_is_ids(word) and word for word in value)
    if kind == APPLIED["sequence_bias"]:
        pairs = list(value.items()) if isinstance(value, Mapping) else value
        return isinstance(pairs, list) and bool(pairs) and all(map(_is_bias, pairs))
    pair: Sequence[object] = value if isinstance(value, (list, tuple)) and len(value) == 2 else (None, None)
    start, growth = pair
    return type(start) is int and start >= 0 and _is_number(growth) and growth > 0


def _is_bias(pair: object) -> bool:
    if not isinstance(pair, (list, tuple)) or len(pair) != 2:
        return False
    ids, bias = pair
    return _is_ids(list(ids) if isinstance(ids, tuple) else ids) and bool(ids) and _is_number(bias)


def _is_ids(value: object) -> bool:
    return isinstance(value, list) and all(type(i) is int and i >= 0 for i in value)


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
