"""Metrics pages in Prometheus' text format, as vLLM, SGLang and llama.cpp serve them at ``/metrics``."""

from __future__ import annotations

from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families

from analysis.model import InputError
from analysis.model.boundary.fields import read_number, shown

_UNREAD = ("_bucket", "_created")


@dataclass(frozen=True)
class MetricsPage:
    """The samples of one engine's page, without buckets of histograms and without times of creation.

    Attributes:
        prefix: Of the engine's names, for example "vllm:"; names are without it.
        samples: (name, labels, value).
    """

    prefix: str
    samples: tuple[tuple[str, dict[str, str], float], ...]

    def total(self, name: str) -> float | None:
        """Sum of a counter over all labels (engines, ranks, reasons); None where the page has no such counter."""
        found = [value for each, _, value in self.samples if each == name]
        return read_number(sum(found), self.prefix + name, 0) if found else None

    def first_total(self, *names: str) -> float | None:
        """`total` of the first of several names that the page has: engines rename their counters."""
        return next((total for name in names if (total := self.total(name)) is not None), None)

    def mean(self, name: str) -> float | None:
        """Mean of a gauge over all labels; None where the page has no such gauge."""
        found = [value for each, _, value in self.samples if each == name]
        return read_number(sum(found) / len(found), self.prefix + name, 0) if found else None

    def by_position(self, name: str) -> tuple[float, ...]:
        """Sums of a counter with the label ``position``, in the order of positions; empty where there is none.

        Raises:
            InputError: where a label is no whole number or a position below the last is missing.
        """
        found: dict[int, float] = {}
        for each, labels, value in self.samples:
            if each == name:
                label = labels.get("position", "")
                if not label.isdecimal():
                    raise InputError(self.prefix + name, f"got the position {shown(label)}, expected 0, 1, 2, ...")
                found[int(label)] = found.get(int(label), 0.0) + value
        if sorted(found) != list(range(len(found))):
            raise InputError(self.prefix + name, f"has positions {sorted(found)}, expected 0, 1, 2, ... without a gap")
        return tuple(found[j] for j in range(len(found)))


def read_page(text: str, prefix: str, label: str, model: str | None = None) -> tuple[MetricsPage, str | None]:
    """The samples of one model of an engine's page.

    Args:
        text: The page.
        prefix: Of the engine's names.
        label: Of the model's name.
        model: Which model, where the page has several.

    Returns:
        The page, and the model's name where the page tells it.

    Raises:
        InputError: where the text is no such page, or more than one, or the model is not there or not the only one.
    """
    samples: list[tuple[str, dict[str, str], float]] = []
    seen: set[tuple[str, frozenset[tuple[str, str]]]] = set()
    try:
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                if sample.name.startswith(prefix) and not sample.name.endswith(_UNREAD):
                    _mark_seen(seen, sample.name, sample.labels)
                    samples.append((sample.name.removeprefix(prefix), dict(sample.labels), float(sample.value)))
    except InputError:
        raise
    except (ValueError, IndexError, KeyError) as error:
        raise InputError("", f"no metrics page in Prometheus' text format: {error}") from None
    models = sorted({labels[label] for _, labels, _ in samples if label in labels})
    if model is None and len(models) > 1:
        raise InputError("model", f"the page has {', '.join(models)}, expected one of them to be asked for")
    if model is not None and model not in models:
        raise InputError("model", f"got {shown(model)}, expected one of {', '.join(models) or 'no model at all'}")
    chosen = model or next(iter(models), None)
    return MetricsPage(prefix, tuple(s for s in samples if s[1].get(label, chosen) == chosen)), chosen


def _mark_seen(seen: set[tuple[str, frozenset[tuple[str, str]]]], name: str, labels: dict[str, str]) -> None:
    """Refuse a sample that stands there twice: of two pages in one file, the sum would count the first one twice."""
    key = (name, frozenset(labels.items()))
    if key in seen:
        raise InputError(name, "is there twice with the same labels, expected one page (--start takes an earlier one)")
    seen.add(key)
