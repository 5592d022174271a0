"""Is a text's answer the right one? Rules that find a number or the letter of a choice in free text.

A number is looked for in three places, the first that has one counts:

1. after the last ``#### `` that a number follows (GSM8K's own mark; a heading such as ``#### 2. Then`` is none);
2. in the last ``\\boxed{...}``, the last number in it;
3. in the whole text, the last number.

It may have a sign, a currency, commas between groups of three digits, decimals, an exponent, a unit or a percent sign
behind it, and may be a fraction; 5-3 and 5 - 3 end in 3, and digits after letters (H2O) are no number. Numbers are
compared by value: 18, 18.00 and $18 are one, 50% is 50.

The letter of a choice is looked for in four places:

1. in the last ``\\boxed{...}``;
2. after the last "answer", "option" or "choice" that a letter follows ("The answer is C.", "Answer: (c)");
3. at the beginning, alone or before a mark ("B", "B) because", "**(B)**");
4. in brackets anywhere ("so (B) it is"), where all such letters are the same one.

A letter without brackets must be a capital one, so that the article "a" is no answer; anything else is no answer.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction

from analysis.model import InputError

LETTERS = "ABCDEFGHIJ"
"""Of choices, in order."""

_DIGITS = r"(?:[0-9]{1,3}(?:,[0-9]{3})+(?![0-9])|[0-9]+)"
_NUMBER = re.compile(
    r"(?<!\w)(?<![0-9]\.)"  # no digits of a word, and no second part of a number
    r"(?:(?<![\w)\]}])(?P<sign>[-+]))?"
    r"(?:[$€£¥]\s?)?"
    rf"(?P<value>(?:{_DIGITS}(?:\.[0-9]+)?|(?<!\.)\.[0-9]+)(?:[eE][-+]?[0-9]{{1,2}}(?![\w]))?)"
    rf"(?:/(?P<divisor>{_DIGITS})(?![\w/]))?"
)
_MARK = re.compile(r"####[ \t]*(?P<rest>[^\n]*)")
_HEADING = re.compile(r"\s*[.):]\s*[^\s*]")
_FRACTION = re.compile(r"\\[dt]?frac\s*\{([^{}]*)\}\s*\{([^{}]*)\}")
_SPELLINGS = (
    (r"\$", "$"),
    (r"\%", "%"),
    ("{,}", ","),
    (r"\,", ","),
    ("\u2212", "-"),
    ("\u2013", "-"),
    ("**", " "),
    ("$-", "-$"),
)
_MOST_DIGITS = 100
_BOXED = "\\boxed{"


def is_right(text: str, answer: object, choices: Sequence[str] = ()) -> bool:
    """Whether a text gives the answer.

    Args:
        text: What was written.
        answer: The right one: a number, or text with one; of choices the letter, the index from 0, or the choice.
        choices: What there was to choose from; empty where a number is asked for.

    Raises:
        InputError: where the answer is no such thing.

    Example:
        >>> is_right("She has 12 left, so she makes 12 * $1.50 = $18.00 a day.", "18")
        True
        >>> is_right("The answer is (B).", "C", ["red", "green", "blue"])
        False
    """
    return answer_in(text, choices) == right_answer(answer, choices)


def answer_in(text: str, choices: Sequence[str] = ()) -> str | None:
    """The answer that a text gives, a number as text (a whole one without decimals) or a letter; None for none."""
    if choices:
        return letter_in(text, LETTERS[: len(choices)])
    value = number_in(text)
    return None if value is None else str(value)


def right_answer(answer: object, choices: Sequence[str] = ()) -> str:
    """The right answer as `answer_in` gives it.

    Raises:
        InputError: where it is no number, or none of the choices.
    """
    if not choices:
        value = (
            number_in(str(answer)) if isinstance(answer, (str, int, float)) and not isinstance(answer, bool) else None
        )
        if value is None:
            raise InputError("answer", f"got {answer!r}, expected a number, or `choices` beside it")
        return str(value)
    letters = LETTERS[: len(choices)]
    if type(answer) is int and 0 <= answer < len(letters):
        return letters[answer]
    if isinstance(answer, str):
        if len(answer.strip()) == 1 and answer.strip().upper() in letters:
            return answer.strip().upper()
        if list(choices).count(answer) == 1:
            return letters[list(choices).index(answer)]
    raise InputError(
        "answer", f"got {answer!r}, expected a letter in A..{letters[-1]}, an index, or one of the choices"
    )


def number_in(text: str) -> Fraction | None:
    """The number that a text gives as its answer; None where it has none.

    Example:
        >>> number_in("5 + 3 = 8, and half of that is 4.0 apples.")
        Fraction(4, 1)
    """
    text = _FRACTION.sub(r"\1/\2", text)
    for written, plain in _SPELLINGS:
        text = text.replace(written, plain)
    for mark in reversed(list(_MARK.finditer(text))):
        found = _NUMBER.match(mark["rest"])
        if found and not _HEADING.match(mark["rest"], found.end()):
            return _value(found)
    for part in (_boxed(text), text):
        values = [_value(found) for found in _NUMBER.finditer(part)]
        if values:
            return values[-1]
    return None


def letter_in(text: str, letters: str = LETTERS[:4]) -> str | None:
    """The letter of a choice that a text gives as its answer; None where it gives none.

    Args:
        text: What was written.
        letters: Of the choices, capital ones.

    Example:
        >>> letter_in("A good guess is (B), so the answer is **B**.")
        'B'
    """
    text = text.replace("*", "").replace("$", "")
    any_case, capital = f"[{letters}{letters.lower()}]", f"[{letters}]"
    one = rf"(?:\(({any_case})\)|({any_case})\)|({capital})(?![\w'\u2019]))"
    alone = re.compile(rf"\s*(?:\(({any_case})\)|({any_case})\)|({capital})(?=\s*(?:$|[.:,\n])))")
    boxed = alone.match(re.sub(r"\\text\w*\{([^{}]*)\}", r"\1", _boxed(text)))
    said = list(
        re.finditer(rf"(?i:\b(?:answer|option|choice)\b(?:\s+is\b)?)\s*:?\s*(?i:option\s+|choice\s+)?{one}", text)
    )
    first = alone.match(text)
    for found in (boxed, said[-1] if said else None, first):
        if found:
            return next(group for group in found.groups() if group).upper()
    bracketed = {found.upper() for found in re.findall(rf"\(({any_case})\)", text)}
    return bracketed.pop() if len(bracketed) == 1 else None


def _boxed(text: str) -> str:
    """What the last box of a text holds; nothing where there is none."""
    start = text.rfind(_BOXED)
    if start < 0:
        return ""
    start += len(_BOXED)
    depth = 1
    for i in range(start, len(text)):
        depth += {"{": 1, "}": -1}.get(text[i], 0)
        if depth == 0:
            return text[start:i]
    return text[start:]


def _value(found: re.Match[str]) -> Fraction | None:
    """The value of a number; None where it has more digits than any answer."""
    if len(found["value"]) > _MOST_DIGITS or len(found["divisor"] or "") > _MOST_DIGITS:
        return None
    value = Fraction(found["value"].replace(",", ""))
    divisor = int((found["divisor"] or "1").replace(",", ""))
    return (-1 if found["sign"] == "-" else 1) * (value / divisor if divisor else value)
