"""Fingerprints: another one after any file that decides the text has changed, the same one for a copy."""

import json
import shutil

import pytest
import tiny
import torch
from safetensors.torch import load_file, save_file

from analysis.model import Cascade
from realrun.loading import fingerprint
from realrun.loading.ensemble import load_ensemble
from realrun.loading.fingerprint import weights_fingerprint
from realrun.maxgram.bigram import Bigram


def change_one_weight(folder):
    file = folder / "model.safetensors"
    tensors = load_file(file)
    tensors["model.norm.weight"][3] += 1e-3
    save_file(tensors, file, metadata={"format": "pt"})


def change_a_file(name, **changes):
    def change(folder):
        path = folder / name
        content = json.loads(path.read_text()) if path.exists() else {}
        path.write_text(json.dumps(content | changes))

    return change


DECISIVE = {
    "a weight": change_one_weight,
    "the configuration": change_a_file("config.json", rms_norm_eps=0.5),
    "the generation settings": change_a_file("generation_config.json", repetition_penalty=1.5),
    "the tokenizer": change_a_file("tokenizer.json", version="1.1"),
    "the chat template": lambda folder: (folder / "chat_template.jinja").write_text("{{ messages }}"),
}


@pytest.mark.parametrize("what", DECISIVE)
def test_a_folder_has_another_fingerprint_after_a_change_of(tmp_path, what):
    tiny.save(tmp_path / "model")
    before = weights_fingerprint(tmp_path / "model")
    DECISIVE[what](tmp_path / "model")
    assert weights_fingerprint(tmp_path / "model") != before


def test_a_copy_and_files_that_decide_nothing_change_no_fingerprint(tmp_path):
    tiny.save(tmp_path / "model")
    before = weights_fingerprint(tmp_path / "model")
    shutil.copytree(tmp_path / "model", tmp_path / "copy", copy_function=shutil.copyfile)
    for name in ("README.md", "rows.jsonl", "notes.json", "model.gguf"):
        (tmp_path / "copy" / name).write_text("{}")
    assert weights_fingerprint(tmp_path / "copy") == before


def test_a_large_file_is_known_by_blocks_from_first_to_last(tmp_path, monkeypatch):
    monkeypatch.setattr(fingerprint, "_WHOLE", 100)
    monkeypatch.setattr(fingerprint, "_BLOCKS", 16)
    monkeypatch.setattr(fingerprint, "_BLOCK", 4)
    file = tmp_path / "model.safetensors"
    content = bytes(1000)
    file.write_bytes(content)
    before = weights_fingerprint(file)
    for place in (0, 999):
        file.write_bytes(content[:place] + b"x" + content[place + 1 :])
        assert weights_fingerprint(file) != before
    for place in range(0, 900, 100):  # as long as a matrix, where blocks are 66 bytes apart
        file.write_bytes(content[:place] + b"x" * 100 + content[place + 100 :])
        assert weights_fingerprint(file) != before


def test_a_gguf_file_counts_in_place_of_the_safetensors_of_its_folder(tmp_path):
    tiny.save(tmp_path)
    (tmp_path / "m.gguf").write_bytes(b"one")
    before = weights_fingerprint(tmp_path, "m.gguf")
    assert before != weights_fingerprint(tmp_path)
    change_one_weight(tmp_path)
    assert weights_fingerprint(tmp_path, "m.gguf") == before
    (tmp_path / "m.gguf").write_bytes(b"two")
    assert weights_fingerprint(tmp_path, "m.gguf") != before


def test_a_hub_id_is_known_by_the_commit_in_the_cache(tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    repository = tmp_path / "models--some--model"
    (repository / "refs").mkdir(parents=True)
    found = []
    for commit in ("a" * 40, "b" * 40):
        (repository / "snapshots" / commit).mkdir(parents=True)
        (repository / "snapshots" / commit / "config.json").write_text("{}")
        (repository / "refs" / "main").write_text(commit)
        found.append(weights_fingerprint("some/model"))
    assert found[0] != found[1] == weights_fingerprint("some/model", revision="b" * 40)
    assert found[0] == weights_fingerprint("some/model", revision="a" * 40)


def fingerprints(target, drafter, mag="maxgram", skip="skip:2"):
    models = {name: {"load": load} for name, load in {"t": target, "d": drafter, "s": skip, "m": mag}.items()}
    draft = [{"by": by, "tokens": 2} for by in "dsm"]
    return load_ensemble(
        Cascade.from_json({"target": "t", "models": models, "draft": draft}), torch.float32
    ).fingerprints


def test_every_loaded_model_has_one_that_follows_what_it_is_made_of(tmp_path):
    target, drafter = tiny.save(tmp_path / "t"), tiny.save(tmp_path / "d", seed=1)
    before = fingerprints(target, drafter)
    assert sorted(before) == ["d", "m", "s", "t"]
    assert len(set(before.values())) == 4
    assert fingerprints(target, drafter) == before

    def changed(**loads):
        after = fingerprints(**{"target": target, "drafter": drafter, **loads})
        return {name for name in before if after[name] != before[name]}

    table = tmp_path / "table.npz"
    Bigram.learn([[1, 2]], tiny.VOCABULARY, "").save(table)
    assert changed(skip={"name": "skip:2", "layers": [0, 1]}) == {"s"}
    assert changed(mag={"name": "maxgram", "bigram": None}) == {"m"}
    change_one_weight(tmp_path / "d")
    assert changed() == {"d"}
    change_one_weight(tmp_path / "t")
    assert changed() == {"d", "s", "t"}
