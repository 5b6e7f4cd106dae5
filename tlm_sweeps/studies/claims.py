"""A study's claims as objects, and what becomes of them: a verdict in each setting, computed from records.

The rule (docs/decisions/0014-claims.md): in a setting a claim `does not hold` when a deciding contrast is reversed or
the study's own condition on FLOPs is not met; else it is `not run` when a contrast is; else it `holds` when all
contrasts hold; else it is `not shown`.
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

Basis = Literal["own account", "equal FLOPs, last", "equal FLOPs, all"]
BASES: dict[Basis, str] = {
    "own account": "by the study's own account",
    "equal FLOPs, last": "at equal matmul FLOPs with one target a window",
    "equal FLOPs, all": "at equal matmul FLOPs with all positions as targets",
}
"""The settings in which a claim is asked, in words."""

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
    named: str = ""
    """How it is called, where the words of its basis would not be true of it."""

    @property
    def words(self) -> str:
        """What it is called in a sentence."""
        return self.named or BASES[self.basis]


@dataclass(frozen=True)
class Claim:
    """What a study says, what it rests on, and how it is asked again."""

    name: str
    says: str
    evidence: str
    """The study's own."""
    settings: tuple[Setting, ...]

    @property
    def sweeps(self) -> tuple[str, ...]:
        """Names of the sweeps that it rests on."""
        contrasts = [each for one in self.settings for each in (*one.contrasts, *one.beside)]
        sides = [side for each in contrasts for side in (each.first, each.second)]
        return tuple(dict.fromkeys(arm_of(side).sweep for side in sides))


@dataclass(frozen=True)
class SettingAnswer:
    """What became of a claim in one setting."""

    setting: Setting
    compared: tuple[Compared, ...]
    beside: tuple[Compared, ...]

    @property
    def is_dearer(self) -> bool:
        """Whether the study's condition on FLOPs is known not to be met by some deciding contrast."""
        return any(_is_dearer(each, self.setting.cheaper) for each in self.compared)

    @property
    def verdict(self) -> Verdict:
        """By the rule."""
        found = {each.verdict for each in self.compared}
        if "reversed" in found or self.is_dearer:
            return "does not hold"
        if "not run" in found:
            return "not run"
        return "holds" if found == {"holds"} else "not shown"


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
            if words := [each.setting.words for each in self.settings if each.verdict == verdict]:
                found[verdict] = words
        if len(found) == 1:
            return f"{self.claim.name} {PHRASES[next(iter(found))]}: {self.claim.says}"
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
    return SettingAnswer(setting, compare_all(setting.contrasts, sweeps), compare_all(setting.beside, sweeps))


def _is_dearer(compared: Compared, account: Account | None) -> bool:
    if account is None:
        return False
    first, second = compared.first.train_flops(account), compared.second.train_flops(account)
    return first is not None and second is not None and first >= second
