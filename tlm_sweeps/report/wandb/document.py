"""A sweep's results as a W&B Report: our words and tables, and panels that W&B draws from the sweep's runs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tlm_sweeps.report.caveats import caveats
from tlm_sweeps.report.costs import CONVENTIONS
from tlm_sweeps.report.origins import origins
from tlm_sweeps.report.sources import SweepResults, ensure_reportable
from tlm_sweeps.report.statistics import TrialResult, leaderboard
from tlm_sweeps.report.views import cost_table, leaderboard_tables, unranked_table
from tlm_sweeps.report.wandb import tables
from tlm_sweeps.report.wandb.markdown import plain, table
from tlm_sweeps.report.wandb.marks import mark_of
from tlm_sweeps.report.wandb.panels import RunsOf, curves_grid, frontier_grid, hyperparameter_grid, isoflop_grid
from tlm_sweeps.report.wandb.workspaces import reports, same_names
from tlm_sweeps.report.words import answers, summary
from tlm_sweeps.spec.yaml_writing import to_yaml

if TYPE_CHECKING:
    import wandb_workspaces.reports.v2.interface as wr

_LONGEST_TITLE = 128


@dataclass(frozen=True)
class Place:
    """Where a report goes, and which runs it shows."""

    entity: str | None
    """None: nobody has said."""
    project: str
    runs: RunsOf
    note: str = ""
    """What a reader must know of the panels, e.g. that the runs are not at W&B."""


def build_report(results: SweepResults, place: Place) -> wr.Report:
    """The report, as wandb-workspaces has it. Asks no server anything.

    Raises:
        InputError: when no run is complete.
    """
    ensure_reportable(results)
    wr, _ = reports()
    ranked = leaderboard(results)
    with same_names(f"{place.runs.sweep_id}/{place.runs.fingerprint}"):
        return wr.Report(
            entity=place.entity or "",
            project=place.project,
            title=title_of(results),
            description=summary(results, len(ranked)),
            width="fluid",
            blocks=list(_blocks(results, ranked, place)),
        )


def title_of(results: SweepResults) -> str:
    """The sweep's name and question, as long as W&B allows."""
    title = f"{results.spec.name}: {results.spec.question}" if results.spec.question else results.spec.name
    title = " ".join(title.split())
    return title if len(title) <= _LONGEST_TITLE else title[: _LONGEST_TITLE - 1] + "…"


def request_of(report: wr.Report) -> dict[str, Any]:
    """What W&B would be sent; on the wire, `spec` is this JSON as text."""
    with same_names(report.title):  # the report's own name, drawn when the request is made
        model = report._to_model()  # noqa: SLF001 - its `save` sends exactly this; there is no public way to see it
    return {
        "entityName": report.entity or None,
        "projectName": report.project,
        "displayName": model.display_name,
        "description": model.description,
        "type": "runs",
        "spec": json.loads(model.spec.model_dump_json(by_alias=True, exclude_none=True)),
    }


def _blocks(results: SweepResults, ranked: Sequence[TrialResult], place: Place) -> Iterator[Any]:
    wr, _ = reports()
    yield from _answer(results, ranked, place)
    yield wr.TableOfContents()
    yield from _section("Leaderboard", *(table(each) for each in leaderboard_tables(results)), _unranked(results))
    yield from _section("NLL against FLOPs", frontier_grid(results, place.runs), tables.frontier_table(results))
    yield from _section("IsoFLOP curves", isoflop_grid(results, place.runs), tables.isoflop_table(ranked))
    together = hyperparameter_grid(results, place.runs)
    yield from _section("Hyperparameters", together, tables.importance_text(results, ranked) if together else "")
    yield from _section("Curves over FLOPs", curves_grid(results, place.runs))
    yield from _section("Seeds", tables.seeds_table(ranked))
    yield from _section("What did not finish", tables.outcomes_table(results) or "Every run is complete or still open.")
    yield from _section("Cost", table(cost_table(results)))
    spec = wr.CodeBlock(to_yaml(results.spec), language="yaml")
    yield from _section("Where it comes from", _origins(results), spec, _updating(results, place))


def _answer(results: SweepResults, ranked: Sequence[TrialResult], place: Place) -> Iterator[Any]:
    wr, _ = reports()
    yield wr.H1(results.spec.question or "Which setting is best?")
    for answer in answers(results, ranked):
        yield wr.P(f"{answer.found} {answer.margin}")
        yield wr.P(answer.certainty)
    if not ranked:
        yield wr.P("No setting has all its seeds complete yet, so none is ranked.")
    yield wr.P(f"{summary(results, len(ranked))} {CONVENTIONS[results.account]} Validation NLL chooses.")
    if place.note:
        yield wr.P(place.note)
    if found := caveats(results, ranked):
        yield wr.H2("Before you believe it")
        yield wr.MarkdownBlock("\n".join(f"- {plain(sentence)}" for sentence in found))


def _updating(results: SweepResults, place: Place) -> str:
    """By which the report is known again, and what that means for who edits it."""
    sweep_id = place.runs.sweep_id
    name = f"{place.entity}/{place.project}/{sweep_id}" if sweep_id else results.spec.name
    updating = f"`tlm-sweeps report {name} --wandb` brings it up to date; what was edited here is then lost."
    return f"{mark_of(place.runs)} {updating}"


def _section(title: str, *parts: Any) -> Iterator[Any]:
    """A heading and what there is under it: markdown texts and blocks; nothing where all are empty."""
    wr, _ = reports()
    there = [part for part in parts if part]
    if there:
        yield wr.H2(title)
    for part in there:
        yield wr.MarkdownBlock(part) if isinstance(part, str) else part


def _unranked(results: SweepResults) -> str:
    found = unranked_table(results)
    return table(found) if found else ""


def _origins(results: SweepResults) -> str:
    lines = [f"- **{plain(name)}**: {'; '.join(plain(value) for value in values)}" for name, values in origins(results)]
    return "\n".join(lines)
