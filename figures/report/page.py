"""The report: verdict, contents, what of the paper is covered, glossary, and every finished table and figure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from analysis.model.boundary.markdown import escaped
from figures.report.artefacts import Artefact, Build, Builder
from figures.report.coverage import coverage
from figures.report.glossary import glossary
from figures.report.verdict import verdict

TITLE = "Cascade speculative drafting, reproduced"


def write_report(artefacts: Sequence[Artefact], builder: Builder) -> None:
    """Write report.md with every finished table and figure of a list, and every failure.

    What comes from users' files (names of models, prompts, categories, texts of errors) is escaped: no HTML, image or
    link of theirs is shown as one.
    """
    run = builder.run
    finished = {artefact.name for artefact in artefacts if builder.is_finished(artefact)}
    shown = [artefact for artefact in artefacts if artefact.name in builder.failed or _shows(artefact, finished)]
    said = verdict(run, finished)
    said += [f"Failed: {name}: {escaped(why)}" for name, why in builder.failed.items() if not why.startswith("needs ")]
    sections = [
        ("Verdict", "\n".join(f"- {line}" for line in said) if said else "Nothing that says one is built yet."),
        ("What of the paper is here", coverage(_links([a for a in shown if a.name in finished]))),
        ("Glossary", glossary()),
        *((artefact.heading, _body(artefact, builder)) for artefact in shown),
    ]
    contents = "\n".join(f"- [{heading}](#{slug(heading)})" for heading, _ in sections)
    sections.insert(1, ("Contents", contents))
    profile = "full" if run.full else "quick"
    parts = [f"# {TITLE}", f"Profile {profile}, seed {run.seed}.", *(f"## {head}\n\n{text}" for head, text in sections)]
    run.write("report.md", "\n\n".join(parts) + "\n")


def slug(heading: str) -> str:
    """The anchor that GitHub and editors give a heading.

    >>> slug("Is the text the target's own?")
    'is-the-text-the-targets-own'
    """
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def _shows(artefact: Artefact, finished: set[str]) -> bool:
    return artefact.name in finished and any(file.endswith((".md", ".png")) for file in artefact.files)


def _links(artefacts: Sequence[Artefact]) -> dict[str, str]:
    return {artefact.name: f"[{artefact.heading}](#{slug(artefact.heading)})" for artefact in artefacts}


def _body(artefact: Artefact, builder: Builder) -> str:
    if artefact.name in builder.failed:
        return f"**Failed:** {escaped(builder.failed[artefact.name])}"
    files = [_shown(builder.run, file) for file in artefact.files if file.endswith((".md", ".png"))]
    return "\n\n".join([*files, artefact.caption])


def _shown(run: Build, file: str) -> str:
    if file.endswith(".png"):
        return f"![{file.removesuffix('.png')}]({file})"
    return run.path(file).read_text(encoding="utf-8").rstrip()
