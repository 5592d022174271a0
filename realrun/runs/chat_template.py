"""Chat templates of tokenizers from elsewhere: programs that may fail in any way, loop, or write without end."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from types import FrameType
from typing import TYPE_CHECKING, Any

from analysis.model import InputError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_STEPS = 2 * 10**6
"""Lines of a template that may be run; templates of real models run some hundred a turn."""

_BYTES = 2**29
"""Memory that it may take beside what is taken already."""

_CHARACTERS = 10**7
"""Characters that it may write."""

_SHOWN = 200


class _EndlessError(Exception):
    """A template has run more lines than it may."""


def render_chat(chat: Sequence[Mapping[str, str]], tokenizer: PreTrainedTokenizerBase, where: str) -> str:
    """The turns of a chat in the tokenizer's template, up to where the answer begins.

    Args:
        chat: Turns with `role` and `content`.
        tokenizer: With a template.
        where: What to call the chat in a message.

    Raises:
        InputError: where the template refuses them, fails, or does not come to an end.
    """
    messages = [dict(message) for message in chat]
    try:
        with _limited():
            text = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
    except Exception as error:  # a program of somebody else's: anything may come
        problem = " ".join(str(error).split()) or type(error).__name__
        if isinstance(error, MemoryError):
            problem = f"it takes more than {_BYTES >> 20} MiB"
        raise InputError(where, f"the tokenizer's chat template fails on it: {problem[:_SHOWN]}") from None
    if not isinstance(text, str) or len(text) > _CHARACTERS:
        raise InputError(where, f"the tokenizer's chat template fails on it: it writes over {_CHARACTERS} characters")
    return text


@contextlib.contextmanager
def _limited() -> Iterator[None]:
    """End a template in the block that runs too many lines or takes too much memory."""
    steps = 0

    def count(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal steps
        if frame.f_code.co_filename != "<template>":
            return None
        steps += 1
        if steps > _STEPS:
            raise _EndlessError(f"it does not end within {_STEPS} steps")
        return count

    before = sys.gettrace()
    with _limited_memory():
        sys.settrace(count)
        try:
            yield
        finally:
            sys.settrace(before)


@contextlib.contextmanager
def _limited_memory() -> Iterator[None]:
    """Have allocations in the block fail that go far beyond what is taken; on Linux, which says how much that is."""
    taken = _taken_bytes()
    if sys.platform == "win32" or taken is None:
        yield
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    limit = taken + _BYTES if soft == resource.RLIM_INFINITY else min(soft, taken + _BYTES)
    resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def _taken_bytes() -> int | None:
    """Address space of this process; None where it is not told or cannot be limited."""
    if sys.platform == "win32":
        return None
    import resource

    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[0]) * resource.getpagesize()
    except (OSError, ValueError):
        return None
