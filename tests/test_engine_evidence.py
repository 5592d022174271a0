"""Theory held against other people's runs: on made-up runs whose costs are known, it is right; its errors add up."""

import csv
import json

import numpy as np
import pytest
from command_line import run

from analysis.commands import evidence as command
from analysis.engines.evidence import Cell, apple, eagle, error_rows, read_cells, vllm_cells, vllm_runs
from analysis.engines.evidence import lengths as replayed
from analysis.engines.evidence.cells import IID, IID_COSTS, POSITIONS
from analysis.engines.evidence.constant import alpha_of_counts, alpha_of_mean
from analysis.model import InputError
from analysis.theory.closed_forms import expected_accepted
from simulate.lengths.costs import H100

PROMPT_SECONDS, REQUESTS, BATCH = 0.04, 100, 8


def page(steps, step, drafts=0, accepted=(), drafted=0, prompt=PROMPT_SECONDS):
    """A page of vLLM whose steps last so long, but for prompts of other requests, which hold them up."""
    held_up = (BATCH - 1) * REQUESTS * prompt / steps
    lasts = step + held_up
    tokens = steps + sum(accepted)
    values = {
        "inter_token_latency_seconds_count": steps,
        "inter_token_latency_seconds_sum": steps * lasts,
        "time_to_first_token_seconds_count": REQUESTS,
        "generation_tokens_total": tokens + REQUESTS,
        "iteration_tokens_total_count": steps / BATCH,
        "request_prefill_time_seconds_sum": REQUESTS * (prompt + lasts),
    }
    if drafts:
        values |= {
            "spec_decode_num_drafts_total": drafts,
            "spec_decode_num_draft_tokens_total": drafted,
            "spec_decode_num_accepted_tokens_total": sum(accepted),
        }
    lines = [f'vllm:{name}{{model_name="m"}} {value}' for name, value in values.items()]
    for j, n in enumerate(accepted):
        lines.append(f'vllm:spec_decode_num_accepted_tokens_per_pos_total{{model_name="m",position="{j}"}} {n}')
    return "\n".join(lines) + "\n"


def folder_of(tmp_path, pages):
    """A folder of runs: pages by (benchmark, target, method)."""
    (tmp_path / "vllm").mkdir()
    with (tmp_path / "vllm_cells.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["benchmark", "model", "method", "metrics_file"])
        for (benchmark, target, method), text in pages.items():
            name = f"{benchmark}_{target}_{method}.txt"
            (tmp_path / "vllm" / name).write_text(text)
            table.writerow([benchmark, target, method, name])
    return tmp_path


EAGLE_PAGES = {
    ("code", "m", "autoregressive"): page(9000, 0.010),
    ("code", "m", "eagle3"): page(3000, 0.015, 3000, (2500, 2000, 1500), 9000),
    ("chat", "m", "autoregressive"): page(8000, 0.010),
    ("chat", "m", "eagle3"): page(4000, 0.015, 4000, (2400, 1200, 400), 12000),
}


def test_where_prompts_alone_differ_leaving_them_apart_is_exact(tmp_path):
    runs, left_out = vllm_runs.read_runs(folder_of(tmp_path, EAGLE_PAGES))
    cells = vllm_cells.across_benchmarks(runs)
    assert not left_out
    assert [cell.name for cell in cells] == ["m eagle3, chat to code", "m eagle3, code to chat"]
    for cell in cells:
        assert cell.error(vllm_cells.WITHOUT_PROMPTS) == pytest.approx(0, abs=1e-9)
        assert 0 < abs(cell.error(POSITIONS)) < 0.2
        assert abs(cell.error(vllm_cells.BEFORE_RUNNING)) > 0.2


def test_the_parts_of_a_run_are_those_it_was_made_of(tmp_path):
    runs, _ = vllm_runs.read_runs(folder_of(tmp_path, EAGLE_PAGES))
    one = runs["code", "m", "eagle3"]
    assert one.tokens_per_step == pytest.approx(3)
    assert one.batch == pytest.approx(BATCH)
    assert one.step_without_prompts == pytest.approx(0.015)
    assert one.prompts_added == pytest.approx(REQUESTS * PROMPT_SECONDS)
    assert one.mixed == 1
    assert runs["code", "m", "autoregressive"].mixed == 0


def test_a_copier_that_costs_by_the_step_with_a_draft_is_foretold_by_the_other(tmp_path):
    plain, more = 0.010, 0.004
    pages = {("code", "m", "autoregressive"): page(9000, plain, prompt=0)}
    for method, drafts in (("ngram", 300), ("suffix", 6000)):
        mixed = 1 - (1 - drafts / 6000) ** BATCH
        pages["code", "m", method] = page(6000, plain + more * mixed, drafts, (drafts // 2,), drafts, prompt=0)
    runs, _ = vllm_runs.read_runs(folder_of(tmp_path, pages))
    cells = vllm_cells.across_copiers(runs)
    assert len(cells) == 2
    assert all(abs(cell.error(vllm_cells.BY_MIXED)) < 0.03 for cell in cells)
    assert all(abs(cell.error(vllm_cells.BY_FED)) > 0.05 for cell in cells)
    assert cells[0].predicted[IID] == pytest.approx(1.5)  # tokens of a step with a draft, the others forgotten


def test_pages_that_are_there_twice_and_those_of_the_former_engine_are_left_out_by_name(tmp_path):
    old = 'vllm:spec_decode_num_emitted_tokens_total{model_name="m"} 7\n'
    pages = {
        **EAGLE_PAGES,
        ("chat", "m", "eagle3-copy"): EAGLE_PAGES["chat", "m", "eagle3"],
        ("chat", "m", "mlp"): old,
    }
    plain = EAGLE_PAGES["chat", "m", "autoregressive"]
    pages["chat", "m", "no-clock"] = "".join(line for line in plain.splitlines(True) if "inter_token" not in line)
    runs, left_out = vllm_runs.read_runs(folder_of(tmp_path, pages))
    assert set(runs) == set(EAGLE_PAGES)
    assert "chat, m, no-clock: the page lacks a counter of vLLM's V1 engine" in left_out
    assert any(line == "chat, m, eagle3-copy: the same page as chat, m, eagle3" for line in left_out)
    assert any(line.startswith("chat, m, mlp: vllm:spec_decode") for line in left_out)


def test_a_verification_cost_that_all_workloads_share_is_found_from_the_others(tmp_path):
    lines = ["# made up", "k,workload,alpha,c,measured_speedup"]
    for k, verify in ((1, 1.1), (2, 1.3)):
        for name, alpha in (("a", 0.7), ("b", 0.8), ("c", 0.9)):
            speedup = (1 + expected_accepted(alpha, k)) / (verify * (1 + 0.2 * k))
            lines.append(f"{k},{name},{alpha},0.2,{speedup}")
    (tmp_path / apple.FILE).write_text("\n".join(lines))
    cells = apple.read(tmp_path / apple.FILE)
    assert all(cell.error(apple.FROM_OTHERS) == pytest.approx(0) for cell in cells)
    assert [cell.error(IID) for cell in cells[:3]] == pytest.approx([0.1] * 3)
    assert [cell.error(IID_COSTS) for cell in cells[:3]] == pytest.approx([1.1 / apple.VERIFY[0] - 1] * 3)


def test_costs_by_length_are_those_of_the_other_workload(tmp_path):
    lines = ["workload,k,batch,net_speedup,accept_len"]
    for name, alpha in (("x", 0.5), ("y", 0.6)):
        for k in (1, 2, 3, 5):
            tokens = 1 + expected_accepted(alpha, k)
            lines.append(f"{name},{k},1,{tokens / (1.01 + 0.07 * k)},{tokens}")
        lines.append(f"{name},1,8,1.1,1.5")
    (tmp_path / eagle.FILE).write_text("\n".join(lines))
    cells = eagle.read(tmp_path / eagle.FILE)
    assert len(cells) == 8  # larger batches are another matter
    for cell in cells:
        for rung in (IID_COSTS, POSITIONS, eagle.EXTENDED):
            assert cell.error(rung) == pytest.approx(0, abs=1e-9)
        assert cell.error(IID) == pytest.approx((1.01 + 0.07 * cell.facts["k"]) / (1 + 0.07 * cell.facts["k"]) - 1)


def test_costs_of_another_machine_are_those_of_its_published_fit(tmp_path):
    target = vllm_cells.FITTED_TARGET
    pages = {("code", target, method): text for (_, _, method), text in list(EAGLE_PAGES.items())[:2]}
    runs, _ = vllm_runs.read_runs(folder_of(tmp_path, pages))
    (cell,) = vllm_cells.from_another_machine(runs)
    plain = H100.call + H100.per_fed * BATCH + H100.per_held * 512 * BATCH + H100.overhead
    step = plain + H100.per_fed * BATCH * 3 + H100.draft
    assert cell.predicted[vllm_cells.PUBLISHED] == pytest.approx(3 * plain / step, rel=2e-3)


@pytest.mark.parametrize("alpha", [0.0, 0.3, 0.8, 1.0])
def test_one_alpha_is_found_from_means_and_from_counts(alpha):
    assert alpha_of_mean(expected_accepted(alpha, 4), 4) == pytest.approx(alpha)
    assert alpha_of_counts(1000, [1000 * alpha ** (j + 1) for j in range(4)]) == pytest.approx(alpha)


def independent_rows():
    """Rows of `cascade-ewif lengths` of two halves that accept alike, copying independent of the network."""
    machine = {"call": 6.0, "per_fed": 0.1, "per_held": 0.0, "overhead": 1.0, "draft": 0.0, "per_drafted": 0.5}
    survival = [0.6**j for j in range(1, 21)]
    rows = [{"kind": "machine", "machine": "m", **machine, "copy_share": 0.0}]
    counters = {"eagle": survival, "copy": survival, "matched": 0.5, "held": 100.0}
    counters |= {f"{name}_everywhere": counters[name] for name in ("eagle", "copy", "matched")}
    rows += [{"kind": "counters", "data": "d", "half": half, **counters} for half in (0, 1)]
    tokens = 1 + 0.6 + 0.6 * 0.5 * (0.6 + 0.36)
    cost = 7 + 0.1 * (1 + 1 + (0.6 * 0.5 + 0.4) * 2) + 0.5
    draft = [{"by": "eagle", "tokens": 1}, {"by": "ngram", "tokens": 2}]
    speedup = tokens * 7.1 / cost
    static = {"kind": "static", "data": "d", "machine": "m", "draft": draft, "speedup": speedup}
    return [*rows, *({**static, "half": half} for half in (0, 1))]


def test_static_drafts_are_foretold_where_copying_is_independent(tmp_path):
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in independent_rows()))
    cells = replayed.read(tmp_path / "rows.jsonl")
    assert [cell.name for cell in cells] == [f"d, m, half {half}, eagle x1 + copy x2" for half in (1, 2)]
    for cell in cells:
        assert {rung: cell.error(rung) for rung in cell.predicted if rung != IID} == pytest.approx(
            dict.fromkeys((IID_COSTS, replayed.EVERYWHERE, POSITIONS, replayed.OTHER_HALF), 0), abs=1e-9
        )
        assert cell.error(IID) > 0.01  # which takes fed tokens to cost nothing


def test_errors_are_those_of_the_cells():
    cells = [Cell("s", f"{i}", 2.0, {"r": 2.0 * (1 + e)}, "g") for i, e in enumerate((0.1, -0.02, 0.04))]
    (row,) = error_rows(cells)
    assert row["median_absolute"] == pytest.approx(0.04)
    assert row["low"] == pytest.approx(0.02)
    assert row["high"] == pytest.approx(0.1)
    assert row["max_absolute"] == pytest.approx(0.1)
    assert row["within_5_percent"] == pytest.approx(2 / 3)
    assert row["r_squared"] is None


def test_regret_is_what_the_chosen_cell_was_measured_to_lose():
    speeds = {"a": (2.0, 1.8), "b": (1.6, 1.9), "c": (1.0, 1.0)}
    cells = [Cell("s", name, measured, {"r": predicted}, "g") for name, (measured, predicted) in speeds.items()]
    (row,) = error_rows(cells)
    assert row["regret"] == pytest.approx(0.2)
    assert row["r_squared"] == pytest.approx(1 - (0.2**2 + 0.3**2) / np.var([2, 1.6, 1]) / 3)


def test_the_command_writes_cells_errors_and_what_was_left_out(tmp_path, capsys, monkeypatch):
    pages = {**EAGLE_PAGES, ("chat", "m", "eagle3-copy"): EAGLE_PAGES["chat", "m", "eagle3"]}
    folder = folder_of(tmp_path, pages)
    result = run(command, capsys, monkeypatch, "evidence", folder, "--out", tmp_path / "rows.jsonl")
    assert result.returncode == 0
    rows = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
    assert [row["kind"] for row in rows] == [*["cell"] * 2, *["errors"] * 5, "left out"]
    assert "Left out:\n\n- chat, m, eagle3-copy: the same page as chat, m, eagle3" in result.stdout
    assert "m eagle3, chat to code" in result.stdout


def test_a_folder_without_runs_and_wrong_numbers_are_refused(tmp_path, capsys, monkeypatch):
    result = run(command, capsys, monkeypatch, "evidence", tmp_path)
    assert result.returncode == 2
    assert "has no runs to predict, expected one of vllm_cells.csv" in result.stderr
    (tmp_path / apple.FILE).write_text("k,workload,alpha,c,measured_speedup\n1,a,0.5,0.2,-1\n")
    with pytest.raises(InputError, match=r"row 1.measured_speedup: got '-1', expected a number > 0"):
        read_cells(tmp_path)
    (tmp_path / apple.FILE).write_text("k,workload,alpha\n1,a,0.5\n")
    with pytest.raises(InputError, match="has no column c, expected k, workload, alpha, c, measured_speedup"):
        read_cells(tmp_path)
