"""Claims that rest on quantities of seeds: how they are asked, and the verdict in each setting.

The rule (docs/decisions/0017-second-study.md, after 0014): a claim `does not hold` in a setting when a deciding
quantity is reversed or a condition is known not to be met; else it is `not run` when a quantity is, or when a condition
is not known; else it `holds` when all quantities hold, unless the evidence can at best not contradict it; else it is
`not shown`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from tlm_sweeps.studies.claims import PHRASES, Verdict
from tlm_sweeps.studies.quantities import Judged, Quantity, judge_quantities
from tlm_sweeps.studies.wording import join


@dataclass(frozen=True)
class Condition:
    """What must be so besides, for a claim to hold."""

    words: str
    """What was found: `the committee is 0.4 times as slow`."""
    is_met: bool | None
    """None where it is not known."""


@dataclass(frozen=True)
class QuantitySetting:
    """One way to ask a claim."""

    words: str
    """What it is called in a sentence: `deep`."""
    deciding: tuple[Quantity, ...]
    beside: tuple[Quantity, ...] = ()
    """Shown, and corrected among themselves; they decide nothing."""
    conditions: tuple[Condition, ...] = ()
    at_best: str = ""
    """Why it can at best be `not shown`; empty where it can hold."""
    note: str = ""
    """What a reader must know about how it is asked."""


@dataclass(frozen=True)
class QuantityClaim:
    """What a study says."""

    name: str
    says: str
    about: str
    """How it is asked again."""
    sweeps: tuple[str, ...]
    """Names of the sweeps that it rests on."""


@dataclass(frozen=True)
class QuantitySettingAnswer:
    """What became of a claim in one setting."""

    setting: QuantitySetting
    judged: tuple[Judged, ...]
    beside: tuple[Judged, ...]

    @property
    def missing(self) -> tuple[str, ...]:
        """Why it is not run; empty where nothing is missing."""
        reasons = [each.quantity.missing for each in self.judged if each.quantity.missing]
        unknown = [f"{each.words} is not known" for each in self.setting.conditions if each.is_met is None]
        nothing = [] if self.judged else ["nothing can be compared"]
        reasons = reasons or unknown or nothing
        return tuple(dict.fromkeys(reasons))

    @property
    def verdict(self) -> Verdict:
        """By the rule."""
        found = {each.verdict for each in self.judged}
        if "reversed" in found or any(each.is_met is False for each in self.setting.conditions):
            return "does not hold"
        if self.missing or not found:
            return "not run"
        return "holds" if found == {"holds"} and not self.setting.at_best else "not shown"

    @property
    def counted(self) -> str:
        """How the quantities came out: `2 of 3 hold, 1 within noise`."""
        found = Counter(each.verdict for each in self.judged)
        others = [f"{count} {verdict}" for verdict, count in found.items() if verdict != "holds"]
        return ", ".join([f"{found['holds']} of {len(self.judged)} hold", *others])


@dataclass(frozen=True)
class QuantityClaimAnswer:
    """What became of a claim."""

    claim: QuantityClaim
    settings: tuple[QuantitySettingAnswer, ...]

    @property
    def heading(self) -> str:
        """The verdicts in a sentence, the failures first."""
        found: dict[Verdict, list[str]] = {
            verdict: words
            for verdict in PHRASES
            if (words := [each.setting.words for each in self.settings if each.verdict == verdict])
        }
        if len(found) == 1:
            return f"{self.claim.name} {PHRASES[next(iter(found))]} (scaled): {self.claim.says}"
        said = "; ".join(f"{PHRASES[verdict]}: {join(words)}" for verdict, words in found.items())
        return f"{self.claim.name} (scaled) {said}: {self.claim.says}"


def judge_claim(claim: QuantityClaim, settings: Sequence[QuantitySetting]) -> QuantityClaimAnswer:
    """Judge every setting of a claim."""
    return QuantityClaimAnswer(
        claim,
        tuple(
            QuantitySettingAnswer(each, judge_quantities(each.deciding), judge_quantities(each.beside))
            for each in settings
        ),
    )
