"""`reproduce tiny-language-models`: what the scaled study's records say of its claims, printed and written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tlm_sweeps.committees.document import CommitteeDocument
    from tlm_sweeps.report.sources import SweepResults
    from tlm_sweeps.studies.published import Study


@dataclass(frozen=True)
class Telling:
    """Where what is told comes from, and where it goes."""

    kept: Path | None
    """Folder of kept records; None: the runs folder."""
    runs: Path
    keep_in: Path | None
    """The study's own folder of records, to be filled."""
    html: Path | None
    findings: Path | None
    json: bool
    argv: tuple[str, ...]
    times_again: bool
    """Whether committees that are known are formed and timed anew."""


def tell_tiny(study: Study, sweeps: Mapping[str, SweepResults], seeds: int | None, telling: Telling) -> None:
    """Say what became of the claims that are asked for, on stdout and in files.

    Raises:
        InputError: two runs of one seed answer to an arm, or a committee cannot be read or formed.
    """
    from tlm_sweeps.cli.study_committees import committees_formed, committees_kept
    from tlm_sweeps.console.claims_view import sections_view
    from tlm_sweeps.console.streams import out, say, show, write_json
    from tlm_sweeps.studies.tiny import reproduce_tiny
    from tlm_sweeps.studies.tiny_committee_claim import B4
    from tlm_sweeps.studies.tiny_document import tiny_document
    from tlm_sweeps.studies.tiny_findings import write_tiny_findings
    from tlm_sweeps.studies.tiny_page import write_tiny_page
    from tlm_sweeps.studies.tiny_sections import sections

    documents: tuple[CommitteeDocument, ...] = ()
    if telling.kept is not None:
        documents = committees_kept(study, telling.kept)
    elif any(answer.key == B4.name for answer in study.answers):
        documents = committees_formed(
            study,
            sweeps,
            seeds,
            runs=telling.runs,
            keep_in=telling.keep_in,
            argv=telling.argv,
            times_again=telling.times_again,
        )
    found = reproduce_tiny(study, sweeps, documents, seeds)
    if telling.json:
        write_json(tiny_document(found))
    else:
        show(sections_view(sections(found), out()))
    if telling.html is not None:
        say(f"report: {write_tiny_page(found, telling.html)}")
    if telling.findings is not None:
        whole = reproduce_tiny(_whole(study), sweeps, documents, seeds)
        say(f"findings: {write_tiny_findings(whole, telling.findings)}")


def _whole(study: Study) -> Study:
    """The study with all its claims: a page of findings has them all."""
    from tlm_sweeps.studies.choosing import study_of

    return study_of(study.name)
