"""Corpora and the machine as tables: what `data` and `doctor` print. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import RenderableType

from tlm_sweeps.console.tables import Column, table
from tlm_sweeps.corpora.holdings import CheckResult, CorpusStatus


@dataclass(frozen=True)
class Finding:
    """One thing that the program needs or can use, and what was found of it."""

    what: str
    ok: bool
    found: str
    needed: bool = True
    """Whether nothing works without it."""


def corpora_view(statuses: Sequence[CorpusStatus]) -> RenderableType:
    """Known corpora and where they are."""
    return table(
        [
            Column("corpus", tuple(each.name for each in statuses), is_words=True),
            Column("here", tuple(_here(each) for each in statuses), is_words=True),
            Column("characters", tuple(_count(each) for each in statuses)),
            Column("about", tuple(f"{each.about}; {each.licence}" for each in statuses), is_words=True),
        ]
    )


def checks_view(results: Sequence[CheckResult]) -> RenderableType:
    """Every file of a corpus with its verdict."""
    return table(
        [
            Column("file", tuple(str(each.path) for each in results), is_words=True),
            Column("verdict", tuple(_verdict(each) for each in results), is_words=True),
            Column("characters", tuple(f"{each.found.characters:,}" if each.found else "–" for each in results)),
            Column("sha256", tuple((each.found_sha256 or "–")[:12] for each in results), is_words=True),
        ]
    )


def findings_view(findings: Sequence[Finding]) -> RenderableType:
    """The doctor's list."""
    return table(
        [
            Column("", tuple("ok" if each.ok else "missing" for each in findings), is_words=True),
            Column("what", tuple(each.what for each in findings), is_words=True),
            Column("found", tuple(each.found for each in findings), is_words=True),
        ],
        dim=[number for number, each in enumerate(findings) if not each.ok and not each.needed],
    )


def _here(status: CorpusStatus) -> str:
    if status.found is None:
        return "no"
    return str(status.found) if status.whole else f"{status.found} (not whole)"


def _count(status: CorpusStatus) -> str:
    return f"{status.expected.characters:,}" if status.expected else "–"


def _verdict(result: CheckResult) -> str:
    if result.found_sha256 is None:
        return "missing"
    if not result.ok:
        return "differs from what is known"
    return "ok" if result.expected_sha256 else "ok (nothing to compare with)"
