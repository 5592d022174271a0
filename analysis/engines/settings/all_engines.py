"""The settings of every engine."""

from __future__ import annotations

from analysis.engines.settings.llama_cpp import llama_cpp
from analysis.engines.settings.sglang import sglang
from analysis.engines.settings.speculation import Speculation
from analysis.engines.settings.transformers_config import transformers_config
from analysis.engines.settings.typed import EngineSettings
from analysis.engines.settings.vllm import vllm


def settings_for(speculation: Speculation) -> list[EngineSettings]:
    """What to type for vLLM, SGLang, llama.cpp and transformers, in this order.

    Example:
        >>> from analysis.engines.settings import Speculation, settings_for
        >>> settings_for(Speculation("eagle3", 3, model="head.gguf"))[2].text
        '--spec-type draft-eagle3 -md head.gguf --spec-draft-n-max 3 --spec-draft-n-min 0 --spec-draft-p-min 0.0'
    """
    return [engine(speculation) for engine in (vllm, sglang, llama_cpp, transformers_config)]
