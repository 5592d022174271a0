"""Text from elsewhere on a terminal: control characters, which could move its cursor or change its title, are shown."""

from __future__ import annotations

import re

_COMMANDS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def harmless(text: str) -> str:
    r"""The text with control characters as escapes, such as ``\x1b``; tabs and line ends stay.

    So do marks that change the direction of writing, with which a line may read as another one, and halves of
    surrogate pairs, which cannot be written.
    """
    return _COMMANDS.sub(lambda found: found[0].encode("unicode_escape").decode(), text)
