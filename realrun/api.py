"""The engine in two calls: ``load`` a cascade of models, ``generate`` text with it.

::

    from realrun import load, generate

    models = load("smollm2-135m", drafters={"mag": "maxgram"}, draft=[{"by": "mag", "tokens": 6}])
    answer = generate(models, "Why is the sky blue?", max_new_tokens=64, on_text=print)
    for token, origin in zip(answer.tokens, answer.generation.origins):
        print(token, origin.by, origin.kind, origin.reviewers)
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from analysis.model import Cascade, InputError, advise, read_cascade, walk
from realrun.engine.cascade import CascadeDecoder
from realrun.engine.choice import Draws, seeded
from realrun.engine.pieces import Piece, Pieces
from realrun.engine.policy import Policy
from realrun.engine.record import Finish, GenerationRecord
from realrun.engine.review import Verification
from realrun.engine.stream import TextStream
from realrun.loading.ensemble import DTYPES, Ensemble, load_ensemble
from realrun.loading.formats import dtype_of_run
from realrun.loading.options import demand_file, demand_loads
from realrun.runs.prompts import Prompt, encode, encode_chat

Message = Mapping[str, str]
"""One turn of a chat: its `role` and its `content`."""


@dataclass(frozen=True)
class LoadedCascade:
    """A cascade whose models are in memory. They follow one text at a time.

    Attributes:
        cascade: The specification.
        ensemble: Its models, with the target's tokenizer, end-of-sequence ids and context.
        busy: Held while a text is generated with these models, by whatever draft.
    """

    cascade: Cascade
    ensemble: Ensemble
    busy: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Keep the models for one text; refuses a second one at the same time."""
        if not self.busy.acquire(blocking=False):
            raise InputError("models", "are busy with another text, expected one at a time")
        try:
            yield
        finally:
            self.busy.release()

    def with_draft(self, draft: Sequence[Mapping[str, object]]) -> LoadedCascade:
        """The same models with another draft over them; ``[]`` for the target alone.

        Raises:
            InputError: where the draft uses a model that is not loaded.
        """
        cascade = Cascade.from_json(self.cascade.to_json() | {"draft": list(draft)})
        for path, _, step in walk(cascade.draft, cascade.target):
            if step.by not in self.ensemble.models:
                loaded = ", ".join(self.ensemble.models)
                raise InputError(f"{path}.by", f"got {step.by!r}, expected one of the loaded models {loaded}")
        return LoadedCascade(cascade, self.ensemble, self.busy)


@dataclass(frozen=True)
class Completion:
    """Text that continues a prompt.

    Attributes:
        text: Without special tokens and without the stop string.
        tokens: Generated ids, up to the end-of-sequence id or the token that completed a stop string.
        finish: Why it ended.
        generation: Time, calls, acceptance and, under `origins`, where every token came from.
        pieces: The text by token, with who made each; together they are the text.
    """

    text: str
    tokens: list[int]
    finish: Finish
    generation: GenerationRecord
    pieces: Sequence[Piece] = ()


def load(
    target: str | Path | Cascade | Mapping[str, object],
    *,
    drafters: Mapping[str, object] | None = None,
    draft: Sequence[Mapping[str, object]] | None = None,
    dtype: str | None = None,
    device: str = "cpu",
) -> LoadedCascade:
    """Load the models of a cascade.

    Args:
        target: A cascade (the value, its JSON, or the name of a ``.json`` file), or how to obtain the target alone: a
            known name, a folder, a hub id.
        drafters: With a target alone: how to obtain each drafter, by the name that `draft` uses.
        draft: With a target alone: the steps of a cycle, as in a specification; left out, the target decodes alone.
        dtype: Of all weights: float32, bfloat16, float16 or int8; by default int8 for the embedded target on a CPU that
            has the products, otherwise float32. In these two a cascade's greedy text is the target's token for token;
            in int8 the target is the quantised model.
        device: Where the models run: cpu, cuda or cuda:N.

    Raises:
        InputError: naming what is wrong with the specification or a model.
    """
    demand_dtype(dtype)
    cascade = cascade_of(target, drafters, draft)
    demand_loads(cascade)
    return LoadedCascade(cascade, load_ensemble(cascade, DTYPES[dtype_of_run(dtype, cascade, device)], device=device))


def generate(
    models: LoadedCascade,
    prompt: str | Sequence[int] | np.ndarray | torch.Tensor | Sequence[Message],
    max_new_tokens: int = 128,
    *,
    temperature: float = 0.0,
    top_k: int | None = None,
    top_p: float = 1.0,
    seed: int | torch.Generator | None = None,
    eos: Collection[int] | None = None,
    stop: str | Sequence[str] = (),
    verification: Verification = "tokenwise",
    on_text: Callable[[str], None] | None = None,
    on_piece: Callable[[Piece], None] | None = None,
) -> Completion:
    """Continue a prompt with text of exactly the target's law (for a lossless cascade), greedily by default.

    Args:
        models: A loaded cascade.
        prompt: What the user says (put into the chat template where the tokenizer has one), the turns of a chat, or
            token ids (a list, or an array or tensor of one dimension) taken as they are.
        max_new_tokens: Greatest number of tokens, >= 1; the text also ends where the context is full.
        temperature: 0 for greedy choice, else what divides the logits of target and drafters.
        top_k: Keep the k likeliest tokens only.
        top_p: Keep the likeliest tokens that together have this mass.
        seed: Needed for sampling: a whole number >= 0, or a generator on the CPU, which moves on.
        eos: Ids that end the text instead of the target's own; empty for none.
        stop: Strings that end the text; it ends before them.
        verification: "tokenwise" or "block" (arXiv 2403.10444).
        on_text: Called with each piece of text as soon as it is certain.
        on_piece: Called with each token's part of the text, and who made it, as soon as that is certain.

    Raises:
        InputError: naming the argument, its value and what is allowed.
    """
    ensemble = models.ensemble
    if type(max_new_tokens) is not int or max_new_tokens < 1:
        raise InputError("max_new_tokens", f"got {max_new_tokens!r}, expected a whole number >= 1")
    stops = (stop,) if isinstance(stop, str) else stop
    if not isinstance(stops, Sequence) or not all(isinstance(text, str) and text for text in stops):
        raise InputError("stop", f"got {stop!r}, expected texts that are not empty")
    if eos is not None and not (isinstance(eos, Collection) and all(type(i) is int for i in eos)):
        raise InputError("eos", f"got {eos!r}, expected token ids")
    policy = Policy(temperature, top_k, top_p)
    decoder = CascadeDecoder(models.cascade, ensemble.only(models.cascade), ensemble.context, policy, verification)
    ids = _ids(prompt, ensemble)
    if policy.is_greedy:
        given = {"top_k": top_k is not None, "top_p": top_p < 1, "verification": verification != "tokenwise"}
        idle = ", ".join(name for name, is_given in given.items() if is_given)
        if idle:
            advise(f"{idle}: no effect under greedy choice, give a temperature above 0 to sample")
    pieces = Pieces(TextStream(ensemble.tokenizer, stops, on_text), lambda: decoder.origins, on_piece)
    source = None if policy.is_greedy else _source(seed)
    with models.held():
        generation = decoder.generate(
            ids,
            max_new_tokens,
            ensemble.eos if eos is None else eos,
            source=source,
            watch=pieces if stops or on_text or on_piece else None,
        )
    text = pieces.finish(generation.tokens, generation.cycle_log)
    return Completion(text, generation.tokens, generation.finish, generation, pieces.found)


def demand_dtype(dtype: str | None) -> None:
    """Refuse what is no number format's name."""
    if dtype is not None and dtype not in DTYPES:
        raise InputError("dtype", f"got {dtype!r}, expected one of {', '.join(DTYPES)}")


def cascade_of(
    target: str | Path | Cascade | Mapping[str, object],
    drafters: Mapping[str, object] | None,
    draft: Sequence[Mapping[str, object]] | None,
    *,
    needs_draft: bool = True,
) -> Cascade:
    """The cascade that `load` is asked for; a whole one may lack a draft where none is needed."""
    if isinstance(target, Path) and target.is_dir():
        target = str(target)
    whole = not isinstance(target, str) or target.endswith(".json")
    if whole and (drafters is not None or draft is not None):
        raise InputError("draft", "given beside a whole cascade, expected it inside the cascade only")
    if isinstance(target, Cascade):
        return target
    if isinstance(target, Mapping):
        return Cascade.from_json(target, needs_draft=needs_draft)
    if whole:
        return read_cascade(str(target), needs_draft=needs_draft)
    demand_file("target", str(target))
    models: dict[str, object] = {"target": {"load": target}}
    for name, how in (drafters or {}).items():
        if name == "target":
            raise InputError("drafters.target", "is the name of the target, expected another name")
        models[name] = {"load": str(how) if isinstance(how, Path) else how}
    return Cascade.from_json({"target": "target", "models": models, "draft": list(draft or ())})


def _ids(prompt: object, ensemble: Ensemble) -> list[int]:
    tokenizer = ensemble.tokenizer
    if isinstance(prompt, str):
        ids = encode(Prompt("prompt", prompt), tokenizer)
    elif isinstance(prompt, Sequence) and len(prompt) and isinstance(prompt[0], Mapping):
        if not tokenizer.chat_template:
            raise InputError("prompt", "is a chat, but the target's tokenizer has no chat template")
        ids = encode_chat(prompt, tokenizer, "prompt")
    else:
        ids = _listed(prompt)
    if not ids or not all(type(i) is int and 0 <= i < len(tokenizer) for i in ids):
        raise InputError(
            "prompt",
            f"got {_short(prompt)}, expected a text, a chat, or token ids in 0..{len(tokenizer) - 1} as a list or as "
            "an array or tensor of one dimension",
        )
    ensemble.demand_room("prompt", ids)
    return ids


def _listed(prompt: object) -> list[int]:
    """Ids of a list, or of an array or tensor of whole numbers in one dimension; empty for anything else."""
    if isinstance(prompt, (np.ndarray, torch.Tensor)):
        return prompt.tolist() if prompt.ndim == 1 and _is_whole(prompt) else []
    if isinstance(prompt, (bytes, bytearray, memoryview)) or not isinstance(prompt, Sequence):
        return []
    return [int(i) if isinstance(i, np.integer) else i for i in prompt]


def _is_whole(values: np.ndarray | torch.Tensor) -> bool:
    if isinstance(values, torch.Tensor):
        return not (values.is_floating_point() or values.is_complex() or values.dtype == torch.bool)
    return bool(np.issubdtype(values.dtype, np.integer))


def _source(seed: int | torch.Generator | None) -> Draws:
    if isinstance(seed, torch.Generator):
        return Draws(seed)
    if type(seed) is not int or not 0 <= seed < 2**63:
        raise InputError("seed", f"got {seed!r}, expected a whole number in 0..2**63 - 1 or a generator to sample with")
    return seeded(seed)


def _short(value: object) -> str:
    text = json.dumps(value, default=repr)
    return text if len(text) <= 60 else text[:57] + "..."
