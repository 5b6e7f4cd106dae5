"""The figures of the runs of a group, one by one and together."""

from __future__ import annotations

from tlm_sweeps.committees.combining import RULES, combined
from tlm_sweeps.committees.costs import (
    finetuning_flops,
    forward_flops_of,
    n_params_of,
    pretraining_flops,
    whole_forward_flops_of,
)
from tlm_sweeps.committees.document import Answer, Group, RunFigures
from tlm_sweeps.committees.members import Gathered
from tlm_sweeps.committees.predictions import Member
from tlm_sweeps.committees.scoring import answer_scores, nll_nats


def group(found: Gathered) -> Group:
    """Runs that stand together, with what they cost together."""
    records = [member.record for member in found.members]
    return Group(
        name=found.name,
        runs=tuple(_run(member) for member in found.members),
        left_out=found.left_out,
        n_params=sum(n_params_of(member) for member in found.members),
        forward_flops=sum(forward_flops_of(member) for member in found.members),
        whole_forward_flops=sum(whole_forward_flops_of(member) for member in found.members),
        finetuning_flops=finetuning_flops(records),
        pretraining_flops=pretraining_flops(records),
    )


def answers(committee: Gathered) -> tuple[Answer, ...]:
    """The whole committee by each rule."""
    valid, test, n_labels = committee.valid, committee.test, len(committee.members[0].task.labels)
    found = []
    for rule in RULES:
        told_valid, valid_shares = combined(valid.logits, rule)
        told, shares = combined(test.logits, rule)
        answer = Answer(
            rule=rule,
            valid_accuracy=float((told_valid == valid.labels).mean()),
            valid_nll=nll_nats(valid_shares, valid.labels),
            test=answer_scores(told, test.labels, n_labels),
            test_nll=nll_nats(shares, test.labels),
        )
        found.append(answer)
    return tuple(found)


def _run(member: Member) -> RunFigures:
    record = member.record
    told_valid, valid_shares = combined(member.valid.logits[None], "mean logit")
    told, shares = combined(member.test.logits[None], "mean logit")
    return RunFigures(
        run_id=record.run_id,
        sweep=record.sweep,
        trial=record.trial,
        seed=record.seed,
        fingerprint=record.fingerprint,
        settings=record.settings,
        baseline=record.baseline,
        n_params=n_params_of(member),
        forward_flops=forward_flops_of(member),
        finetuning_flops=finetuning_flops([record]),
        started_from=record.started_from,
        valid_accuracy=float((told_valid == member.valid.labels).mean()),
        valid_nll=nll_nats(valid_shares, member.valid.labels),
        test=answer_scores(told, member.test.labels, len(member.task.labels)),
        test_nll=nll_nats(shares, member.test.labels),
        provenance=record.provenance,
    )
