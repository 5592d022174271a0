"""Machine rates: the record, and their measurement."""

import json
from dataclasses import replace

import calibrations
import pytest
import torch
from calibrations import ALPHAS, flat
from rooflines import RATES

from analysis.model import Cascade, InputError
from analysis.model.records.calibration import calibration_of
from analysis.model.records.machine_rates import PRODUCTS, MachineRates
from realrun.calibration.table import render
from realrun.roofline import rates as measuring
from realrun.roofline.caches import last_level_cache
from realrun.roofline.rates import measured_rates, one_thread


def document(**change):
    return {**RATES.to_json(), **change}


@pytest.mark.parametrize("rates", [RATES, MachineRates("cuda:1", 1, 1.5, {"float32": 2.5})])
def test_what_was_written_reads_as_it_was(rates):
    assert MachineRates.of_json(json.loads(json.dumps(rates.to_json(), allow_nan=False))) == rates


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"read": 0}, "^read: got 0, expected a number > 0"),
        ({"read": None}, "^read: got null"),
        ({"read_cached": -1}, "^read_cached: got -1"),
        ({"threads": 0.5}, r"^threads: got 0\.5, expected a whole number"),
        ({"device": ""}, "^device: got ''"),
        ({"products": {"bfloat16": 1.0}}, r"^products\.float32: missing"),
        ({"products": {"float32": 1.0, "int7": 1.0}}, r"^products\.int7: unknown number format, expected one of int8"),
        ({"products": {"float32": "1"}}, r"^products\.float32: got '1'"),
        ({"cache_bytes": 0}, "^cache_bytes: got 0"),
        ({"kernels": {"read": 3}}, r"^kernels\.read: got 3"),
    ],
)
def test_what_is_wrong_is_named(change, message):
    with pytest.raises(InputError, match=message):
        MachineRates.of_json(document(**change))


def test_a_record_made_in_python_is_held_to_the_same():
    for change in ({"read": float("nan")}, {"threads": 0}, {"read_one_thread": 0.0}, {"buffer_bytes": -1}):
        (name,) = change
        with pytest.raises(InputError, match=f"^{name}: got"):
            replace(RATES, **change)


def test_factors_are_multiplied_in_the_fastest_format_that_holds_their_values():
    assert RATES.product("int8") == 2e11
    assert RATES.product("bfloat16") == 1e11
    assert RATES.product("float16") == 4e10  # in float32, which is faster here; bfloat16 would round
    assert RATES.product("float32") == 4e10
    assert replace(RATES, products={"float32": 4e10, "bfloat16": 1e11}).product("int8") == 1e11
    with pytest.raises(InputError, match=r"^number_format: got 'int4', expected one of int8"):
        RATES.product("int4")


@pytest.mark.parametrize(("narrow", "wide"), [("int8", "bfloat16"), ("int8", "float16"), ("bfloat16", "float32")])
def test_the_wider_formats_do_hold_all_values(narrow, wide):
    if narrow == "int8":
        values = torch.arange(-128, 128)
        assert torch.equal(values.to(getattr(torch, wide)).to(torch.int64), values)
        return
    values = torch.arange(-(2**15), 2**15, dtype=torch.int16).view(getattr(torch, narrow))
    values = values[values.isfinite()]
    assert torch.equal(values.to(getattr(torch, wide)).to(values.dtype), values)


def test_a_calibration_carries_them_and_an_old_one_has_none():
    errors = {reviewer: dict.fromkeys(row, 0.01) for reviewer, row in flat(ALPHAS).items()}
    spec = calibrations.calibration(flat(ALPHAS), acceptance_iid_se=errors)
    old = calibration_of(Cascade.from_json(spec, needs_draft=False))
    assert old.rates is None
    assert "machine_rates" not in old.to_json()["meta"]["calibration"]
    assert "GB/s" not in render(old)
    new = replace(old, rates=RATES)
    assert calibration_of(Cascade.from_json(json.loads(new.dumps()), needs_draft=False)) == new
    assert "cpu, 2 threads: reads 30.0 GB/s from memory" in render(new)
    spec["meta"]["calibration"]["machine_rates"] = document(read="fast")
    with pytest.raises(InputError, match=r"^meta\.calibration\.machine_rates\.read: got 'fast'"):
        calibration_of(Cascade.from_json(spec, needs_draft=False))


@pytest.fixture
def small(monkeypatch):
    """Rates of small buffers and products, which are no rates of the machine and quickly had."""
    monkeypatch.setattr(measuring, "_SIDES", {"cpu": (64, 128)})
    monkeypatch.setattr(measuring, "_LEAST_BUFFER", {"cpu": 2**20})
    monkeypatch.setattr(measuring, "last_level_cache", lambda device: 2**17)
    measuring._measured.cache_clear()
    yield
    measuring._measured.cache_clear()


def test_every_rate_is_measured_and_names_its_kernel(small):
    threads = torch.get_num_threads()
    found = measured_rates("cpu")
    assert torch.get_num_threads() == threads == found.threads
    assert found.buffer_bytes == 2**20
    assert found.cache_bytes == 2**17
    assert {"float32", "bfloat16"} <= found.products.keys() <= set(PRODUCTS)
    assert found.kernels.keys() == {"read", "read_one_thread", "read_cached"} | found.products.keys()
    assert found.read >= found.read_one_thread  # by definition, however the two came out
    assert MachineRates.of_json(found.to_json()) == found
    assert measured_rates("cpu") is found


def test_a_format_without_a_kernel_has_no_rate(small, monkeypatch):
    def none(side, device):
        raise NotImplementedError

    monkeypatch.setattr(measuring, "_int_mm", none)
    monkeypatch.setattr(measuring, "_qlinear", none)
    assert "int8" not in measured_rates("cpu").products


@pytest.mark.parametrize("name", measuring._READERS)
def test_readers_read_the_whole_buffer(name):
    buffer = torch.zeros(2**12)
    before = measuring._READERS[name](buffer)
    for place in (0, 2**11 + 1, -1):
        changed = buffer.clone()
        changed[place] = 1.0
        assert measuring._READERS[name](changed) != before


@pytest.mark.parametrize("make", [measuring._int_mm, measuring._qlinear])
def test_integer_kernels_multiply(make):
    """The result has one row and column for each of the matrices', and is not constant."""
    product = make(64, torch.device("cpu"))()
    assert product.shape == (64, 64)
    assert product.unique().numel() > 100


def test_no_other_device():
    with pytest.raises(InputError, match="got 'tpu', expected cpu, cuda"):
        measured_rates("tpu")


def test_threads_come_back_after_an_error():
    @one_thread()
    def fail():
        raise KeyError(torch.get_num_threads())

    before = torch.get_num_threads()
    with pytest.raises(KeyError, match="1"):
        fail()
    assert torch.get_num_threads() == before


def describe(folder, level, kind, shared, size):
    folder.mkdir(parents=True)
    for name, text in {"level": level, "type": kind, "shared_cpu_list": shared, "size": size}.items():
        (folder / name).write_text(f"{text}\n")


def test_last_level_caches_of_several_parts_are_added(tmp_path, monkeypatch):
    monkeypatch.setattr("os.sched_getaffinity", lambda process: {0, 1, 2}, raising=False)
    for number, shared in ((0, "0-1"), (1, "0-1"), (2, "2-3")):
        describe(tmp_path / f"cpu{number}/cache/index0", 1, "Data", str(number), "32K")
        describe(tmp_path / f"cpu{number}/cache/index1", 4, "Instruction", shared, "9M")
        describe(tmp_path / f"cpu{number}/cache/index2", 3, "Unified", shared, "16M")
    assert last_level_cache(torch.device("cpu"), tmp_path) == 32 * 2**20
    (tmp_path / "cpu2/cache/index2/size").write_text("unknown")
    assert last_level_cache(torch.device("cpu"), tmp_path) == 16 * 2**20
    assert last_level_cache(torch.device("cpu"), tmp_path / "none") is None
