"""Where the results come from: commit, versions, device, corpus, command; each distinct value once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tlm_sweeps.report.sources import SweepResults
from tlm_sweeps.runs.record import Provenance


def origins(results: SweepResults) -> list[tuple[str, list[str]]]:
    """Each fact with its values over all runs; more than one value where they differ."""
    known = [record.provenance for record in results.records if record.provenance != Provenance()]
    times = [time for record in results.records for time in (record.started_at, record.finished_at) if time]
    facts: list[tuple[str, Iterable[str]]] = [
        ("commit", (_commit(each) for each in known if each.commit)),
        ("versions", (_pairs(each.versions) for each in known)),
        ("device", (f"{each.device}, {each.threads} thread{'s'[: each.threads != 1]}" for each in known)),
        ("corpus", (_corpus(each.corpus) for each in known)),
        ("started by", (" ".join(each.argv) for each in known)),
        ("W&B sweep", [results.page_url] if results.page_url else []),
        ("first start", [min(times)] if times else []),
        ("last end", [max(times)] if times else []),
        ("records read at", [results.created_at]),
    ]
    distinct = ((name, [value for value in dict.fromkeys(values) if value]) for name, values in facts)
    return [(name, values) for name, values in distinct if values]


def _commit(provenance: Provenance) -> str:
    before = f", first steps by {', '.join(provenance.earlier_commits)}" if provenance.earlier_commits else ""
    return f"{provenance.commit}{' with uncommitted changes' if provenance.dirty else ''}{before}"


def _pairs(facts: dict[str, str]) -> str:
    return ", ".join(f"{name} {value}" for name, value in facts.items())


def _corpus(facts: dict[str, Any]) -> str:
    return ", ".join(f"{name} {_in_words(value)}" for name, value in facts.items() if value is not None)


def _in_words(value: Any) -> str:
    match value:
        case dict():
            return f"({_corpus(value)})"
        case list():
            return str(len(value))  # of labels: FewRel's 64 are said in every record
        case float():
            return f"{value:.3g}"
        case int():
            return f"{value:,}"
        case _:
            return str(value)
