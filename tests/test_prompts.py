"""From a prompt to token ids: special tokens in the text, doubled first tokens, and chat templates that fail."""

import sys

import pytest
import tiny

from analysis.model import Advice, InputError
from realrun.runs.prompts import Prompt, encode, encode_chat


@pytest.fixture
def tokenizer():
    return tiny.tokenizer()


ENDLESS = "{% for i in range(99999) %}{% for j in range(99999) %}x{% endfor %}{% endfor %}"
SILENT = ENDLESS.replace("x", "")
FAILING = {
    "{{ 1/0 }}": "division by zero",
    "{{ 2 ** 10 ** 10 ** 0.5 * 1.5 ** 99999 }}": "",
    "{% macro f(x) %}{{ f(x) }}{% endmacro %}{{ f(1) }}": "recursion",
    "{{ range(10 ** 9) | list }}": "[Rr]ange",
    "{{ 'x' * 10 ** 10 }}": "takes more than 512 MiB",
    "{{ '%10000000000d' % 1 }}": "",
    "{{ 'x' * (2 * 10 ** 7) }}": "writes over 10000000 characters",
    ENDLESS: "does not end within 2000000 steps",
    SILENT: "does not end within 2000000 steps",
    "{% set ns = namespace(s='xx') %}{% for i in range(90) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}": "512 MiB",
    "{{ raise_exception('a\n\n b') }}": "a b$",
    "{{ messages[0].content.nothing.more }}": "",
    "{% if %}": "",
    "{{ strftime_now(3) }}": "",
}


@pytest.mark.parametrize("template", FAILING, ids=lambda template: template[:40])
def test_a_chat_template_that_fails_in_any_way_is_one_line(tokenizer, template):
    tokenizer.chat_template = template
    with pytest.raises(
        InputError, match=f"^prompt 7: the tokenizer's chat template fails on it: .*{FAILING[template]}"
    ) as caught:
        encode(Prompt(7, "ab"), tokenizer)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300
    tokenizer.chat_template = "{{ messages[0].content }}"
    assert encode(Prompt(7, "ab"), tokenizer) == tokenizer("ab")["input_ids"], "the limits are lifted again"
    assert sys.gettrace() is None


def test_what_writes_nothing_is_refused(tokenizer):
    tokenizer.chat_template = "{# nothing #}"
    with pytest.raises(InputError, match=r"^prompt 7: has no tokens$"):
        encode(Prompt(7, "ab"), tokenizer)


def test_a_template_gives_the_ids_of_transformers(tokenizer):
    tokenizer.chat_template = (
        "{{ bos_token }}{% for m in messages %}{{ m.role[:1] }} {{ m.content }}{{ eos_token }}{% endfor %}"
        "{% if add_generation_prompt %}a {% endif %}"
    )
    chat = [{"role": "system", "content": "be"}, {"role": "user", "content": "ab cd"}]
    expected = tokenizer.apply_chat_template(chat, add_generation_prompt=True, return_dict=True)["input_ids"]
    assert encode_chat(chat, tokenizer, "chat") == expected
    assert expected[0] == 0


def test_a_special_token_in_a_text_is_spoken_of_and_read_as_transformers_does(tokenizer):
    with pytest.warns(Advice, match=r"^prompt 3: holds '</s>': in a text it is read as the special token"):
        assert encode(Prompt(3, "ab</s>c"), tokenizer) == tokenizer("ab</s>c")["input_ids"]
    tokenizer.chat_template = "{{ messages[0].content }}"
    with pytest.warns(Advice, match=r"^prompt 3: holds '<s>', '</s>'"):
        assert tiny.EOS in encode(Prompt(3, "ab</s><s>c"), tokenizer)


def test_a_first_token_that_the_tokenizer_adds_too_is_spoken_of(tokenizer):
    assert encode(Prompt(3, "<s>ab"), tokenizer)[:2] == [0, 2]
    from tokenizers import processors

    tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing("<s> $A", None, [("<s>", 0)])
    assert encode(Prompt(3, "ab"), tokenizer)[:2] == [0, 2]
    with pytest.warns(Advice, match=r"^prompt 3: begins with '<s>', which the tokenizer adds too"):
        assert encode(Prompt(3, "<s>ab"), tokenizer)[:3] == [0, 0, 2]
