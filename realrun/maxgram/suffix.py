"""Where the end of a growing and shrinking sequence occurred before, at a cost independent of its length."""

from __future__ import annotations

from collections.abc import Sequence


class _Context:
    """A run of tokens read backwards from a position, as a node of the tree.

    Attributes:
        parent: The run without its earliest token; None at the root, the empty run.
        token: The earliest token of the run.
        length: Number of tokens.
        ends: Positions where the run ends, ascending.
        earlier: The runs one token longer, by that token.
    """

    __slots__ = ("earlier", "ends", "length", "parent", "token")

    def __init__(self, parent: _Context | None, token: int, length: int) -> None:
        self.parent = parent
        self.token = token
        self.length = length
        self.ends: list[int] = []
        self.earlier: dict[int, _Context] = {}

    def lengthened(self, token: int) -> _Context:
        """A new run, preceded by one more token."""
        self.earlier[token] = _Context(self, token, self.length + 1)
        return self.earlier[token]


class SuffixIndex:
    """Earlier occurrences of the longest repeated suffix of a token sequence, under appending and removing.

    A tree of the runs of tokens that end at each position, read backwards and cut off at `longest` tokens. A position
    goes down only to the first run that is its own, as in a suffix tree; it goes deeper when a later position shares
    that run. Appending or removing a token takes time proportional to the length of its match plus one, at most
    `longest`, and memory alike, whatever the length of the sequence and however often it is cut back.

    Args:
        longest: Greatest length of a match, in tokens, >= 1.
    """

    def __init__(self, longest: int) -> None:
        self.tokens: list[int] = []
        self._longest = longest
        self._root = _Context(None, -1, 0)
        self._deepest: list[_Context] = []

    def append(self, token: int) -> None:
        """Add a token at the end."""
        position = len(self.tokens)
        self.tokens.append(token)
        run = self._root
        while run.length < min(self._longest, position + 1):
            before = self.tokens[position - run.length]
            shared = run.earlier.get(before)
            if shared is None:
                run = run.lengthened(before)
                run.ends.append(position)
                break
            self._make_room(shared)
            shared.ends.append(position)
            run = shared
        self._deepest.append(run)

    def pop(self) -> None:
        """Remove the last token."""
        self.tokens.pop()
        run: _Context | None = self._deepest.pop()
        while run is not None and run.parent is not None:
            run.ends.pop()
            if not run.ends:
                del run.parent.earlier[run.token]
            run = run.parent

    def longest_match(self) -> tuple[int, Sequence[int]]:
        """The longest suffix of the sequence that occurs earlier in it.

        Returns:
            Its length, and where it ends, ascending: first the earlier positions, at least one, last the sequence's
            own. What followed the occurrence that ends at e is ``tokens[e + 1]``. (0, []) where the last token is new.
        """
        run: _Context | None = self._deepest[-1] if self._deepest else None
        while run is not None and run.parent is not None:
            if len(run.ends) > 1:
                return run.length, run.ends
            run = run.parent
        return 0, []

    def _make_room(self, run: _Context) -> None:
        """Let a position that has a run for itself go one token deeper, for the run is about to be shared."""
        end = run.ends[0]
        if len(run.ends) == 1 and self._deepest[end] is run and run.length < min(self._longest, end + 1):
            deeper = run.lengthened(self.tokens[end - run.length])
            deeper.ends.append(end)
            self._deepest[end] = deeper
