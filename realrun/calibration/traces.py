"""The recorded agreements as one compact file: what `simulate` replays. No text and no token ids are in it."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping, Sequence

from realrun.calibration.agreements import RecordedText, agreement
from realrun.calibration.roster import Roster

SCHEMA = 1


def traces(recordings: Sequence[RecordedText], roster: Roster, loads: Mapping[str, object]) -> bytes:
    """Gzipped JSONL: a header, then a line a text; the same bytes for the same recordings.

    A line's `agree` holds for each pair a string with one character a token of the text: "1" where reviewer and drafter
    would say the same there given the target's text, "0" where not, "." where one of them would say nothing. Its `off`
    lists, for neural reviewers, ``[start, string]``: the reviewer's own greedy token at place `start` is not the
    target's, and the string goes on with agreements along the reviewer's own text from the token after that one.
    """
    header = {
        "schema": SCHEMA,
        "target": roster.target,
        "reviewers": list(roster.reviewers),
        "drafters": list(roster.drafters),
        "policy": "greedy",
        "models": dict(loads),
    }
    lines = [header, *(_line(recording, roster) for recording in recordings)]
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    return gzip.compress(text.encode(), mtime=0)


def _line(recording: RecordedText, roster: Roster) -> dict[str, object]:
    text = recording.text
    agree: dict[str, dict[str, str]] = {reviewer: {} for reviewer in roster.reviewers}
    off: dict[str, dict[str, list[list[object]]]] = {reviewer: {} for reviewer in roster.neural}
    for reviewer, drafter in roster.pairs():
        agree[reviewer][drafter] = agreement(recording.choices[reviewer], recording.choices[drafter])
        if reviewer != roster.target:
            off[reviewer][drafter] = [
                [departure.start, agreement(departure.choices[reviewer], departure.choices[drafter])]
                for departure in recording.departures[reviewer]
            ]
    return {
        "id": text.prompt.id,
        "category": text.prompt.category,
        "prompt_tokens": len(text.prompt_ids),
        "tokens": len(text.tokens),
        "finish": text.finish,
        "agree": {reviewer: row for reviewer, row in agree.items() if row},
        "off": {reviewer: row for reviewer, row in off.items() if row},
    }
