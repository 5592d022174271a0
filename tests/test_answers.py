"""Which answer a text gives: numbers and letters in all the spellings that models use, and what is none."""

from fractions import Fraction

import pytest

from analysis.model import InputError
from realrun.runs.answers import answer_in, is_right, letter_in, number_in, right_answer

NUMBERS = {
    "18": 18,
    "The answer is 18.": 18,
    "16 - 3 - 4 = 9, and 9 * $2 = $18 a day": 18,
    "#### 18": 18,
    "#### 18\nShe has 3 left.": 18,
    "#### 2\n#### 18": 18,
    "####18 dollars": 18,
    "#### $1,800.50": Fraction("1800.5"),
    "#### 1. First\n9 eggs\n#### 2. Then\nso 18": 18,
    "#### 2) Then\nso 18": 18,
    "#### 18.": 18,
    "#### Step\n\n7 of them": 7,
    r"so \boxed{18} in 2 steps": 18,
    r"\boxed{3} and then \boxed{x = 18} of 5": 18,
    r"\boxed{\text{about } 18 \text{ eggs}} in 2 days": 18,
    r"\boxed{\frac{3}{4}}": Fraction(3, 4),
    r"\boxed{\$70{,}000}": 70000,
    r"\boxed{} or 4": 4,
    r"\boxed{18": 18,
    "1,234,567 in all": 1234567,
    "2,125": 2125,
    "3, 4": 4,
    "1,2345": 2345,
    "in 1999, 12 eggs": 12,
    "-5": -5,
    "a loss of -$5": -5,
    "a loss of $-5": -5,
    "it falls to \u22127 degrees": -7,
    "+3": 3,
    "5-3": 3,
    "10\u201320 eggs": 20,
    "5 - 3": 3,
    "(5)-3": 3,
    "(-3)": -3,
    "$ 12": 12,
    "€12": 12,
    "12€": 12,
    "3.50": Fraction(7, 2),
    ".5": Fraction(1, 2),
    "0.5.": Fraction(1, 2),
    "50%": 50,
    "5kg": 5,
    "on the 3rd": 3,
    "20 mph": 20,
    "**18**": 18,
    "**18.**": 18,
    "3/4 of it": Fraction(3, 4),
    "8/0": 8,
    "of H2O": None,
    "18 g of H2O": 18,
    "1e3": 1000,
    "1.5e-2": Fraction(15, 1000),
    "no number": None,
    "": None,
    "eighteen": None,
    "9" * 5000: None,
    "3:30": 30,
    "so...5": 5,
    "done.5 eggs": 5,
    "3,4": 4,
    "2,1255": 1255,
    "1.2.3": Fraction(6, 5),
}


@pytest.mark.parametrize("text", NUMBERS, ids=lambda text: text[:30])
def test_the_number_that_a_text_gives(text):
    assert number_in(text) == NUMBERS[text]


LETTERS = {
    "B": "B",
    "B.": "B",
    "B)": "B",
    "(B)": "B",
    "(b)": "B",
    "b) because": "B",
    "B: because": "B",
    " B\nA is wrong": "B",
    "**B**": "B",
    "**(B)** because (A) is not": "B",
    "The answer is C.": "C",
    "the answer is C": "C",
    "The answer is (c), not (A).": "C",
    "The answer is c) 5": "C",
    "The correct answer is: **D**": "D",
    "Answer: B": "B",
    "ANSWER: (B)": "B",
    "The answer is option C.": "C",
    "I choose option B": "B",
    "The correct choice is A": "A",
    "The answer is B. No, the answer is C.": "C",
    "B. The answer is C": "C",
    r"\boxed{C}": "C",
    r"the answer is B, or \boxed{\text{C}}": "C",
    r"\boxed{(C)}": "C",
    r"$\boxed{C}$": "C",
    "so (B) it is, yes (B)": "B",
    "either (A) or (B)": None,
    "The answer is a good idea": None,
    "The answer is A's": None,
    "A good idea": None,
    "I think so": None,
    "The answer is not B": None,
    "The answer is Berlin": None,
    "The answer is E": None,
    "(E)": None,
    "b": None,
    "": None,
    "Apples": None,
    "answers B": None,
}


@pytest.mark.parametrize("text", LETTERS)
def test_the_letter_that_a_text_gives(text):
    assert letter_in(text) == LETTERS[text]


def test_letters_are_those_of_the_choices():
    assert letter_in("(E)", "ABCDE") == "E"
    assert answer_in("(C)", ["no", "yes"]) is None
    assert answer_in("(B) 7", ["no", "yes"]) == "B"
    assert answer_in("(B) 7") == "7"


@pytest.mark.parametrize(
    ("answer", "choices", "right"),
    [
        ("18", (), "18"),
        ("2,125", (), "2125"),
        (18, (), "18"),
        (2.5, (), "5/2"),
        ("9 * 2 = 18\n#### 18", (), "18"),
        ("B", ("x", "y"), "B"),
        (" b", ("x", "y"), "B"),
        (1, ("x", "y"), "B"),
        ("y", ("x", "y"), "B"),
        ("4", ("3", "4"), "B"),
    ],
)
def test_the_right_answer_may_be_given_in_several_ways(answer, choices, right):
    assert right_answer(answer, choices) == right


@pytest.mark.parametrize(
    ("answer", "choices"),
    [("many", ()), (None, ()), (True, ()), ("C", ("x", "y")), (2, ("x", "y")), (-1, ("x", "y")), ("x", ("x", "x"))],
)
def test_an_answer_that_is_none_is_refused(answer, choices):
    with pytest.raises(InputError, match=r"^answer: got "):
        right_answer(answer, choices)


def test_numbers_are_compared_by_value_and_letters_by_letter():
    assert is_right("It is $18.00", "18")
    assert is_right("It is 1,800", 1800)
    assert not is_right("It is 18, or 17", "18")
    assert not is_right("None", "18")
    assert is_right("Answer: B", 1, ["x", "y"])
    assert not is_right("Answer: A", 1, ["x", "y"])
    assert not is_right("I do not know", 1, ["x", "y"])
