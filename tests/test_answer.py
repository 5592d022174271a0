"""``python -m realrun generate --prompt``: the answer on the terminal in its makers' colours, and the page."""

import io
import json
import re
from functools import partial
from html.parser import HTMLParser

import pytest
import tiny
from command_line import run_realrun

from analysis.model import harmless
from realrun import generate, load
from realrun.commands.picture import Picture, wants_colour
from realrun.engine.pieces import Piece
from realrun.engine.record import Origin

DRAFT = [{"by": "a", "rounds": 1, "draft": [{"by": "mag", "tokens": 3}]}, {"by": "mag", "tokens": 3}]
PROMPT = "hello hello he"
ESCAPES = re.compile("\x1b\\[[0-9;]*m")


@pytest.fixture
def run(monkeypatch, capfd):
    """Runs ``python -m realrun``."""
    return partial(run_realrun, capfd, monkeypatch)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    folder = tmp_path_factory.mktemp("answer")
    return tiny.save(folder / "target"), tiny.save(folder / "drafter", seed=1)


@pytest.fixture
def spec(tmp_path, folders):
    loads = {"t": folders[0], "a": folders[1], "mag": "maxgram"}
    models = {name: {"load": how} for name, how in loads.items()}
    file = tmp_path / "c.json"
    file.write_text(json.dumps({"target": "t", "models": models, "draft": DRAFT}))
    return file


def test_a_file_or_pipe_gets_the_bare_text_and_stderr_who_made_it(run, spec):
    expected = generate(load(str(spec)), PROMPT, 24)
    result = run("generate", spec, "--prompt", PROMPT, "--max-new-tokens", 24)
    assert result.returncode == 0, result.stderr
    assert result.stdout == expected.text + "\n"
    makers, numbers = result.stderr.splitlines()[-2:]
    counts = [int(part.rpartition(" ")[2]) for part in makers.split(", ")]
    assert sum(counts) == len(expected.tokens)
    assert numbers.startswith(f"{len(expected.tokens)} tokens in ")
    assert "\x1b" not in result.stdout + result.stderr


def test_on_a_terminal_every_token_has_the_colour_of_its_maker(run, monkeypatch, spec):
    monkeypatch.setattr("realrun.commands.answer.wants_colour", lambda stream: True)
    expected = generate(load(str(spec)), PROMPT, 60)
    result = run("generate", spec, "--prompt", PROMPT, "--max-new-tokens", 60)
    picture = Picture("t", ["a", "mag"])
    assert result.stdout == "".join(map(picture.painted, expected.pieces)) + "\n"
    assert ESCAPES.sub("", result.stdout) == expected.text + "\n"
    codes = {
        (piece.origin.by, piece.origin.kind if piece.origin.by == "t" else ""): picture.painted(piece)[:5]
        for piece in expected.pieces
        if piece.text
    }
    assert len({*codes.values()}) == len(codes) > 2


@pytest.mark.parametrize(
    ("terminal", "environment", "wanted"),
    [
        (True, {}, True),
        (False, {}, False),
        (True, {"NO_COLOR": "1"}, False),
        (True, {"NO_COLOR": ""}, True),
        (True, {"TERM": "dumb"}, False),
    ],
)
def test_colours_are_for_terminals_that_want_them(monkeypatch, terminal, environment, wanted):
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    stream = io.StringIO()
    stream.isatty = lambda: terminal
    assert wants_colour(stream) is wanted


class Reader(HTMLParser):
    """Text and tooltips of the spans of a page, and everything that it would fetch or run."""

    def __init__(self, page):
        super().__init__()
        self.spans, self.fetched, self._open = [], [], False
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if tag in ("script", "link", "img", "iframe") or {"src", "href", "onclick"} & attrs.keys():
            self.fetched.append(tag)
        if tag == "span" and "title" in attrs:
            self.spans.append([attrs["title"], attrs["class"], ""])
            self._open = True

    def handle_endtag(self, tag):
        self._open = False

    def handle_data(self, data):
        if self._open:
            self.spans[-1][2] += data


def test_the_page_holds_the_text_and_tells_of_every_token(run, spec, tmp_path):
    page = tmp_path / "page.html"
    expected = generate(load(str(spec)), PROMPT, 24)
    result = run("generate", spec, "--prompt", PROMPT, "--max-new-tokens", 24, "--trace-html", page)
    assert result.returncode == 0, result.stderr
    text = page.read_text(encoding="utf-8")
    read = Reader(text)
    assert not read.fetched
    assert "http" not in text
    assert "url(" not in text
    assert "".join(shown for _, kind, shown in read.spans if "none" not in kind) == expected.text
    assert len(read.spans) == len(expected.tokens)
    for (title, _, _), piece in zip(read.spans, expected.pieces, strict=True):
        assert title.startswith(f"{piece.origin.by}: ")
        assert title.endswith(f"; cycle {piece.cycle}; token {piece.token}")
        assert ("accepted by" in title) == (piece.origin.by != "t")
    assert PROMPT in text


def test_text_and_names_cannot_break_out_of_the_page_or_reach_the_terminal():
    evil = "</span><script>alert(1)</script>\x1b]0;title\x07\u202e&\"'"
    picture = Picture("t", [evil])
    pieces = [Piece(evil, 3, Origin(evil, "draft", ("t",)), 1), Piece("", 4, Origin("t", "correction"), 1)]
    page = picture.page("A page", evil, pieces, evil)
    assert not Reader(page).fetched
    assert "<script" not in page
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", page)
    assert Reader(page).spans[0][2] == harmless(evil)
    for shown in (picture.painted(pieces[0]), picture.legend(pieces, coloured=False)):
        assert "\x1b]" not in shown
        assert "\u202e" not in shown
        assert "\\x1b]0;title\\x07\\u202e" in shown


@pytest.mark.parametrize("text", ["plain\n\ttext é 你好 👍", "", "a\u200db"])
def test_harmless_text_stays_as_it_is(text):
    assert harmless(text) == text


def test_errors_and_warnings_do_not_drive_the_terminal(run, spec, tmp_path):
    prompts = tmp_path / "p.jsonl"
    prompts.write_text(json.dumps({"id": "\x1b[2J\x9b1m", "prompt": "a" * 128}))
    result = run("generate", spec, "--prompts", prompts, "--out", tmp_path / "o.jsonl")
    assert result.returncode == 2
    assert "error: prompt \\x1b[2J\\x9b1m: has 128 tokens" in result.stderr


def test_what_to_load_stands_for_a_cascade_that_copies(run, folders):
    expected = generate(load(folders[0]), PROMPT, 24).text
    result = run("generate", folders[0], "--prompt", PROMPT, "--max-new-tokens", 24)
    assert result.returncode == 0, result.stderr
    assert result.stdout == expected + "\n"
    assert "copy " in result.stderr.splitlines()[-2]
    alone = run("generate", folders[0], "--prompt", PROMPT, "--max-new-tokens", 24, "--method", "autoregressive")
    assert alone.stdout == result.stdout
    assert alone.stderr.splitlines()[-2] == "target alone 24"


def test_samples_and_stops_are_those_of_the_same_options(run, spec):
    options = {"temperature": 1.0, "top_k": 9, "seed": 4}
    expected = generate(load(str(spec)), PROMPT, 24, stop="e", verification="block", **options)
    listed = [part for key, value in options.items() for part in (f"--{key.replace('_', '-')}", value)]
    more = (*listed, "--stop", "e", "--verification", "block")
    result = run("generate", spec, "--prompt", PROMPT, "--max-new-tokens", 24, *more)
    assert result.stdout == expected.text + "\n"


def test_a_prompt_with_a_file_for_its_row_is_a_run_of_one(run, spec, tmp_path):
    out = tmp_path / "o.jsonl"
    result = run("generate", spec, "--prompt", PROMPT, "--max-new-tokens", 5, "--out", out)
    assert result.returncode == 0, result.stderr
    (row,) = map(json.loads, out.read_text().splitlines())
    assert row["id"] == "prompt"
    assert row["tokens"] == generate(load(str(spec)), PROMPT, 5).tokens


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "--out: missing, expected where the rows go (or --prompt TEXT"),
        (["--trace-html", "x.html", "--out", "o"], "--trace-html: given without --prompt"),
        (["--prompt", "a", "--trace-html", "x.html", "--out", "o"], "--trace-html: given beside --out"),
        (["--prompt", "a", "--prompts", "p"], "--prompts: given beside --prompt"),
        (["--prompt", "a", "--trace"], "--trace: given without --out"),
        (["--prompt", ""], "--prompt: got '', expected a text that is not empty"),
        (["--prompt", "a", "--trace-html", "/nowhere/x.html"], "/nowhere/x.html: the folder /nowhere does not exist"),
        (["--prompt", "a" * 200], "prompt: has 200 tokens, expected fewer than the context of 128"),
    ],
)
def test_options_that_do_not_go_together_are_refused(run, spec, options, message):
    result = run("generate", spec, *options)
    assert result.returncode == 2
    assert f"error: {message}" in result.stderr.splitlines()[-1]
    assert result.stdout == ""


@pytest.mark.parametrize("name", ["gen.jsn", "none.json"])
def test_a_specification_that_is_not_there_is_named(run, name):
    result = run("generate", name, "--prompt", "a")
    assert result.returncode == 2
    assert name in result.stderr
    assert "no such file" in result.stderr


@pytest.mark.parametrize("command", ["bench", "lossless", "generate"])
def test_a_specification_without_load_says_what_to_write(run, tmp_path, command):
    file = tmp_path / "c.json"
    models = {"T": {"cost": 1}, "big": {"cost": 0.1}}
    draft = [{"by": "big", "tokens": 2}]
    file.write_text(json.dumps({"target": "T", "models": models, "acceptance": {"T": {"big": 0.8}}, "draft": draft}))
    result = run(command, file, "--out", tmp_path / "o.jsonl")
    assert result.returncode == 2
    assert "models.T.load: missing, expected what to load: " in result.stderr


@pytest.mark.parametrize(
    ("options", "listed"),
    [
        (["--top-k", 5], "--top-k"),
        (["--top-p", 0.5, "--seed", 3], "--top-p, --seed"),
        (["--verification", "block"], "--verification"),
    ],
)
def test_options_of_sampling_without_a_temperature_are_spoken_of(run, spec, options, listed):
    result = run("generate", spec, "--prompt", "ab", "--max-new-tokens", 3, *options)
    assert result.returncode == 0, result.stderr
    line = f"warning: {listed}: no effect under greedy choice, add --temperature 1 (or another above 0) to sample"
    assert result.stderr.count(line) == 1
    quiet = run("generate", spec, "--prompt", "ab", "--max-new-tokens", 3, "--temperature", 1, "--seed", 3)
    assert "warning" not in quiet.stderr
