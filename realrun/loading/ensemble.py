"""From the `load` of a specification to models that can draft and review."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase
from transformers.utils import logging

from analysis.model import Cascade, InputError, walk
from realrun.engine.cascade import Drafter
from realrun.loading import drafters, hub
from realrun.loading import transformers_models as networks
from realrun.loading.fingerprint import derived_fingerprint, weights_fingerprint
from realrun.loading.options import MAXGRAM, SKIP, Source
from realrun.loading.transformers_models import DTYPES
from realrun.loading.trial import demand_rollback
from realrun.maxgram.bigram import Bigram, shipped_bigram, tokenizer_fingerprint
from realrun.maxgram.drafter import LONGEST, Match, MaxGram, Variant
from realrun.network.cached_model import CachedModel
from realrun.network.device import device_named
from realrun.network.embedding import embedding_rows
from realrun.network.generation_settings import GenerationSettings
from realrun.network.head import narrow_head
from realrun.network.limits import Limits
from realrun.network.packed import can_pack, pack
from realrun.network.skip import skip_layers
from realrun.runs.prompts import encode, read_prompts, shipped_prompts

__all__ = ["DTYPES", "MAXGRAM", "Ensemble", "load_ensemble", "load_target", "load_tokenizer"]

_SAMPLES, _SAMPLE_TOKENS = 12, 160
_MOST = 1024
"""Greatest `max_match` and `candidates` of Max-Gram: what an index may cost per token."""


@dataclass(frozen=True)
class Ensemble:
    """The models of one cascade, ready to run.

    Attributes:
        models: Every model that the draft uses, and the target, by name.
        tokenizer: The target's.
        context: Greatest number of tokens, prompt and text, that the target can hold after some prompt.
        eos: Ids that end the target's text.
        settings: The target's generation settings, which its models apply; None for none.
        limits: How many tokens the target can hold, which may depend on the prompt.
        fingerprints: By name of each of the models, what changes with its weights, tokenizer or chat template (see
            `realrun.loading.fingerprint`), and with whatever else it is made of.
    """

    models: dict[str, Drafter]
    tokenizer: PreTrainedTokenizerBase
    context: int
    eos: frozenset[int]
    settings: GenerationSettings | None = None
    limits: Limits = field(default_factory=Limits)
    fingerprints: Mapping[str, str] = field(default_factory=dict)

    @property
    def shared_context(self) -> int:
        """Greatest number of tokens that every model can hold after any prompt, for programs that mind no limits."""
        return min(model.context for model in self.models.values() if isinstance(model, CachedModel))

    @property
    def target(self) -> CachedModel:
        """The target."""
        return self.neural(next(iter(self.models)))

    def neural(self, name: str) -> CachedModel:
        """The model of a name that is known to be none of Max-Gram's."""
        model = self.models[name]
        assert isinstance(model, CachedModel)
        return model

    def demand_room(self, where: str, prompt: Sequence[int]) -> None:
        """Refuse a prompt that leaves no room for a text, or holds a token that the target can't read.

        Raises:
            InputError: naming the place of the prompt and what is wrong.
        """
        problem = self.limits.problem(len(prompt))
        if problem is not None:
            raise InputError(where, problem)
        rows = self.target.vocabulary
        if max(prompt) >= rows:
            token = self.tokenizer.convert_ids_to_tokens(max(prompt))
            raise InputError(
                where, f"has the token {token!r}, id {max(prompt)}, expected ids below the target's {rows} embeddings"
            )

    def only(self, cascade: Cascade) -> dict[str, Drafter]:
        """The models that a cascade uses, of those loaded."""
        used = {cascade.target, *(step.by for _, _, step in walk(cascade.draft, cascade.target))}
        return {name: model for name, model in self.models.items() if name in used}


def load_ensemble(cascade: Cascade, dtype: torch.dtype, device: str = "cpu") -> Ensemble:
    """Load the target and every model that the draft uses.

    Args:
        cascade: The specification; each of these models needs a `load` (see `realrun.loading.options`).
        dtype: Of the weights of neural models whose `load` does not say; `torch.int8` to run them in 8-bit integers.
        device: Where all neural models run: cpu, cuda or cuda:N.

    Raises:
        InputError: where a model is unknown or unfit, naming it and the reason.
    """
    logging.disable_progress_bar()
    place = device_named(device)
    hub.show_downloads()
    source = Source.of(cascade, cascade.target)
    source.demand_neural()
    if "head" in source.options:
        raise InputError(f"{source.field}.head", "an option of drafters, the target needs its whole output layer")
    network = networks.load_network(source, dtype, place)
    tokenizer = networks.load_tokenizer(source)
    vocabulary = tokenizer.get_vocab()
    networks.tell_unreadable(source, network, tokenizer)
    fingerprint = tokenizer_fingerprint(vocabulary)
    in_int8 = networks.wants_int8(source, dtype)
    texts = _sample_texts(tokenizer) if _any_int8(cascade, dtype) else []
    target: CachedModel = networks.quantised(source, network, texts) if in_int8 else networks.cached(network)
    models: dict[str, Drafter] = {cascade.target: target}
    packable = [network] if source.flag("packed", True) and not in_int8 else []
    for by, drafter in _drafters(cascade):
        if drafter.name == MAXGRAM:
            models[by] = _max_gram(drafter, fingerprint)
            continue
        distilled = drafters.folder_of(drafter)
        if distilled is not None:
            models[by] = small = drafters.load_distilled(drafter, distilled, network, fingerprint, dtype, texts)
            packable += [small.network] if drafters.wants_packing(drafter, small) else []
            continue
        if SKIP.fullmatch(drafter.name):
            smaller = _skipping(drafter, network)
            demand_rollback(drafter, networks.cached(smaller))
            packs = bool(packable) and packable[0] is network
        else:
            smaller = networks.load_network(drafter, dtype, place)
            own = networks.load_tokenizer(drafter)
            _demand_vocabulary(drafter, own.get_vocab(), vocabulary)
            networks.tell_unreadable(drafter, smaller, own)
            packs = drafter.flag("packed", True)
        columns = _narrowed(drafter, smaller)
        if networks.wants_int8(drafter, dtype):
            models[by] = networks.quantised(drafter, smaller, texts, columns)
            continue
        models[by] = networks.cached(smaller, columns)
        packable += [smaller] if packs else []
    pack([network for network in packable if can_pack(network)])
    settings = GenerationSettings.of(network, tokenizer, source.field)
    for model in models.values():
        if isinstance(model, CachedModel) and settings.applied:
            model.settings = settings
    limits, prints = target.limits, _fingerprints(cascade, fingerprint, dtype)
    return Ensemble(models, tokenizer, limits.most, settings.eos, settings, limits, prints)


def _fingerprints(cascade: Cascade, vocabulary: str, dtype: torch.dtype) -> dict[str, str]:
    """Fingerprint of the target and of every model that the draft uses, by name; of drafters made of it, with it."""
    whole = Source.of(cascade, cascade.target)
    target = networks.fingerprint_of(whole)
    found = {cascade.target: networks.fingerprint_as_run(target, networks.wants_int8(whole, dtype))}
    for by, source in _drafters(cascade):
        distilled = drafters.folder_of(source)
        if source.name == MAXGRAM:
            bigram = source.options.get("bigram")
            parts = [vocabulary, *([weights_fingerprint(bigram)] if isinstance(bigram, str) else [])]
        elif distilled is not None:
            parts = [target, weights_fingerprint(distilled)]
        elif SKIP.fullmatch(source.name):
            parts = [target, source.name]
        else:
            parts = []
        own = derived_fingerprint(*parts, **source.options) if parts else networks.fingerprint_of(source)
        in_int8 = source.name != MAXGRAM and networks.wants_int8(source, dtype)
        found[by] = networks.fingerprint_as_run(own, in_int8)
    return found


def _any_int8(cascade: Cascade, dtype: torch.dtype) -> bool:
    """Whether any model of a cascade is to be run in 8-bit integers."""
    neural = [source for _, source in _drafters(cascade) if source.name != MAXGRAM]
    return any(networks.wants_int8(source, dtype) for source in (Source.of(cascade, cascade.target), *neural))


def _sample_texts(tokenizer: PreTrainedTokenizerBase) -> list[list[int]]:
    """Token ids of some of the prompts that come with the package, in which models show their outliers."""
    prompts = read_prompts(shipped_prompts())[:_SAMPLES]
    try:
        encoded = [encode(prompt, tokenizer) for prompt in prompts]
    except InputError:  # of a chat template: whoever renders a chat is told
        encoded = [list(tokenizer(prompt.text)["input_ids"]) for prompt in prompts]
    return [ids[:_SAMPLE_TOKENS] for ids in encoded if ids]


def load_tokenizer(target: str) -> PreTrainedTokenizerBase:
    """Load the tokenizer of a target that --target names."""
    hub.show_downloads()
    return networks.load_tokenizer(Source.of_target("target", target))


def load_target(
    option: str, load: str, dtype: torch.dtype, device: str
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Load a target by itself, not packed, and its tokenizer, of which it must know every token.

    Args:
        option: The command-line option that names it.
        load: A known name, a folder or a hub id.
        dtype: Of its weights.
        device: cpu, cuda or cuda:N.
    """
    logging.disable_progress_bar()
    place = device_named(device)
    hub.show_downloads()
    source = Source.of_target(option, load)
    network, tokenizer = networks.load_network(source, dtype, place), networks.load_tokenizer(source)
    rows, pieces = embedding_rows(network), 1 + max(tokenizer.get_vocab().values())
    if rows < pieces:
        raise source.reject(f"has an embedding of {rows} rows, expected at least {pieces} for its tokenizer")
    return network, tokenizer


def _drafters(cascade: Cascade) -> Iterator[tuple[str, Source]]:
    """Every model that the draft uses and that is not the target, once."""
    seen = {cascade.target}
    for path, _, step in walk(cascade.draft, cascade.target):
        source = Source.of(cascade, step.by)
        if source.name == MAXGRAM and not step.is_leaf:
            raise InputError(f"{path}.by", f"{step.by!r} is Max-Gram, which cannot review an inner draft")
        if step.by not in seen:
            seen.add(step.by)
            yield step.by, source


def _demand_vocabulary(source: Source, found: Mapping[str, int], expected: Mapping[str, int]) -> None:
    if found == expected:
        return
    odd = next(piece for piece in (*expected, *found) if found.get(piece) != expected.get(piece))
    raise source.reject(
        f"has a vocabulary different from the target's, expected the same tokenizer ({len(found)} pieces against "
        f"{len(expected)}; {odd!r} is {found.get(odd, 'none')} here and {expected.get(odd, 'none')} there)"
    )


def _max_gram(source: Source, fingerprint: str) -> MaxGram:
    source.only("match", "min_match", "max_match", "candidates", "bigram", "variant")
    variant: Variant = source.choice("variant", ("ours", "authors"), "ours")
    match: Match = source.choice("match", ("recent", "leftmost"), "leftmost" if variant == "authors" else "recent")
    if variant == "authors" and match != "leftmost":
        raise InputError(f"{source.field}.match", f"got {match!r}, expected leftmost with the authors' variant")
    least = source.whole("min_match", 1, _MOST, 1)
    return MaxGram(
        _bigram(source, fingerprint),
        match,
        min_match=least,
        max_match=source.whole("max_match", least, _MOST, max(least, LONGEST)),
        candidates=source.whole("candidates", 1, _MOST, 1),
        variant=variant,
    )


def _bigram(source: Source, fingerprint: str) -> Bigram | None:
    if "bigram" not in source.options:
        return shipped_bigram(fingerprint)
    file = source.options["bigram"]
    if file is None:
        return None
    if not isinstance(file, str):
        raise InputError(f"{source.field}.bigram", f"got {file!r}, expected a file name or null")
    table = Bigram.load(Path(file))
    if table.tokenizer != fingerprint:
        raise InputError(f"{source.field}.bigram", f"{file!r} was learnt with another tokenizer than the target's")
    return table


def _skipping(source: Source, target: PreTrainedModel) -> PreTrainedModel:
    source.only("layers", "head", "weights")
    match = SKIP.fullmatch(source.name)
    assert match
    if target.config.is_encoder_decoder:
        raise source.reject("needs a decoder-only target")
    kept, total = int(match[1]), target.config.num_hidden_layers
    if not 1 <= kept < total:
        raise source.reject(f"keeps {kept} layers, expected a whole number in 1..{total - 1}")
    layers = source.distinct("layers", kept, total - 1)
    try:
        return skip_layers(target, kept, layers)
    except InputError as error:
        raise InputError(source.field, error.problem) from None


def _narrowed(source: Source, network: PreTrainedModel) -> torch.Tensor | None:
    """Token ids of the output columns, where the source wants fewer of them."""
    if "head" not in source.options:
        return None
    columns = network.get_output_embeddings().out_features
    return narrow_head(network, source.whole("head", 1, columns, columns))
