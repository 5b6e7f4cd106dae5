"""A study's claims as objects, and what becomes of them: a verdict in each setting, computed from records.

The rule (docs/decisions/0014-claims.md): in a setting a claim `does not hold` when a deciding contrast is reversed or
the study's own condition on FLOPs is not met; else it is `not run` when a contrast is, or when what that condition
needs is not known; else it `holds` when all contrasts hold; else it is `not shown`. At equal FLOPs, contrasts whose
sides have not spent the same are not run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from tlm_sweeps.report.sources import SweepResults
from tlm_sweeps.spec.sweep import Account
from tlm_sweeps.studies.contrasts import Compared, Contrast, compare_all
from tlm_sweeps.studies.sides import arm_of
from tlm_sweeps.studies.wording import join

Basis = Literal["own account", "equal FLOPs, last", "equal FLOPs, all", "all positions"]
BASES: dict[Basis, str] = {
    "own account": "by the study's own account",
    "equal FLOPs, last": "at equal matmul FLOPs with one target a window",
    "equal FLOPs, all": "at equal matmul FLOPs with all positions as targets",
    "all positions": "with all positions as targets",
}
"""The settings in which a claim is asked, in words."""
_EQUAL: dict[Basis, Account] = {"equal FLOPs, last": "matmul", "equal FLOPs, all": "matmul"}
"""The account in which both sides must have spent the same, by setting."""
EDGE = "*"
"""Marks what rests on a learning rate that is the lowest or the highest that was tried."""
EDGE_LEGEND = "a star marks a learning rate that is the lowest or highest that was tried: a better one may lie beyond"

Verdict = Literal["does not hold", "not shown", "holds", "not run"]
PHRASES: dict[Verdict, str] = {
    "does not hold": "does not hold",
    "not shown": "is not shown",
    "holds": "holds",
    "not run": "is not run yet",
}
"""Verdicts in a sentence; the bad news first."""


@dataclass(frozen=True)
class Setting:
    """One way to ask a claim."""

    basis: Basis
    contrasts: tuple[Contrast, ...]
    """Those that decide."""
    beside: tuple[Contrast, ...] = ()
    """Shown, and corrected among themselves; they decide nothing."""
    cheaper: Account | None = None
    """The first must also have spent fewer FLOPs in this account."""
    note: str = ""
    """What a reader must know about how it is asked."""

    @property
    def words(self) -> str:
        """What it is called in a sentence."""
        return BASES[self.basis]


@dataclass(frozen=True)
class Claim:
    """What a study says, what it rests on, and how it is asked again."""

    name: str
    says: str
    evidence: str
    """The study's own."""
    settings: tuple[Setting, ...]
    pictured: tuple[str, ...] = ()
    """Names of sweeps that its picture shows and that no contrast is about."""

    @property
    def sweeps(self) -> tuple[str, ...]:
        """Names of the sweeps that it rests on."""
        contrasts = [each for one in self.settings for each in (*one.contrasts, *one.beside)]
        sides = [side for each in contrasts for side in (each.first, each.second)]
        return tuple(dict.fromkeys([*(arm_of(side).sweep for side in sides), *self.pictured]))


@dataclass(frozen=True)
class SettingAnswer:
    """What became of a claim in one setting."""

    setting: Setting
    compared: tuple[Compared, ...]
    beside: tuple[Compared, ...]

    @property
    def is_dearer(self) -> bool:
        """Whether the study's condition on FLOPs is known not to be met by some deciding contrast."""
        return any(first >= second for first, second in self._costs if first is not None and second is not None)

    @property
    def is_at_edge(self) -> bool:
        """Whether a side that decides has the lowest or highest learning rate that was tried."""
        return any(side.is_at_edge for each in self.compared for side in (each.first, each.second))

    @property
    def missing(self) -> tuple[str, ...]:
        """Why it is not run; empty where nothing is missing."""
        reasons = [each.missing for each in self.compared if each.missing]
        if not reasons and any(None in pair for pair in self._costs):
            reasons = [f"what the runs have spent ({self.setting.cheaper}) is not known"]
        return tuple(dict.fromkeys(reasons))

    @property
    def verdict(self) -> Verdict:
        """By the rule."""
        found = {each.verdict for each in self.compared}
        if "reversed" in found or self.is_dearer:
            return "does not hold"
        if self.missing:
            return "not run"
        return "holds" if found == {"holds"} else "not shown"

    @property
    def _costs(self) -> list[tuple[float | None, float | None]]:
        """FLOPs of both sides in the account of the study's condition; empty where it has none."""
        account = self.setting.cheaper
        if account is None:
            return []
        return [(each.first.train_flops(account), each.second.train_flops(account)) for each in self.compared]


@dataclass(frozen=True)
class ClaimAnswer:
    """What became of a claim."""

    claim: Claim
    settings: tuple[SettingAnswer, ...]

    @property
    def heading(self) -> str:
        """The verdicts in a sentence, the failures first."""
        found: dict[Verdict, list[str]] = {}
        for verdict in PHRASES:
            if words := [_marked(each) for each in self.settings if each.verdict == verdict]:
                found[verdict] = words
        if len(found) == 1:
            verdict, words = next(iter(found.items()))
            star = EDGE if any(each.endswith(EDGE) for each in words) else ""
            return f"{self.claim.name} {PHRASES[verdict]}{star}: {self.claim.says}"
        said = "; ".join(
            f"{PHRASES[verdict]} {join(bases)}" for verdict, bases in found.items() if verdict != "not run"
        )
        said += "; the rest is not run yet" if "not run" in found else ""
        return f"{self.claim.name} {said}: {self.claim.says}"


def judge(claim: Claim, sweeps: Mapping[str, SweepResults]) -> ClaimAnswer:
    """Ask a claim of the records that there are.

    Raises:
        InputError: when two runs of one seed answer to an arm.
    """
    return ClaimAnswer(claim, tuple(_answer(setting, sweeps) for setting in claim.settings))


def _answer(setting: Setting, sweeps: Mapping[str, SweepResults]) -> SettingAnswer:
    equal = _EQUAL.get(setting.basis)
    deciding, beside = (compare_all(asked, sweeps, equal) for asked in (setting.contrasts, setting.beside))
    return SettingAnswer(setting, deciding, beside)


def _marked(answer: SettingAnswer) -> str:
    """What a setting is called, with a star where it rests on a learning rate at the edge."""
    return answer.setting.words + (EDGE if answer.is_at_edge else "")
