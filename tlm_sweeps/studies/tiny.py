"""*Tiny language models* (arXiv 2507.14871) as a study: four claims, asked of a scaled one; no score was readable."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tlm_sweeps.committees.document import CommitteeDocument
from tlm_sweeps.report.sources import SweepResults
from tlm_sweeps.studies.admitting import Admitted, admit
from tlm_sweeps.studies.published import Answer, Study
from tlm_sweeps.studies.quantity_claims import QuantityClaimAnswer, judge_claim
from tlm_sweeps.studies.tiny_arms import RUNS_PER_SEED
from tlm_sweeps.studies.tiny_claims import B1, B2, B3, settings_of_b1, settings_of_b2, settings_of_b3
from tlm_sweeps.studies.tiny_committee_claim import B4, settings_of_b4
from tlm_sweeps.studies.tiny_committees import Seated, seated
from tlm_sweeps.studies.tiny_specs import IDENTITIES

CLAIMS = (B1, B2, B3, B4)
TINY = Study(
    name="tiny-language-models",
    title="Tiny language models",
    source="arXiv 2507.14871",
    tables=(),
    answers=tuple(Answer(claim.name, claim.sweeps) for claim in CLAIMS),
    identities=IDENTITIES,
    runs_per_seed=RUNS_PER_SEED,
)
"""Its published numbers are the parameter counts of `tiny_published`; its own sizes need a GPU."""


@dataclass(frozen=True)
class TinyReproduction:
    """What the scaled study's records say of the claims."""

    study: Study
    """With the claims that are asked for."""
    sweeps: Admitted
    """That count, by name."""
    committees: tuple[Seated, ...]
    """Committees of these runs, with their documents."""
    answers: tuple[QuantityClaimAnswer, ...]

    @property
    def own_sweeps(self) -> tuple[SweepResults, ...]:
        """The sweeps that the asked claims rest on."""
        return tuple(self.sweeps[name] for name in self.study.sweeps if name in self.sweeps)


def reproduce_tiny(
    study: Study,
    sweeps: Mapping[str, SweepResults],
    documents: Iterable[CommitteeDocument] = (),
    seeds: int | None = None,
) -> TinyReproduction:
    """Ask the claims of what was found.

    Args:
        study: `TINY`, with the claims that are wanted.
        sweeps: what was found, by name; those that are missing were not run, those of other specs do not count.
        documents: of committees; those of other runs do not count.
        seeds: count seeds 0 … seeds - 1 only, and six times as many of the members; default: those of each spec.

    Raises:
        InputError: when two runs of one seed answer to an arm, or two documents are of one committee.
    """
    counted = admit(study.identities, sweeps, seeds, study.runs_per_seed)
    committees = seated(documents, counted)
    settings = {
        B1: lambda: settings_of_b1(counted),
        B2: lambda: settings_of_b2(counted),
        B3: lambda: settings_of_b3(counted),
        B4: lambda: settings_of_b4(counted, committees),
    }
    keys = {each.key for each in study.answers}
    answers = tuple(judge_claim(claim, settings[claim]()) for claim in CLAIMS if claim.name in keys)
    return TinyReproduction(study, counted, committees, answers)
