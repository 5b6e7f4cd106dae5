"""The scaled second study as one document for programs: claims, accuracies, overlaps, committees beside the deep."""

from __future__ import annotations

from typing import Any, get_args

from tlm_sweeps.committees.document import Blocks
from tlm_sweeps.report.certainty import Estimate
from tlm_sweeps.studies.quantities import Judged
from tlm_sweeps.studies.quantity_claims import QuantityClaimAnswer, QuantitySettingAnswer
from tlm_sweeps.studies.tiny import TinyReproduction
from tlm_sweeps.studies.tiny_arms import SIZES, TASKS, Task, deep, deep_random, shallow, shallow_random
from tlm_sweeps.studies.tiny_claims import OVERLAPS
from tlm_sweeps.studies.tiny_committee_claim import lead_of, relative_pretraining
from tlm_sweeps.studies.tiny_committees import Seated
from tlm_sweeps.studies.tiny_evidence import Accuracies, accuracies, shared_texts
from tlm_sweeps.studies.tiny_latency import ARRANGEMENTS, relative_latency
from tlm_sweeps.studies.tiny_published import MODELS

SIZE = (
    "width 128, 64 positions, 8,192 pieces, three passes over at most 20,000 passages, "
    "or as many FLOPs over fewer where FLOPs are equal"
)
"""Of the study's models and text."""
SCALE = f"scaled: {SIZE}"


def tiny_document(found: TinyReproduction) -> dict[str, Any]:
    """The whole. What is not known is null; accuracies are shares between 0 and 1.

    Raises:
        InputError: when two runs of one seed answer to an arm.
    """
    return {
        "study": found.study.name,
        "source": found.study.source,
        "scale": SCALE,
        "left_out": dict(found.sweeps.left_out),
        "claims": [_claim(each) for each in found.answers],
        "tasks": [_task(task, found) for task in TASKS],
        "committees": [_committee(each) for each in found.committees],
        "published": [vars(each) for each in MODELS],
    }


def _claim(answer: QuantityClaimAnswer) -> dict[str, Any]:
    return {
        "name": answer.claim.name,
        "says": answer.claim.says,
        "about": answer.claim.about,
        "heading": answer.heading,
        "settings": [_setting(each) for each in answer.settings],
        "sweeps": list(answer.claim.sweeps),
    }


def _setting(answer: QuantitySettingAnswer) -> dict[str, Any]:
    setting = answer.setting
    return {
        "words": setting.words,
        "verdict": answer.verdict,
        "missing": list(answer.missing),
        "conditions": [{"words": each.words, "is_met": each.is_met} for each in setting.conditions],
        "at_best": setting.at_best,
        "note": setting.note,
        "quantities": [_judged(each) for each in answer.judged],
        "beside": [_judged(each) for each in answer.beside],
    }


def _judged(judged: Judged) -> dict[str, Any]:
    quantity = judged.quantity
    return {
        "label": quantity.label,
        "says": quantity.says,
        "values": dict(quantity.values),
        "n_asked": quantity.n_asked,
        "margin": quantity.margin,
        **_estimate(quantity.estimate),
        "p": judged.p,
        "corrected_p": judged.corrected_p,
        "verdict": judged.verdict,
        "missing": quantity.missing,
    }


def _task(task: Task, found: TinyReproduction) -> dict[str, Any]:
    arms = [random(task) for random in (deep_random, shallow_random)]
    arms += [arm_of(task, size) for arm_of in (deep, shallow) for size in SIZES]
    encoders = [_encoder(accuracies(arm, found.sweeps)) for arm in arms]
    return {"task": task.name, "encoders": encoders, "shared_texts": shared_texts(task, found.sweeps)}


def _encoder(each: Accuracies) -> dict[str, Any]:
    return {
        "label": each.label,
        "accuracies": dict(each.by_seed),
        **_estimate(each.estimate),
        "steps": list(each.steps),
        "epochs": each.epochs,
        "train_nll": each.train_nll,
        "n_asked": each.n_asked,
        "n_failed": each.n_failed,
        "n_infeasible": each.n_infeasible,
        "pretraining_flops": each.pretraining_flops,
        "overlap": {words: each.overlap(name) for name, words in OVERLAPS.items()},
        "runs": [record.run_id for record in each.records],
    }


def _committee(each: Seated) -> dict[str, Any]:
    document = each.document
    beside = document.against[0]
    return {
        "task": each.seats.task.name,
        "replicate": each.seats.replicate,
        "members": [record.run_id for record in each.seats.members],
        "deep": each.seats.deep.run_id,
        "rules": {
            one.rule: {"test": one.test.model_dump(mode="json"), "lead": lead_of(document, one.rule)}
            for one in document.answers
        },
        "deep_test": beside.runs[0].test.model_dump(mode="json"),
        "sizes": [
            {"rule": one.rule, "size": one.size, "accuracy": one.test_accuracy, "spread": one.test_spread}
            for one in document.curve
        ],
        "relative_pretraining_flops": relative_pretraining(document),
        "equal_flops": [one.model_dump(mode="json") for one in document.equal_flops],
        "relative_latency": {
            blocks: {
                f"{arrangement}, batch {batch}": relative_latency(document, arrangement, batch, blocks)
                for arrangement in ARRANGEMENTS
                for batch in (1, 32)
            }
            for blocks in get_args(Blocks)
        },
        "committee": _cost(document.committee),
        "deep_cost": _cost(beside),
        "latency": document.latency and document.latency.model_dump(mode="json"),
        "made_by": document.made_by.model_dump(mode="json"),
        "created_at": document.created_at,
    }


def _cost(group: Any) -> dict[str, Any]:
    return {
        "n_params": group.n_params,
        "forward_flops": group.forward_flops,
        "whole_forward_flops": group.whole_forward_flops,
        "pretraining_flops": dict(group.pretraining_flops),
        "finetuning_flops": dict(group.finetuning_flops),
    }


def _estimate(found: Estimate | None) -> dict[str, Any]:
    return {"mean": found and found.mean, "interval": found and found.interval}
