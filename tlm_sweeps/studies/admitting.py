"""Which runs count for a study: those of sweeps that ran its own specs, and of the seeds that are asked for.

Cells, claims and questions read nothing but what is admitted here. What is left out keeps its reason, so that it can be
said wherever it is missing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from tlm_sweeps.compute.planning import seeds_of
from tlm_sweeps.report.sources import SweepResults
from tlm_sweeps.spec.identity import identity


@dataclass(frozen=True)
class Admitted(Mapping[str, SweepResults]):
    """The sweeps that count, by name, and why others do not."""

    counted: Mapping[str, SweepResults] = field(default_factory=dict)
    left_out: Mapping[str, str] = field(default_factory=dict)
    """Why a sweep that was found does not count, by its name."""

    def __getitem__(self, name: str) -> SweepResults:
        """A sweep that counts."""
        return self.counted[name]

    def __iter__(self) -> Iterator[str]:
        """Names of the sweeps that count."""
        return iter(self.counted)

    def __len__(self) -> int:
        """How many count."""
        return len(self.counted)


def admit(
    identities: Mapping[str, str],
    sweeps: Mapping[str, SweepResults],
    seeds: int | None = None,
    runs_per_seed: Mapping[str, int] | None = None,
) -> Admitted:
    """Take what counts of the sweeps that were found.

    Args:
        identities: of the study's own specs, by sweep name; sweeps of other names are none of the study's.
        sweeps: what was found, by name. What it has already left out stays left out.
        seeds: count seeds 0 … seeds - 1 only, and ask for all of these; default: those of each sweep's spec.
        runs_per_seed: of sweeps that have several seeds for each of these.
    """
    each_has = runs_per_seed or {}
    named = {name: results for name, results in sweeps.items() if name in identities}
    counted = {
        name: _of_seeds(results, seeds and seeds * each_has.get(name, 1))
        for name, results in named.items()
        if identity(results.spec) == identities[name]
    }
    foreign = {name: _reason(name, results, identities) for name, results in named.items() if name not in counted}
    return Admitted(counted, {**_left_out(sweeps), **foreign})


def absence(name: str, sweeps: Mapping[str, SweepResults]) -> str:
    """Why a sweep is not among those that count: it is left out, or not run.

    >>> absence("tradeoffs-depth", {})
    'tradeoffs-depth is not run'
    """
    return _left_out(sweeps).get(name, f"{name} is not run")


def _left_out(sweeps: Mapping[str, SweepResults]) -> Mapping[str, str]:
    return sweeps.left_out if isinstance(sweeps, Admitted) else {}


def _reason(name: str, results: SweepResults, identities: Mapping[str, str]) -> str:
    found, complete = identity(results.spec), sum(each.state == "complete" for each in results.records)
    runs = f"its {complete} complete run{'' if complete == 1 else 's'}"
    return f"{name} is left out with {runs}: its spec ({found}) is not the study's ({identities[name]})"


def _of_seeds(results: SweepResults, seeds: int | None) -> SweepResults:
    """With the runs of the seeds that are asked for, and no others."""
    spec = results.spec if seeds is None else results.spec.model_copy(update={"seeds": seeds})
    asked = frozenset(seeds_of(spec))
    return replace(results, spec=spec, records=tuple(each for each in results.records if each.seed in asked))
