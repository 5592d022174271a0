"""From a target's name to a folder with a drafter: sample, teach, train, export, test."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from safetensors.torch import load_file
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from analysis.model import InputError, demand_regular
from realrun.distill.dataset import Conversation, frequent_tokens, read_samples
from realrun.distill.evaluation import Agreement, agreement
from realrun.distill.export import WEIGHTS, export, restored
from realrun.distill.notes import alone_in, damaged, read_note, write_note
from realrun.distill.sampling import SampleSize, answers, sample
from realrun.distill.student import Head, build, demand_distillable, give_weights
from realrun.distill.teacher import Lessons, learn, weights_digest
from realrun.distill.training import Point, Recipe, seconds_a_step, train
from realrun.engine.record import provenance
from realrun.loading.transformers_models import context_of
from realrun.maxgram.bigram import tokenizer_fingerprint
from realrun.runs.prompts import PromptFile, encode

_ANSWER = 128
"""Greatest length of an answer to a test prompt."""


@dataclass(frozen=True)
class Order:
    """What is to be made.

    Attributes:
        name: The target, as it was named.
        out: Folder for the drafter.
        work: Folder for samples, states and checkpoints; several drafters of one target may share it.
        samples: Conversations that the target wrote; None to have it write some.
        sampling: How many, in that case.
        recipe: The training; its steps are found out where `minutes` is given.
        minutes: How long the training shall take, or None.
        tests: Prompts, on whose greedy answers the drafter is tested beside the held-out ones.
        licence: Of the drafter, for its card.
        command: What was typed, for its card.
    """

    name: str
    out: Path
    work: Path
    samples: Path | None
    sampling: SampleSize
    recipe: Recipe
    minutes: float | None
    tests: PromptFile
    licence: str
    command: str


def distil(target: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, order: Order) -> Tests:
    """Make a drafter; interrupted at any place, the same call goes on there.

    Args:
        target: On its device and in the type to compute in; not packed.
        tokenizer: Its tokenizer.
        order: What to make.

    Returns:
        How well the exported drafter agrees with the target.

    Raises:
        InputError: where target, samples or folders are unfit, naming them.
    """
    demand_distillable(target, order.name)
    if order.samples is not None:
        demand_regular(order.samples)
    with alone_in(order.work):
        return _distilled(target, tokenizer, order)


def _distilled(target: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, order: Order) -> Tests:
    tests = _asked(target, tokenizer, order)
    samples = order.samples
    if samples is None:
        who = [
            order.name,
            weights_digest(target),
            tokenizer_fingerprint(tokenizer.get_vocab()),
            tokenizer.chat_template,
        ]
        samples = order.work / f"samples-{_key(*who, asdict(replace(order.sampling, conversations=0)))}.jsonl"
        sample(target, tokenizer, order.sampling, samples)
    conversations = read_samples(samples, tokenizer, context_of(target))
    lessons = learn(target, conversations, order.work / "teacher")
    known = frequent_tokens([c for c in conversations if not c.held_out], order.recipe.head, _columns(target))
    head = Head.of(target, known, target.dtype)
    folder = order.work / f"training-{_training_key(order, lessons)}"
    recipe = order.recipe
    if order.minutes is not None:
        recipe = replace(recipe, steps=_steps(target, head, conversations, lessons, order, folder))
    student = build(target, recipe.layers, target.dtype)
    curve = train(student, head, conversations, lessons, recipe, folder)
    card = _card(target, tokenizer, order, recipe, samples, conversations, curve)
    export(order.out, student, head, card)
    exported = _exported(target, recipe.layers, order.out)
    held_out = agreement(exported, head, [c for c in conversations if c.held_out and c.greedy])
    others = agreement(exported, head, tests)
    results = {"held_out": _result(held_out), "prompts": {"sha256": order.tests.sha256, **_result(others)}}
    export(order.out, student, head, card | {"results": results})
    return Tests(held_out, others)


@dataclass(frozen=True)
class Tests:
    """How well a drafter, as exported, names the target's greedy tokens, on text that it was not trained on.

    Attributes:
        held_out: On held-out samples.
        prompts: On answers to the prompts of the test file, of other origin than the samples.
    """

    held_out: Agreement
    prompts: Agreement


def _exported(target: PreTrainedModel, layers: Sequence[int], folder: Path) -> PreTrainedModel:
    """The drafter as its file has it."""
    weights, _, _ = restored(load_file(folder / WEIGHTS))
    student = build(target, layers, target.dtype)
    give_weights(student, weights)
    return student


def _asked(target: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, order: Order) -> list[Conversation]:
    """The target's greedy answers to the test prompts that leave room for one."""
    context = context_of(target)
    limit = min(_ANSWER, context // 2)
    fitting = [p for p in order.tests.prompts if len(encode(p, tokenizer)) <= context - limit]
    found = answers(target, tokenizer, fitting, limit)
    if not found:
        raise InputError(order.tests.path, "has no prompt that fits and is answered, expected some to test on")
    return found


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _columns(target: PreTrainedModel) -> int:
    return int(target.get_output_embeddings().weight.shape[0])


def _training_key(order: Order, lessons: Lessons) -> str:
    """Tells trainings in one folder apart, those of other targets, types and samples too.

    With `minutes`, the number of steps is not known yet.
    """
    recipe = order.recipe if order.minutes is None else replace(order.recipe, steps=0)
    return _key(asdict(recipe), order.minutes, lessons.key)


def _key(*what: object) -> str:
    return hashlib.sha256(json.dumps(what).encode()).hexdigest()[:12]


def _steps(
    target: PreTrainedModel,
    head: Head,
    conversations: Sequence[Conversation],
    lessons: Lessons,
    order: Order,
    folder: Path,
) -> int:
    """Number of steps that fit into the minutes: as measured, or as an interrupted training found it."""
    note = folder / "steps.json"
    known = read_note(note)
    if known is not None:
        if isinstance(known, bool) or not isinstance(known, int) or known < 1:
            raise damaged(note, f"got {known!r}")
        return known
    trial = build(target, order.recipe.layers, target.dtype)
    assert order.minutes is not None
    steps = max(1, int(60 * order.minutes / seconds_a_step(trial, head, conversations, lessons, order.recipe)))
    write_note(note, steps)
    return steps


def _card(
    target: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    order: Order,
    recipe: Recipe,
    samples: Path,
    conversations: Sequence[Conversation],
    curve: Sequence[Point],
) -> dict[str, object]:
    kept = [c for c in conversations if not c.held_out]
    held_out = [c for c in conversations if c.held_out and c.greedy]
    own = None if order.samples is not None else asdict(order.sampling)
    return {
        "target": {"name": order.name, "tokenizer": tokenizer_fingerprint(tokenizer.get_vocab())},
        "layers": list(recipe.layers),
        "recipe": asdict(recipe),
        "loss": "cross-entropy against (1 - hard) p + hard [argmax p], p the target's law over the head's tokens",
        "data": {
            "what": "conversations that the target wrote itself",
            "sampling": own,
            "sha256": _sha256(samples),
            "conversations": len(kept),
            "answer_tokens": sum(len(c.answer) for c in kept),
            "held_out": {"greedy_answers": len(held_out), "tokens": sum(len(c.answer) for c in held_out)},
        },
        "dtype": str(target.dtype).removeprefix("torch."),
        "device": str(target.device),
        "threads": torch.get_num_threads(),
        "command": order.command,
        "licence": order.licence,
        "made": provenance(),
        "curve": [asdict(point) for point in curve],
    }


def _result(found: Agreement) -> dict[str, object]:
    return {
        "agreement": round(found.rate, 4),
        "standard_error": None if math.isnan(found.error) else round(found.error, 4),
        "answers": len(found.tokens),
        "tokens": sum(found.tokens),
    }
