"""What is measured beside a cascade: each baseline with the same drafter and draft length, where it has them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import get_args

from analysis.model import Cascade, InputError, Step, longest, walk
from realrun.bench.compiled_decoder import Compiled
from realrun.bench.flashspec_decoder import FlashSpec
from realrun.bench.llama_decoder import Kind, LlamaCpp, LlamaNgram
from realrun.bench.outcome import Surroundings
from realrun.bench.transformers_decoders import Assisted, Plain, PromptLookup
from realrun.loading.ensemble import Ensemble
from realrun.loading.options import with_target
from realrun.network.cached_model import CachedModel
from realrun.network.int8_model import Int8Model
from realrun.runs.measure import Method


def joint_cascade(cascades: Mapping[str, Cascade], load: str | None = None) -> Cascade:
    """One cascade that uses the models of all as all drafts do, to load them together; it is not to be run.

    Args:
        cascades: By name.
        load: What to load as the target instead of what the specifications say.

    Raises:
        InputError: where two specifications mean different models by one name, or have different targets.
    """
    first, *others = cascades
    target = cascades[first].target
    models = dict(cascades[first].models)
    for name in others:
        cascade = cascades[name]
        if cascade.target != target:
            raise InputError(f"{name}, target", f"got {cascade.target!r}, expected {target!r} as in {first}")
        for key, model in cascade.models.items():
            known = models.setdefault(key, model)
            if known.load != model.load:
                raise InputError(
                    f"{name}, models.{key}.load", f"got {model.load!r}, expected {known.load!r} as in another cascade"
                )
    steps = tuple(dict.fromkeys(_shortest(step) for cascade in cascades.values() for step in cascade.draft))
    return with_target(Cascade(target, models, draft=steps), load)


def _shortest(step: Step) -> Step:
    """A step with the same models in the same places; drafts as long as they are would together be too long."""
    if step.is_leaf:
        return Step(step.by, tokens=1)
    return Step(step.by, rounds=1, draft=tuple(dict.fromkeys(map(_shortest, step.draft))))


def surroundings(cascade: Cascade, ensemble: Ensemble) -> Surroundings:
    """What baselines need to know of the loaded models."""
    cached = {name: model for name, model in ensemble.models.items() if isinstance(model, CachedModel)}
    networks = {name: model.network for name, model in cached.items()}
    settings = ensemble.settings.applied if ensemble.settings else {}
    return Surroundings(cascade.target, networks, ensemble.shared_context, ensemble.eos, settings)


def demand_whole_heads(ensemble: Ensemble) -> None:
    """Refuse, for other programs, a model whose output layer is cut short or whose weights are int8.

    Raises:
        InputError: naming the model.
    """
    for name, model in ensemble.models.items():
        if isinstance(model, CachedModel) and model.output_ids is not None:
            raise InputError("baseline_models", f"got shared, expected plain, since {name!r} has a `head` cut short")
        if isinstance(model, Int8Model):
            raise InputError("baseline_models", f"got shared, expected plain, since {name!r} runs in int8")


def counterparts(baseline: str, cascade: Cascade, around: Surroundings) -> list[Method]:
    """All that a baseline has to hold against a cascade, none or more.

    llama.cpp runs in every way it is to run. Its n-gram drafters copy as many tokens as the cascade's Max-Gram, or
    without one as its whole draft has, where a match is as long as transformers' prompt lookup wants it.
    """
    match baseline:
        case "llama.cpp":
            return [LlamaCpp(around, llama) for llama in around.llama]
        case "llama.cpp-ngram" if cascade.draft:
            tokens = _most_copied(cascade, around) or longest(cascade.draft)
            return [LlamaNgram(around, llama, match=2, tokens=tokens) for llama in around.llama]
    found = counterpart(baseline, cascade, around)
    return [] if found is None else [found]


def counterpart(baseline: str, cascade: Cascade, around: Surroundings) -> Method | None:
    """A baseline with the cascade's drafter and draft length.

    transformers and FlashSpec know one drafting model, which nobody helps: it is the first neural model whose tokens
    the target reviews, with as many tokens as its step can hand up. Prompt lookup stands for Max-Gram and copies as
    many tokens as Max-Gram's longest step drafts.

    Returns:
        The method, or None where the cascade has no such drafter.
    """
    drafting = next((step for step in cascade.draft if step.by in around.networks), None)
    lookup = _most_copied(cascade, around)
    match baseline:
        case "hf-autoregressive":
            return Plain(around)
        case "hf-compiled":
            return Compiled(around, around.room)
        case "hf-assisted" if drafting:
            return Assisted(around, drafting.by, longest((drafting,)))
        case "hf-prompt-lookup" if lookup:
            return PromptLookup(around, lookup)
        case "flashspec" if drafting:
            return FlashSpec(around, lookup, drafting.by, longest((drafting,)))
        case "flashspec" if lookup:
            return FlashSpec(around, lookup)
    return None


def defaults(baseline: str, around: Surroundings) -> list[Method]:
    """Where the search for a baseline's best settings begins beside the counterparts: what its authors ship."""
    drafters = [name for name in around.networks if name != around.target]
    match baseline:
        case "hf-assisted":
            return [Assisted(around, drafter, tokens=20, threshold=0.4) for drafter in drafters]
        case "hf-prompt-lookup":
            return [PromptLookup(around, tokens=10)]
        case "flashspec":
            return [FlashSpec(around, 6, drafter, 2) for drafter in drafters] or [FlashSpec(around, 6)]
        case "llama.cpp-ngram":
            return [start for llama in around.llama for start in _ngram_starts(LlamaNgram(around, llama))]
    return []


def _ngram_starts(shipped: LlamaNgram) -> list[Method]:
    """Each kind of drafter with llama.cpp's own settings, all of them for long repetitions, and with short matches."""
    starts: list[Method] = [shipped, replace(shipped, kind="mod", match=24, tokens=64, least=48)]
    for kind in get_args(Kind):
        starts.append(replace(shipped, kind=kind, match=3, tokens=8))
    return starts


def _most_copied(cascade: Cascade, around: Surroundings) -> int:
    """Tokens that the cascade's longest step of Max-Gram drafts, 0 without one."""
    copying = [longest((s,)) for _, _, s in walk(cascade.draft, cascade.target) if s.by not in around.networks]
    return max(copying, default=0)
