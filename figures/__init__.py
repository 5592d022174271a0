"""Figures of finished numbers: those of the paper's reproduction, one module each, and plots of a user's own sweep.

Every module draws its data on given axes, and samples and derives nothing. For rows of one's own:

- `sweep` draws EWIF against any parameter of a sweep, with error bands, one line per group;
- `ewif_by_length` draws EWIF against the draft length, the best and all nearly as good marked.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from figures.length_plot import ewif_by_length
    from figures.sweep_plot import sweep

__all__ = ["ewif_by_length", "sweep"]

_HOMES = {"ewif_by_length": "figures.length_plot", "sweep": "figures.sweep_plot"}
"""Module of every public name; Matplotlib loads when one is used."""


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'figures' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
