"""FINDINGS.md: one page of what the study's records say. Every number and every verdict on it is computed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from tlm_sweeps.report.naming import format_nll
from tlm_sweeps.report.sources import SweepResults
from tlm_sweeps.report.views import Row, Table
from tlm_sweeps.studies.admitting import Admitted
from tlm_sweeps.studies.claims import BASES, EDGE, EDGE_LEGEND, Basis, ClaimAnswer, judge
from tlm_sweeps.studies.families import family_lines
from tlm_sweeps.studies.losses import losses
from tlm_sweeps.studies.question_sections import question_section
from tlm_sweeps.studies.reproduction import RULE, CellResult, Reproduction, reproduce
from tlm_sweeps.studies.sections import Section, claim_section
from tlm_sweeps.studies.tiny_findings import PAGE as TINY_PAGE
from tlm_sweeps.studies.tradeoffs import TRADEOFFS
from tlm_sweeps.studies.tradeoffs_claims import CLAIMS
from tlm_sweeps.studies.tradeoffs_questions import QUESTIONS
from tlm_sweeps.studies.wording import NOTHING, join, with_half_width
from tlm_sweeps.units import format_count, format_flops

RECORDS = f"records/{TRADEOFFS.name}"
"""Where the repository keeps the records, seen from the page."""
_COLUMNS: tuple[Basis, ...] = ("own account", "equal FLOPs, last", "equal FLOPs, all")
_STANDS_UNDER: dict[Basis, Basis] = {"all positions": "equal FLOPs, all"}
"""The column of a setting that has none."""
_COMMAND = f"tlm-sweeps reproduce {TRADEOFFS.name} --from records --findings FINDINGS.md"
_PICTURE = """\
![Test NLL against matmul training FLOPs: linear, MLP, attention and transformer, with one target a window and with all
positions as targets, mean and 95 % interval over seeds](docs/families.png)"""
_LIMITS = """\
- {runs}
- Three to five seeds a cell: `within noise` and `not shown` mean that so many seeds cannot tell, not that
  two are equal.
- Precision and batch differ between families at equal FLOPs, as A1 says. Only the families of A1 tune the learning
  rate, over three values; elsewhere one value serves all.
- The budgets of the questions are small: up to 5 TFLOPs a run, in question 4 up to 73. What is best there need
  not be best at more.
- Tiny Shakespeare, PTB, WikiText-2 and one Wikipedia sample; models of at most nine million parameters."""


def write_findings(sweeps: Mapping[str, SweepResults], path: Path, seeds: int | None = None) -> Path:
    """Write the page.

    Args:
        sweeps: what was found, by name.
        path: of the file.
        seeds: count seeds 0 … seeds - 1 only; default: those of each sweep's spec.

    Raises:
        InputError: when two runs of one seed answer to an arm.
    """
    path.write_text(findings(sweeps, seeds), encoding="utf-8", newline="\n")
    return path


def findings(sweeps: Mapping[str, SweepResults], seeds: int | None = None) -> str:
    """The page, as Markdown; the same records make the same page.

    Args:
        sweeps: what was found, by name.
        seeds: count seeds 0 … seeds - 1 only; default: those of each sweep's spec.

    Raises:
        InputError: when two runs of one seed answer to an arm.
    """
    found = reproduce(TRADEOFFS, sweeps, seeds)
    counted = found.sweeps
    answers = [judge(claim, counted) for claim in CLAIMS]
    parts = [
        _head(),
        "## In short",
        _markdown(_verdict_table(answers)),
        *([f"{EDGE_LEGEND[0].upper()}{EDGE_LEGEND[1:]}."] if any(map(_is_at_edge, answers)) else []),
        f"Of the study's {len(found.results)} cells, {_counted(found)}.",
        *([_PICTURE] if family_lines(counted) else []),
        "## What the study's account hides",
        *_hidden(found),
        "## Claims",
        *(_section(claim_section(answer, counted), counted) for answer in answers),
        "## Open questions",
        *(_section(question_section(question, counted), counted) for question in QUESTIONS),
        "## Cells of the study's tables",
        f"Test NLL, nats per target. {RULE[0].upper()}{RULE[1:]}.",
        _markdown(_cell_table(found)),
        "## Limits",
        _limits(counted),
    ]
    return "\n\n".join(parts) + "\n"


def _head() -> str:
    return (
        f"# Findings\n\n*{TRADEOFFS.title}* ({TRADEOFFS.source}), trained again with several seeds and asked again "
        f"at equal training FLOPs. This page is computed from [{RECORDS}]({RECORDS}) by `{_COMMAND}`; a test holds it "
        "to them. The [rules](docs/decisions/0014-claims.md) were written down before any contrast was computed: "
        "differences are paired over seeds, in nats per target, positive where the first of a pair is better, "
        "with their own 95 % interval; p is of a paired t-test, corrected by Holm over what "
        "is asked together; below three seeds nothing is judged. "
        f"The second study, scaled, has a [page of its own]({TINY_PAGE})."
    )


def _verdict_table(answers: Sequence[ClaimAnswer]) -> Table:
    rows = tuple(
        Row((f"{answer.claim.name}: {answer.claim.says}", *(_verdict_cell(answer, basis) for basis in _COLUMNS)))
        for answer in answers
    )
    columns = ("claim", *(BASES[basis] for basis in _COLUMNS))
    return Table("", columns, rows, words=frozenset(columns))


def _verdict_cell(answer: ClaimAnswer, column: Basis) -> str:
    """The verdict in a setting; one that is not the column's own stands there under its own name."""
    for each in answer.settings:
        star = rf"\{EDGE}" if each.is_at_edge else ""
        if each.setting.basis == column:
            return f"**{each.verdict}**{star}"
        if _STANDS_UNDER.get(each.setting.basis) == column:
            return f"{each.setting.words}, nothing matched: **{each.verdict}**{star}"
    return NOTHING


def _is_at_edge(answer: ClaimAnswer) -> bool:
    return any(each.is_at_edge for each in answer.settings)


def _counted(found: Reproduction) -> str:
    return join([f"{count} {'are' if count > 1 else 'is'} {verdict}" for verdict, count in found.verdicts.items()])


def _hidden(found: Reproduction) -> list[str]:
    """Table 1 in both accounts: who is cheap depends on how it is counted."""
    table_1 = found.of(TRADEOFFS.tables[0])
    cells = [result for result in table_1 if result.train_flops]
    if len(cells) < len(table_1):
        return [f"Table 1 is not run yet: {len(cells)} of its {len(table_1)} models are."]
    orders = {
        account: join([each.cell.label for each in sorted(cells, key=lambda each: (each.train_flops or {})[account])])
        for account in ("2nd", "matmul")
    }
    said = (
        "The study charges 2 FLOPs for each parameter and position. So the linear model and the MLP pay at every "
        "position for matrices that they use once a window, and nobody pays for the backward pass. By its account "
        f"(`2nd`) the order from cheap to dear is {orders['2nd']}; by the matrix products that are really done, "
        f"backward pass included (`matmul`), it is {orders['matmul']}."
    )
    return [said, _markdown(_account_table(cells))]


def _account_table(cells: Sequence[CellResult]) -> Table:
    rows = []
    for each in cells:
        spent = each.train_flops or {}
        costs = (format_flops(spent["2nd"]), format_flops(spent["matmul"]), f"{spent['2nd'] / spent['matmul']:.3g}")
        n_params = format_count(each.cell.published.n_params)
        rows.append(Row((each.cell.label, n_params, *costs, with_half_width(each.ours))))
    columns = ("table 1", "parameters", "2nd", "matmul", "2nd ÷ matmul", "our test NLL")
    return Table("", columns, tuple(rows), words=frozenset({"table 1"}))


def _section(section: Section, sweeps: Admitted) -> str:
    links = join([_link(name, sweeps) for name in section.sweeps])
    said = "\n".join(f"- {each}" for each in (*section.sentences[:-1], f"{section.sentences[-1]} Records: {links}."))
    parts = [f"### {section.heading}", said, *map(_markdown, section.tables)]
    return "\n\n".join(parts)


def _link(name: str, sweeps: Admitted) -> str:
    if name not in sweeps:
        return f"{name} ({'left out' if name in sweeps.left_out else 'not run yet'})"
    return f"[{name.removeprefix('tradeoffs-')}]({RECORDS}/{name}.json)"


def _cell_table(found: Reproduction) -> Table:
    rows = tuple(
        Row(
            (
                result.table.key,
                result.cell.label,
                format_nll(result.cell.published.test_nll),
                with_half_width(result.ours),
                str(len(result.test_nlls)) if result.test_nlls else NOTHING,
                NOTHING if result.difference is None else f"{result.difference:+.4f}",
                result.verdict,
            )
        )
        for result in found.results
    )
    columns = ("table", "cell", "published", "ours", "seeds", "ours − published", "verdict")
    return Table("", columns, rows, words=frozenset({"table", "cell", "verdict"}))


def _limits(sweeps: Admitted) -> str:
    records = [record for each in sweeps.values() for record in each.records]
    complete = [record for record in records if record.state == "complete"]
    devices = sorted({record.provenance.device for record in complete})
    counts = f"{len(complete)} runs on {join(devices)}, {losses(records)}"
    runs = f"{counts}; on another device no number repeats to the last bit."
    limits = [_LIMITS.format(runs=runs if complete else "Nothing is run yet.")]
    return "\n".join([*limits, *(f"- Not counted: {reason}." for reason in sweeps.left_out.values())])


def _markdown(table: Table) -> str:
    aligned = [":--" if name in table.words else "--:" for name in table.columns]
    lines = [table.columns, aligned, *(row.cells for row in (*table.rows, *table.rest))]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
