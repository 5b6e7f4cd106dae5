"""The page of findings of the scaled second study. Every number and every verdict on it is computed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tlm_sweeps.report.views import Row, Table
from tlm_sweeps.studies.losses import losses
from tlm_sweeps.studies.overlap_gain import gain_points
from tlm_sweeps.studies.quantity_claims import QuantityClaimAnswer
from tlm_sweeps.studies.sections import Section
from tlm_sweeps.studies.tiny import TINY, TinyReproduction
from tlm_sweeps.studies.tiny_arms import TASKS
from tlm_sweeps.studies.tiny_document import SIZE
from tlm_sweeps.studies.tiny_evidence import shared_texts
from tlm_sweeps.studies.tiny_sections import sections
from tlm_sweeps.studies.wording import join

PAGE = f"FINDINGS-{TINY.name}.md"
"""The repository's page."""
RECORDS = f"records/{TINY.name}"
"""Where the repository keeps the records, seen from the page."""
_COMMAND = f"tlm-sweeps reproduce {TINY.name} --from records --findings {PAGE}"
_PICTURE = """\
![Scaled: what pre-training brings a deep encoder on each task against the overlap of the task's tokens with the
pre-training passages, mean and 95 % interval over seeds, larger marks after more passages](docs/overlap-gain.png)"""
_LIMITS = (
    "Every number is scaled: nothing is said of BERT-6 at width 768, of 90,000 articles or of 50 epochs.",
    "The study's accuracies could not be read: claims are tested, numbers are not compared.",
    "`Within noise` and `not shown` mean that so many seeds cannot tell, not that two are equal.",
    "One labelled sample serves all seeds, so the intervals leave out what another sample would give.",
    "Learning rates were set by judgement, by no run's test score, and not tuned for each size and task.",
    (
        "Fine-tuning has 320 steps on every task, 2 to 7 passes where the study makes 50: twins from random weights "
        "are hardly trained, most of all on FewRel with its 64 labels, so a gain may be one of speed."
    ),
    (
        "Latency is judged by whole blocks, as the study's models compute. Ours need only the first place of the last "
        "block; what that spares, nearly all of a one-block encoder, is our trimming's merit and not the depth's."
    ),
    "B1's shallow row has six seeds, the members, for each of the deep row's.",
)


def write_tiny_findings(found: TinyReproduction, path: Path) -> Path:
    """Write the page.

    Raises:
        InputError: when two runs of one seed answer to an arm.
    """
    path.write_text(tiny_findings(found), encoding="utf-8", newline="\n")
    return path


def tiny_findings(found: TinyReproduction) -> str:
    """The page, as Markdown; the same records make the same page.

    Raises:
        InputError: when two runs of one seed answer to an arm.
    """
    has_picture = bool(gain_points(found.sweeps, "common_mass"))
    parts = [
        _head(found),
        "## In short",
        markdown(_verdicts(found.answers)),
        *([_PICTURE] if has_picture else []),
        "## Claims and what they rest on",
        *(_section(each, found) for each in sections(found)),
        "## Limits",
        "\n".join(f"- {each}" for each in limits(found)),
    ]
    return "\n\n".join(parts) + "\n"


def limits(found: TinyReproduction) -> tuple[str, ...]:
    """How far what was found goes, in sentences: runs, scale, texts that are there twice, what does not count.

    Raises:
        InputError: when two runs of one seed answer to an arm.
    """
    return (_runs(found), *_LIMITS, *_shared(found), *_left_out(found))


def markdown(table: Table) -> str:
    """A table in Markdown: words to the left, numbers to the right."""
    aligned = [":--" if name in table.words else "--:" for name in table.columns]
    rows = [table.columns, aligned, *(row.cells for row in table.rows)]
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([f"*{table.caption}*", "", *lines] if table.caption else lines)


def _head(found: TinyReproduction) -> str:
    source = f"[{RECORDS}]({RECORDS})" if found.own_sweeps else f"{RECORDS}, where nothing is kept yet,"
    return (
        f"# Findings: {TINY.title}\n\n*{TINY.title}* ({TINY.source}), its claims asked of a scaled study: {SIZE}. This "
        f"page is computed from {source} by `{_COMMAND}`; a test holds it to them. "
        "The [rules](docs/decisions/0017-second-study.md) were "
        "written down before the study's own runs, and say what was changed when: a quantity for each seed that is "
        "positive where the claim is right, its mean with a 95 % interval in percentage points of test "
        "accuracy, p of a t-test over seeds, "
        "corrected by Holm over the tasks; below three seeds nothing is judged. The first study has a "
        "[page of its own](FINDINGS.md)."
    )


def _verdicts(answers: Sequence[QuantityClaimAnswer]) -> Table:
    rows = tuple(
        Row((f"{answer.claim.name}: {answer.claim.says}", each.setting.words, f"**{each.verdict}**"))
        for answer in answers
        for each in answer.settings
    )
    columns = ("claim", "setting", "verdict (scaled)")
    return Table("", columns, rows, words=frozenset(columns))


def _section(section: Section, found: TinyReproduction) -> str:
    links = join([_link(name, found) for name in section.sweeps])
    said = [f"- {each}" for each in (*section.sentences, *([f"Records: {links}."] if links else []))]
    return "\n\n".join([f"### {section.heading}", "\n".join(said), *map(markdown, section.tables)])


def _link(name: str, found: TinyReproduction) -> str:
    if name not in found.sweeps:
        return f"{name} ({'left out' if name in found.sweeps.left_out else 'not run yet'})"
    return f"[{name.removeprefix('tiny-scaled-')}]({RECORDS}/{name}.json)"


def _runs(found: TinyReproduction) -> str:
    records = [record for each in found.own_sweeps for record in each.records]
    complete = [record for record in records if record.state == "complete"]
    devices = sorted({record.provenance.device for record in complete})
    return f"{len(complete)} runs on {join(devices)}, {losses(records)}." if complete else "Nothing is run yet."


def _shared(found: TinyReproduction) -> tuple[str, ...]:
    """How many texts of a task are there twice, and what the records do not say of it, a line a task."""
    said = []
    for task in TASKS:
        counts = shared_texts(task, found.sweeps)
        known = join([f"{words} {count}" for words, count in counts.items() if count is not None])
        unknown = join([words for words, count in counts.items() if count is None])
        not_counted = f"; not counted: {unknown}" if unknown else ""
        said += [f"Texts of {task.name} that are also elsewhere: {known}{not_counted}."] if known else []
    return tuple(said)


def _left_out(found: TinyReproduction) -> tuple[str, ...]:
    return tuple(f"Not counted: {reason}." for reason in found.sweeps.left_out.values())
