"""What to type for vLLM, SGLang, llama.cpp and transformers, and what each of them cannot be told.

>>> from analysis.engines.settings import Speculation, settings_for
>>> for each in settings_for(Speculation("ngram", 5, match_min=2, match_max=4)):
...     print(each.text)
--speculative-config '{"method": "ngram", "num_speculative_tokens": 5, "prompt_lookup_max": 4, "prompt_lookup_min": 2}'
--speculative-algorithm NGRAM --speculative-num-draft-tokens 6 --speculative-ngram-max-bfs-breadth 1
--spec-type ngram-simple --spec-ngram-simple-size-n 2 --spec-ngram-simple-size-m 5
generation_config.update(max_matching_ngram_size=4, prompt_lookup_num_tokens=5)
"""

from analysis.engines.settings.all_engines import settings_for
from analysis.engines.settings.from_draft import speculation_of
from analysis.engines.settings.speculation import DrafterKind, Speculation
from analysis.engines.settings.typed import EngineSettings

__all__ = ["DrafterKind", "EngineSettings", "Speculation", "settings_for", "speculation_of"]
