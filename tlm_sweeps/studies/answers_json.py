"""Claims and questions with what became of them, as plain dicts for `--json`. What is not known is null."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, assert_never

from tlm_sweeps.report.certainty import Estimate
from tlm_sweeps.report.sources import SweepResults
from tlm_sweeps.runs.record import Record
from tlm_sweeps.studies.claims import Claim, SettingAnswer, judge
from tlm_sweeps.studies.contrasts import Compared
from tlm_sweeps.studies.overfitting import Course, overfitting
from tlm_sweeps.studies.question_sections import answer_of
from tlm_sweeps.studies.questions import Comparisons, GroupAnswer, Overfitting, Question, Shape, compare_groups
from tlm_sweeps.studies.shapes import Best, Step, best_shapes
from tlm_sweeps.studies.sides import Measured


def claims_json(sweeps: Mapping[str, SweepResults], claims: Sequence[Claim]) -> list[dict[str, Any]]:
    """Each claim with its verdict in each setting and the contrasts that decide.

    Raises:
        InputError: when two runs of one seed answer to an arm.
    """
    answers = [judge(claim, sweeps) for claim in claims]
    return [
        {
            "name": answer.claim.name,
            "says": answer.claim.says,
            "evidence": answer.claim.evidence,
            "heading": answer.heading,
            "settings": [_setting(each) for each in answer.settings],
            "sweeps": list(answer.claim.sweeps),
        }
        for answer in answers
    ]


def questions_json(sweeps: Mapping[str, SweepResults], questions: Sequence[Question]) -> list[dict[str, Any]]:
    """Each question with its answer in words and in numbers.

    Raises:
        InputError: when two runs of one seed answer to an arm.
    """
    return [_question(question, sweeps) for question in questions]


def _setting(answer: SettingAnswer) -> dict[str, Any]:
    return {
        "basis": answer.setting.basis,
        "words": answer.setting.words,
        "verdict": answer.verdict,
        "missing": list(answer.missing),
        "cheaper": answer.setting.cheaper,
        "is_dearer": answer.is_dearer if answer.setting.cheaper else None,
        "at_edge": answer.is_at_edge,
        "note": answer.setting.note,
        "contrasts": [_compared(each) for each in answer.compared],
        "beside": [_compared(each) for each in answer.beside],
    }


def _question(question: Question, sweeps: Mapping[str, SweepResults]) -> dict[str, Any]:
    answer = answer_of(question, sweeps)
    return {
        "number": question.number,
        "asks": question.asks,
        "scope": question.scope,
        "answer": answer.headline,
        "details": answer.details,
        **_measured_answer(question.kind, sweeps),
        "sweeps": list(question.sweeps),
    }


def _measured_answer(kind: Comparisons | Shape | Overfitting, sweeps: Mapping[str, SweepResults]) -> dict[str, Any]:
    match kind:
        case Comparisons():
            return {"groups": [_group(each) for each in compare_groups(kind, sweeps)]}
        case Shape():
            shapes = best_shapes(kind, sweeps)
            return {
                "best": [_best(each, tuple(kind.steps)) for each in shapes.best],
                "steps": [_step(each) for each in shapes.steps],
            }
        case Overfitting():
            answer = overfitting(kind, sweeps)
            courses = [_course(each) for each in answer.courses]
            return {"courses": courses, "contrasts": [_compared(each) for each in answer.compared]}
        case _:
            assert_never(kind)


def _group(answer: GroupAnswer) -> dict[str, Any]:
    compared = [_compared(each) for each in answer.compared]
    return {"title": answer.group.title, "reference": _side(answer.reference), "contrasts": compared}


def _best(best: Best, names: Sequence[str]) -> dict[str, Any]:
    return {
        "budget_flops": best.budget_flops,
        "shape": dict(zip(names, best.values, strict=True)) if best.shape else None,
        "measured": _side(best.shape) if best.shape else None,
        "within_noise": [dict(zip(names, values, strict=True)) for values in best.close],
    }


def _step(step: Step) -> dict[str, Any]:
    return {
        "name": step.name,
        "low": step.low,
        "high": step.high,
        "worse_up_to_flops": step.worse_up_to,
        "better_from_flops": step.better_from,
        "contrasts": [_compared(each) for each in step.compared],
    }


def _course(course: Course) -> dict[str, Any]:
    return {
        **_side(course.measured),
        "best_epoch": _estimate(course.best_epoch),
        "epochs": course.epochs,
        "best_val_nll": _estimate(course.best_val_nll),
        "rise": _estimate(course.rise),
        "verdict": course.verdict,
    }


def _compared(compared: Compared) -> dict[str, Any]:
    return {
        "at": compared.contrast.at,
        "first": _side(compared.first),
        "second": _side(compared.second),
        "difference": _estimate(compared.difference),
        "p": compared.p,
        "corrected_p": compared.corrected_p,
        "verdict": compared.verdict,
        "missing": compared.missing,
    }


def _side(measured: Measured) -> dict[str, Any]:
    return {
        "label": measured.label,
        "sweep": measured.sweep,
        "score": measured.score,
        "nll": _estimate(measured.estimate),
        "values": dict(measured.nlls),
        "n_asked": measured.n_asked,
        "n_failed": measured.n_failed,
        "n_infeasible": measured.n_infeasible,
        "unfinished": measured.unfinished,
        "missing": measured.missing,
        "chosen": dict(measured.chosen),
        "chosen_at_edge": measured.is_at_edge,
        "budget_flops": measured.budget_flops,
        "matmul_flops": measured.train_flops("matmul"),
        "2nd_flops": measured.train_flops("2nd"),
        **origin_json(measured.records),
    }


def origin_json(records: Sequence[Record]) -> dict[str, Any]:
    """Which runs a number is of, the commits that trained them, and on what."""
    commits = [each for record in records for each in (*record.provenance.earlier_commits, record.provenance.commit)]
    return {
        "runs": [record.run_id for record in records],
        "commits": sorted({each for each in commits if each is not None}),
        "devices": sorted({record.provenance.device for record in records}),
    }


def _estimate(found: Estimate | None) -> dict[str, Any] | None:
    return {"mean": found.mean, "interval": found.interval, "n": found.n} if found else None
