"""Prompts with a right answer: how choices are put to a model, and the tokens that its letters are."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from analysis.model import InputError
from realrun.runs.answers import LETTERS, right_answer
from realrun.runs.prompts import Prompt, encode

if TYPE_CHECKING:  # transformers takes a second
    from transformers import PreTrainedTokenizerBase

CUE = "The answer is ("
"""How the answer begins whose next sign is the letter.

After it SmolLM2 gives the letters .99 of its law together; after the same without a bracket .43.
"""


def posed(prompt: Prompt) -> Prompt:
    """A prompt with its choices in its text, under their letters; others as they are.

    Example:
        >>> print(posed(Prompt(1, "Which is a colour?", choices=("red", "seven"))).text)
        Which is a colour?
        (A) red
        (B) seven
        Answer with the letter of the right choice.
    """
    if not prompt.choices:
        return prompt
    if len(prompt.choices) > len(LETTERS):
        raise InputError(f"prompt {prompt.id}, choices", f"got {len(prompt.choices)}, expected at most {len(LETTERS)}")
    listed = [f"({letter}) {choice}" for letter, choice in zip(LETTERS, prompt.choices, strict=False)]
    return replace(prompt, text="\n".join([prompt.text, *listed, "Answer with the letter of the right choice."]))


def right_answer_of(prompt: Prompt) -> str | None:
    """The right answer as `answer_in` gives it; None of a prompt without one.

    Raises:
        InputError: naming the prompt, where it is no number and none of the choices.
    """
    if prompt.answer is None:
        return None
    try:
        return right_answer(prompt.answer, prompt.choices)
    except InputError as error:
        raise InputError(f"prompt {prompt.id}, {error.field}", error.problem) from None


@dataclass(frozen=True)
class LetterQuestion:
    """A question with choices as a model is asked for the letter alone, by one call.

    Attributes:
        ids: Token ids of the prompt and of the beginning of an answer, up to the letter.
        letters: Token id of the letter of each choice, as it stands after them.
    """

    ids: list[int]
    letters: list[int]

    @classmethod
    def of(cls, prompt: Prompt, tokenizer: PreTrainedTokenizerBase) -> LetterQuestion:
        """Put a prompt's choices, and begin the answer with `CUE`, in a line of its own where there is no chat.

        Raises:
            InputError: where a letter is no token by itself after it, or the same one as another's.
        """
        cue = CUE if tokenizer.chat_template else f"\n{CUE}"
        texts = [f"{cue}{letter}" for letter in LETTERS[: len(prompt.choices)]]
        answers = [list(tokenizer(text, add_special_tokens=False)["input_ids"]) for text in texts]
        shared = answers[0][:-1]
        if any(answer[:-1] != shared for answer in answers) or len({answer[-1] for answer in answers}) < len(answers):
            raise InputError(
                f"prompt {prompt.id}, choices", "their letters are no tokens of this tokenizer, expected one each"
            )
        return cls([*encode(posed(prompt), tokenizer), *shared], [answer[-1] for answer in answers])
