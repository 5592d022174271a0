"""What decoding needs in memory above models and caches, measured in a process of its own."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

MOST = 50
"""MB above models and caches, for a prompt of 512 tokens."""

PROGRAM = """
import ctypes, json, sys
import torch
from analysis.model import Cascade
from realrun.network.cached_model import CachedModel
from realrun.engine.cascade import CascadeDecoder
from realrun.loading.ensemble import DTYPES, load_ensemble

def megabytes(key):
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(key)) / 1024

draft = [{"by": "a", "rounds": 2, "draft": [{"by": "mag", "tokens": 6}]}, {"by": "mag", "tokens": 6}]
loads = {"t": "smollm2-135m", "a": "skip:12", "mag": "maxgram"}
models = {name: {"load": load} for name, load in loads.items()}
cascade = Cascade.from_json({"target": "t", "models": models, "draft": draft})
ensemble = load_ensemble(cascade, DTYPES[sys.argv[1]])
decoder = CascadeDecoder(cascade, ensemble.models, ensemble.context)
text = [(7 * i) % 40000 for i in range(512)]
decoder.generate(text[:16], 8)

def caches():
    held = [layer for m in ensemble.models.values() if isinstance(m, CachedModel) for layer in m._cache.layers]
    return sum(layer.keys.nbytes + layer.values.nbytes for layer in held) / 2**20

ctypes.CDLL(None).malloc_trim(0)  # or memory freed while loading would hide what decoding takes
before, small = megabytes("VmRSS"), caches()
with open("/proc/self/clear_refs", "w") as file:
    file.write("5")  # starts the peak anew
decoder.generate(text, 24)
decoder.generate(text, 24)
print(json.dumps({"above": megabytes("VmHWM") - before - (caches() - small), "caches": caches()}))
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="needs Linux's account of peak memory")
@pytest.mark.parametrize("dtype", ["bfloat16", "float32"])
def test_decoding_takes_at_most_50_mb_above_models_and_caches(dtype):
    result = subprocess.run([sys.executable, "-c", PROGRAM, dtype], capture_output=True, text=True, check=True)
    found = json.loads(result.stdout.splitlines()[-1])
    print(found)
    assert found["caches"] > 10
    assert found["above"] <= MOST
