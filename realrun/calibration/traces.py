"""The recorded agreements as `simulate` replays them. No text and no token ids are in them."""

from __future__ import annotations

from collections.abc import Sequence

from analysis.model.records import traces as records
from realrun.calibration.agreements import RecordedText, agreement
from realrun.calibration.roster import Roster


def traces(recordings: Sequence[RecordedText], roster: Roster) -> records.Recording:
    """Agreements of every pair along the target's texts, and along the reviewers' own where these leave them."""
    listed = tuple(_trace(recording, roster) for recording in recordings)
    return records.Recording(roster.target, roster.reviewers, roster.drafters, listed)


def _trace(recording: RecordedText, roster: Roster) -> records.Trace:
    text = recording.text
    off = {
        reviewer: {
            departure.start: {
                drafter: agreement(departure.choices[reviewer], departure.choices[drafter])
                for drafter in roster.behind(reviewer)
            }
            for departure in recording.departures[reviewer]
        }
        for reviewer in roster.neural
    }
    return records.Trace(
        id=text.prompt.id,
        category=text.prompt.category,
        prompt_tokens=len(text.prompt_ids),
        tokens=len(text.tokens),
        finish="eos" if text.finish == "eos" else "length",
        agree={pair: agreement(*(recording.choices[name] for name in pair)) for pair in roster.pairs()},
        off=off,
    )
