"""The scaled second study as sections of a page or a terminal: claims, what lies under them, committees, sizes."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from tlm_sweeps.report.certainty import Estimate, estimate
from tlm_sweeps.report.views import Row, Table
from tlm_sweeps.studies.quantities import Judged, difference
from tlm_sweeps.studies.quantity_claims import QuantityClaimAnswer, QuantitySettingAnswer
from tlm_sweeps.studies.sections import Section, filled
from tlm_sweeps.studies.tiny import TinyReproduction
from tlm_sweeps.studies.tiny_arms import SIZES, TASKS, deep, deep_random, shallow, shallow_random
from tlm_sweeps.studies.tiny_claims import OVERLAPS
from tlm_sweeps.studies.tiny_committee_tables import committee_table, latency_table
from tlm_sweeps.studies.tiny_document import SIZE
from tlm_sweeps.studies.tiny_evidence import Accuracies, accuracies
from tlm_sweeps.studies.tiny_published import MODELS
from tlm_sweeps.studies.wording import NOTHING, join, p_in_words, seeds_in_words, sentence

_COLUMNS = ("setting", "task", "what", "points, 95 %", "p", "seeds", "verdict")
_CAPTION = "Percentage points of test accuracy, mean over seeds (scaled)"
_WORDS = frozenset({"setting", "task", "what", "verdict", "model"})


def sections(found: TinyReproduction) -> tuple[Section, ...]:
    """Every claim that is asked for, then what all of them rest on.

    Raises:
        InputError: when two runs of one seed answer to an arm.
    """
    tables = (_accuracy_table(found), committee_table(found.committees), latency_table(found.committees))
    said = (f"All numbers are of the scaled study: {SIZE}.",)
    below = Section("What the claims rest on (scaled)", said, _with_rows(tables), found.study.sweeps)
    return (*(_claim_section(each) for each in found.answers), below, _sizes())


def _claim_section(answer: QuantityClaimAnswer) -> Section:
    said = [f"Asked: {answer.claim.about}.", *(_setting_sentence(each) for each in answer.settings)]
    rows = [_row(judged, join(settings)) for judged, settings in _with_settings(answer)]
    tables = _with_rows([filled(Table(_CAPTION, _COLUMNS, tuple(rows), words=_WORDS))])
    return Section(answer.heading, tuple(said), tables, answer.claim.sweeps)


def _with_settings(answer: QuantityClaimAnswer) -> list[tuple[Judged, list[str]]]:
    """Every quantity that has a value, once, with the settings that ask for it."""
    found: dict[str, tuple[Judged, list[str]]] = {}
    for each in answer.settings:
        words = each.setting.words
        for group, name in ((each.judged, words), (each.beside, f"{words}, beside")):
            for judged in group:
                if judged.quantity.values:
                    found.setdefault(repr(judged), (judged, []))[1].append(name)
    return list(found.values())


def _setting_sentence(answer: QuantitySettingAnswer) -> str:
    setting = answer.setting
    conditions = join([each.words for each in setting.conditions if each.is_met is not None])
    if answer.verdict == "not run":
        return sentence(f"{setting.words}: not run: {join(answer.missing)}", conditions, setting.note)
    agrees = "in the order of the claim" if all(each.verdict == "holds" for each in answer.judged) else ""
    at_best = sentence(agrees, setting.at_best) if setting.at_best else ""
    return sentence(f"{setting.words}: {answer.verdict} ({answer.counted})", conditions, at_best, setting.note)


def _row(judged: Judged, setting: str) -> Row:
    quantity = judged.quantity
    cells = (
        setting,
        quantity.label,
        quantity.says + (f" (may lack {100 * quantity.margin:g})" if quantity.margin else ""),
        in_points(quantity.estimate),
        p_in_words(judged.corrected_p),
        seeds_in_words(len(quantity.values), quantity.n_asked),
        judged.verdict,
    )
    return Row(cells)


def in_points(found: Estimate | None) -> str:
    """A difference of accuracies in percentage points, with its interval.

    >>> in_points(Estimate(0.05, 0.025, 3)), in_points(Estimate(-0.05, None, 1)), in_points(None)
    ('+5.00 (+2.50 to +7.50)', '-5.00 (one seed)', '–')
    """
    if found is None:
        return NOTHING
    mean = f"{100 * found.mean:+.2f}"
    if found.interval is None:
        return f"{mean} (one seed)"
    low, high = found.interval
    return f"{mean} ({100 * low:+.2f} to {100 * high:+.2f})"


def _accuracy_table(found: TinyReproduction) -> Table:
    """Accuracy, gain, errors removed and overlap of every encoder on every task."""
    rows: list[Row] = []
    for task in TASKS:
        for arm_of, random_arm in ((deep, deep_random), (shallow, shallow_random)):
            random = accuracies(random_arm(task), found.sweeps)
            arms = [random, *(accuracies(arm_of(task, size), found.sweeps) for size in SIZES)]
            rows += [_accuracy_row(task.name, each, random) for each in arms if each.by_seed]
    columns = ("task", "model", "accuracy, %", "gain, points, 95 %", "errors removed, %")
    columns = (*columns, *(f"overlap, {words}" for words in OVERLAPS.values()), "steps", "epochs", "train NLL", "seeds")
    caption = (
        "Test accuracy with its 95 % interval over seeds, what pre-training brings to the seeds that both have, the "
        "overlap of tokens, and how long fine-tuning was (scaled)"
    )
    return Table(caption, columns, tuple(rows), words=_WORDS)


def _accuracy_row(task: str, each: Accuracies, random: Accuracies) -> Row:
    ours, gains = each.estimate, {} if each is random else difference(each.by_seed, random.by_seed)
    gain = estimate(list(gains.values())) if gains else None
    errors = statistics.fmean(1 - random.by_seed[seed] for seed in gains) if gains else 0.0
    overlaps = [None if each is random else each.overlap(name) for name in OVERLAPS]
    cells = (
        task,
        each.label,
        NOTHING if ours is None else _percent(ours),
        in_points(gain),
        f"{100 * gain.mean / errors:.1f}" if gain and errors else NOTHING,
        *(NOTHING if overlap is None else f"{overlap:.4f}" for overlap in overlaps),
        join([f"{steps:,}" for steps in each.steps]) or NOTHING,
        NOTHING if each.epochs is None else f"{each.epochs:.1f}",
        NOTHING if each.train_nll is None else f"{each.train_nll:.3f}",
        seeds_in_words(len(each.by_seed), each.n_asked),
    )
    return Row(cells)


def _percent(found: Estimate) -> str:
    half = "" if found.half_width is None else f" ± {100 * found.half_width:.2f}"
    return f"{100 * found.mean:.2f}{half}"


def _sizes() -> Section:
    rows = tuple(
        Row((each.label, *(f"{n:,}" for n in (each.n_params_encoder, each.n_params_masked, each.n_params_classifier))))
        for each in MODELS
    )
    table = Table("", ("model", "encoder", "masked pieces", "64 labels"), rows, words=_WORDS)
    said = (
        "Parameters as published. The plan of sweeps/tiny-language-models/full.yaml gives those with masked pieces.",
        "Our encoders have as many as the first column, and classifiers of 64 labels as the last, by test.",
        "The study's accuracies could not be read, so none is compared. Its own sizes are not run.",
    )
    return Section("The study's own models (published; not run)", said, (table,), ())


def _with_rows(tables: Sequence[Table]) -> tuple[Table, ...]:
    return tuple(table for table in tables if table.rows)
