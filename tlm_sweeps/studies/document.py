"""A reproduction as one document for programs: every row with what was published, what is ours, and the verdict."""

from __future__ import annotations

from typing import Any

from tlm_sweeps.studies.answers_json import claims_json, origin_json, questions_json
from tlm_sweeps.studies.choosing import claims_of, questions_of
from tlm_sweeps.studies.published import Published
from tlm_sweeps.studies.reproduction import RULE, CellResult, Epoch, Reproduction


def document_of(found: Reproduction) -> dict[str, Any]:
    """The whole. What is not known is null.

    Raises:
        InputError: when two runs of one seed answer to a side of a claim or question.
    """
    return {
        "study": found.study.name,
        "source": found.study.source,
        "rule": RULE,
        "left_out": dict(found.sweeps.left_out),
        "verdicts": dict(found.verdicts),
        "cells": [_cell(result) for result in found.results],
        "claims": claims_json(found.sweeps, claims_of(found.study)),
        "questions": questions_json(found.sweeps, questions_of(found.study)),
    }


def _cell(result: CellResult) -> dict[str, Any]:
    arm = result.cell.arm
    return {
        "table": result.table.key,
        "label": arm.label,
        "sweep": arm.sweep,
        "where": dict(arm.where),
        "params": result.cell.published.n_params,
        "flops_2nd": result.cell.published.flops_2nd,
        "published": _published(result.cell.published),
        "n_asked": result.n_asked,
        "n_failed": result.n_failed,
        "n_left_out": result.n_left_out,
        "ours": _ours(result),
        "difference": result.difference,
        "difference_in_deviations": result.difference_in_deviations,
        "verdict": result.verdict,
        "caution": result.caution,
        "epochs": [_epoch(each) for each in result.epochs],
    }


def _published(published: Published) -> dict[str, Any]:
    printed = published.printed_flops
    return {
        "test_nll": published.test_nll,
        "flops": printed and printed.flops,
        "train_nlls": list(published.train_nlls),
        "val_nlls": list(published.val_nlls),
        "note": published.note,
    }


def _ours(result: CellResult) -> dict[str, Any] | None:
    found = result.ours
    if found is None:
        return None
    return {
        "mean": found.mean,
        "interval": found.interval,
        "prediction_interval": result.prediction,
        "standard_deviation": result.deviation,
        "n_seeds": found.n,
        "values": dict(result.test_nlls),
        "train_flops": result.train_flops and dict(result.train_flops),
        **origin_json(result.records),
    }


def _epoch(each: Epoch) -> dict[str, Any]:
    return {
        "epoch": each.epoch,
        "published": each.published,
        "ours": {"mean": each.ours.mean, "interval": each.ours.interval},
        "difference": each.difference,
    }
