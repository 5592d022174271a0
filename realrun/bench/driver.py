"""The benchmark: settings, memory, timing in turns, and what the rows say."""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count, cycle, islice

from analysis.model import Cascade, InputError, progress, progress_bar
from realrun.bench import AUTOREGRESSIVE, LLAMA
from realrun.bench.compiled_decoder import Compiled
from realrun.bench.flashspec_decoder import demand_decoders
from realrun.bench.llama_decoder import LlamaCpp, demand_same_rules
from realrun.bench.llama_server import Llama
from realrun.bench.memory import cache_bytes, peak_bytes
from realrun.bench.outcome import Surroundings
from realrun.bench.plan import counterparts, defaults, demand_whole_heads, surroundings
from realrun.bench.search import LADDER, Trial, fastest_settings, identity
from realrun.bench.strongest import against_strongest, speed_summary
from realrun.bench.summary import Comparison, Row, compare, equality, summarise_method
from realrun.duration import announce
from realrun.engine.record import provenance
from realrun.loading.ensemble import Ensemble
from realrun.loading.transformers_models import dtype_of
from realrun.network.cached_model import CachedModel
from realrun.network.int8_model import Int8Model
from realrun.runs.generate import encode_all
from realrun.runs.journal import Journal
from realrun.runs.measure import WARM_UP_TOKENS, CascadeMethod, Method, interleave
from realrun.runs.prompts import Prompt

MEMORY_TOKENS = 32
"""Tokens generated where memory is measured."""

SAME, BEST = "same settings", "best settings"


@dataclass(frozen=True)
class BenchSettings:
    """How to measure.

    Attributes:
        max_new_tokens: Greatest number of tokens a prompt, >= 1.
        repeats: Runs of each prompt by each method, >= 1.
        tuning: How many prompts, the first ones, the search for each side's best settings takes; these are not
            measured. 0: no search.
        memory_prompt: Tokens of the prompt for which peak memory is measured; 0: not measured.
        seed: Of the bootstrap.
    """

    max_new_tokens: int
    repeats: int = 1
    tuning: int = 0
    memory_prompt: int = 512
    seed: int = 0


@dataclass
class BenchPlan:
    """Methods to measure, each once, and which to compare.

    Attributes:
        methods: By what they do.
        comparisons: Over names of these methods.
        trials: What the search tried, by side.
        unavailable: Why a baseline that was asked for does not run here, by its name.
    """

    methods: dict[tuple[str, str], Method] = field(default_factory=dict)
    comparisons: list[Comparison] = field(default_factory=list)
    trials: dict[str, list[Trial]] = field(default_factory=dict)
    unavailable: dict[str, str] = field(default_factory=dict)

    def add(self, method: Method) -> str:
        """Measure this method, unless one that does the same is there; the name it goes by."""
        return self.methods.setdefault(identity(method), method).name

    def compare(self, what: str, method: Method, against: Method) -> None:
        """Measure both and compare them, unless they are the same."""
        names = self.add(method), self.add(against)
        if names[0] != names[1] and (what, *names) not in self.comparisons:
            self.comparisons.append((what, *names))


def run_bench(
    cascades: Mapping[str, Cascade],
    baselines: Sequence[str],
    ensemble: Ensemble,
    others: Ensemble,
    prompts: Sequence[Prompt],
    settings: BenchSettings,
    keep: Callable[[Row], None],
    journal: Journal | None = None,
    llama: Sequence[Llama] = (),
) -> dict[str, object]:
    """Measure everything and sum it up.

    Args:
        cascades: By name; all with the same target and over models of the ensemble.
        baselines: Names known to `realrun.bench.plan`.
        ensemble: The loaded models, for our engine.
        others: The same models for the other programs; may be the same ones.
        prompts: More than the settings take for tuning.
        settings: How to measure.
        keep: Given every measured row as soon as it is there, those that the journal has first.
        journal: Keeps all that is measured, for the same call to go on with.
        llama: The ways to run llama.cpp, where it is a baseline.

    Raises:
        InputError: where a baseline has nothing in common with any cascade, or a text would not fit.
    """
    journal = Journal() if journal is None else journal
    plan = make_plan(cascades, baselines, ensemble, others, prompts, settings, journal, llama)
    methods = list(plan.methods.values())
    measured = prompts[settings.tuning :]
    if not len(journal):
        announce(_expected_seconds(methods, ensemble, measured, settings))
    memory = {
        method.name: journal.once(
            f"memory of {method.name}",
            functools.partial(used_memory, method, ensemble, prompts, settings.memory_prompt),
        )
        for method in _bar(methods)
    }
    target = next(iter(cascades.values())).target
    dtypes = {method.name: _dtype(method, ensemble.neural(target), others.neural(target)) for method in methods}
    rows: list[Row] = []
    for row in interleave(methods, ensemble, measured, settings.max_new_tokens, "bench", settings.repeats, journal):
        rows.append({**row, "dtype": dtypes[str(row["method"])]})
        keep(rows[-1])
    equal = equality(rows, _reference(methods))
    mine = list(dict.fromkeys(method for _, method, _ in plan.comparisons))
    theirs = list(dict.fromkeys(against for _, _, against in plan.comparisons))
    by_method = {method.name: [row for row in rows if row["method"] == method.name] for method in methods}
    return {
        "prompts": len(measured),
        "repeats": settings.repeats,
        "max_new_tokens": settings.max_new_tokens,
        "warm_up_tokens": WARM_UP_TOKENS,
        "order": "every prompt by all methods in turn, another one first each time",
        "tuning_prompts": settings.tuning,
        "seed": settings.seed,
        "methods": {
            method.name: {
                "settings": method.settings,
                "dtype": dtypes[method.name],
                **summarise_method(by_method[method.name], target),
                **speed_summary(by_method[method.name], settings.seed),
                "equal_tokens": equal[method.name],
                "memory": memory[method.name],
            }
            for method in methods
        },
        "comparisons": [compare(comparison, rows, settings.seed) for comparison in plan.comparisons],
        "strongest": against_strongest(rows, mine, theirs, settings.seed),
        "unavailable": plan.unavailable,
        "trials": plan.trials,
        "provenance": provenance() | {"cores": os.cpu_count()},
    }


def make_plan(
    cascades: Mapping[str, Cascade],
    baselines: Sequence[str],
    ensemble: Ensemble,
    others: Ensemble,
    prompts: Sequence[Prompt],
    settings: BenchSettings,
    journal: Journal | None = None,
    llama: Sequence[Llama] = (),
) -> BenchPlan:
    """Which methods to measure: the cascades, their counterparts, and where wanted each side's best settings."""
    around = _around(next(iter(cascades.values())), others, prompts, settings, llama)
    _demand_fit(baselines, ensemble, others, around, prompts, settings.max_new_tokens)
    plan = BenchPlan()
    ours = {name: CascadeMethod(name, cascade, ensemble) for name, cascade in cascades.items()}
    alone = CascadeMethod(AUTOREGRESSIVE, next(iter(cascades.values())).with_draft(()), ensemble)
    theirs: dict[str, list[Method]] = {}
    for method in ours.values():
        plan.add(method)
    for baseline in baselines:
        if baseline == "hf-compiled":
            with progress_bar("compile", "model", total=1) as bar:  # which takes minutes
                problem = Compiled(around, around.room).problem(encode_all(prompts[:1], ensemble)[0])
                bar.update()
            if problem is not None:
                plan.unavailable[baseline] = problem
                continue
        for name, cascade in cascades.items():
            mine: list[Method] = [alone] if baseline == AUTOREGRESSIVE else counterparts(baseline, cascade, around)
            for other in mine:
                plan.compare(SAME, ours[name], other)
            if mine:
                theirs.setdefault(baseline, []).extend(mine)
        if baseline not in theirs:
            raise InputError("baseline", f"got {baseline}, but no cascade has a drafter that it could use")
    if settings.tuning:
        run = _tuning(ensemble, prompts[: settings.tuning], settings.max_new_tokens, journal)
        best, plan.trials["ours"] = fastest_settings(_distinct(ours.values()), run)
        plan.add(best)
        for baseline, starts in theirs.items():
            other, plan.trials[baseline] = fastest_settings(_distinct([*starts, *defaults(baseline, around)]), run)
            plan.compare(BEST, best, other)
    return plan


def _around(
    cascade: Cascade, others: Ensemble, prompts: Sequence[Prompt], settings: BenchSettings, llama: Sequence[Llama]
) -> Surroundings:
    around = surroundings(cascade, others)
    longest = max(map(len, encode_all(prompts, others)))
    room = min(longest + max(settings.max_new_tokens, WARM_UP_TOKENS), around.context)
    return replace(around, room=room, llama=[replace(way, context=room) for way in llama])


def _demand_fit(
    baselines: Sequence[str],
    ensemble: Ensemble,
    others: Ensemble,
    around: Surroundings,
    prompts: Sequence[Prompt],
    limit: int,
) -> None:
    """Refuse what one of the baselines cannot run.

    Raises:
        InputError: naming the baseline, or a text that would not fit.
    """
    if set(baselines).intersection(LLAMA):
        demand_same_rules(around)
    if set(baselines) - {AUTOREGRESSIVE, *LLAMA}:
        demand_whole_heads(others)
    if "flashspec" in baselines:
        demand_decoders(around)
        _demand_room(prompts, ensemble, limit, LADDER[-1] + 1, "flashspec, which drafts beyond the text's end")
    elif set(baselines) - {AUTOREGRESSIVE} and around.context < ensemble.context:
        _demand_room(prompts, ensemble, limit, 0, "programs that end a text where a drafter's context does")


def used_memory(method: Method, ensemble: Ensemble, prompts: Sequence[Prompt], length: int) -> dict[str, object] | None:
    """Peak memory of one generation above models and whatever else is there before it, and what caches take of it.

    None where it cannot be told: of another process, of a cache set up beforehand, or by this system.
    """
    if not method.networks:
        return None
    length = min(length, ensemble.shared_context - MEMORY_TOKENS - LADDER[-1] - 1)
    if length < 1:
        return None
    tokens = (token for ids in cycle(encode_all(prompts, ensemble)) for token in ids)
    prompt = list(islice(tokens, length))
    method.run(prompt, MEMORY_TOKENS)  # libraries set themselves up
    method.run(prompt[:1], 1)  # caches of the run before are let go,
    emptied = without_caches(method)  # ours too, which otherwise keep their buffers for the next prompt
    networks = method.networks
    peak = peak_bytes(lambda: emptied.run(prompt, MEMORY_TOKENS), next(iter(networks.values())).device)
    if peak is None:
        return None
    models = method.ensemble.models if isinstance(method, CascadeMethod) else {}
    in_int8 = {name for name, model in models.items() if isinstance(model, Int8Model)}
    caches = cache_bytes(networks, length + MEMORY_TOKENS, in_int8)
    return {
        "prompt_tokens": length,
        "new_tokens": MEMORY_TOKENS,
        "peak_bytes": peak,
        "cache_bytes": caches,
        "above_cache_bytes": peak - caches,
    }


def _dtype(method: Method, ours: CachedModel, theirs: CachedModel) -> str:
    """Name of the number format that a method runs the target in."""
    if isinstance(method, LlamaCpp):
        return "gguf"  # the file's own blocks
    return dtype_of(ours if isinstance(method, CascadeMethod) else theirs)


def _reference(methods: Sequence[Method]) -> str:
    """Whose tokens the others' are compared with: the target's alone where measured, else the first cascade's."""
    alone = (m.name for m in methods if isinstance(m, CascadeMethod) and not m.cascade.draft)
    return next(alone, methods[0].name)


def without_caches(method: Method) -> Method:
    """The same method, our engine's models with caches that hold nothing yet."""
    if not isinstance(method, CascadeMethod):
        return method
    models = {
        name: model.afresh() if isinstance(model, CachedModel) else model
        for name, model in method.ensemble.models.items()
    }
    return replace(method, ensemble=replace(method.ensemble, models=models))


def _tuning(
    ensemble: Ensemble, prompts: Sequence[Prompt], max_new_tokens: int, journal: Journal | None
) -> Callable[[Sequence[Method]], list[Row]]:
    """Runs methods on the tuning prompts; every round of the search is kept under its number."""
    rounds = count()

    def run(methods: Sequence[Method]) -> list[Row]:
        name = f"tuning {next(rounds)}"
        return list(interleave(methods, ensemble, prompts, max_new_tokens, name, 1, journal))

    return run


def _expected_seconds(
    methods: Sequence[Method], ensemble: Ensemble, prompts: Sequence[Prompt], settings: BenchSettings
) -> dict[str, float]:
    """Seconds of all runs, as far as one prompt tells, if no text ends early."""
    (ids,) = encode_all(prompts[:1], ensemble)
    tokens = min(WARM_UP_TOKENS, settings.max_new_tokens)
    total = 0.0
    for method in methods:
        method.run(ids, tokens)  # libraries set themselves up
        began = time.perf_counter()
        generated = len(method.run(ids, tokens).generation.tokens)
        total += (time.perf_counter() - began) / generated * settings.max_new_tokens
    runs = len(methods) * len(prompts) * settings.repeats
    what = f"{runs} runs ({len(methods)} methods, {len(prompts)} prompts, {settings.repeats} of each)"
    return {f"{what} of up to {settings.max_new_tokens} tokens": total * len(prompts) * settings.repeats}


def _distinct(methods: Iterable[Method]) -> list[Method]:
    return list({identity(method): method for method in methods}.values())


def _demand_room(prompts: Sequence[Prompt], ensemble: Ensemble, max_new_tokens: int, more: int, beside: str) -> None:
    """Refuse a text that, with so many tokens more, would not fit into the context of every model."""
    allowed = ensemble.shared_context - max(map(len, encode_all(prompts, ensemble))) - more
    if max_new_tokens > allowed:
        raise InputError("max_new_tokens", f"got {max_new_tokens}, expected at most {allowed} beside {beside}")


def _bar(methods: Sequence[Method]) -> Iterable[Method]:
    return progress(methods, "memory", "method")
