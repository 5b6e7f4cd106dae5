"""What members cost: parameters and FLOPs of a prediction, their own training, and the pre-training behind them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import fmean
from typing import get_args

from tlm_sweeps.committees.predictions import Member
from tlm_sweeps.committees.subsets import Subsets
from tlm_sweeps.compute import encoder_counting
from tlm_sweeps.compute.encoder_counting import Labels
from tlm_sweeps.runs.record import Record
from tlm_sweeps.spec.sweep import Account

ACCOUNTS = get_args(Account)


def n_params_of(member: Member) -> int:
    """Trainable parameters, with the head that tells labels apart."""
    return encoder_counting.n_params(member.model, member.task.vocabulary_size, Labels(len(member.task.labels)))


def forward_flops_of(member: Member) -> int:
    """Matrix-multiply FLOPs of one prediction, padding included; members of a committee add up."""
    head = Labels(len(member.task.labels))
    return encoder_counting.forward_flops_per_window(member.model, member.task.vocabulary_size, head)


def whole_forward_flops_of(member: Member) -> int:
    """The same with whole blocks, as the study's models compute."""
    head = Labels(len(member.task.labels))
    return encoder_counting.forward_flops_of_whole_blocks(member.model, member.task.vocabulary_size, head)


def finetuning_flops(records: Iterable[Record]) -> dict[str, int]:
    """Training FLOPs of the runs themselves, by account."""
    return _added(record.train_flops or {} for record in records)


def pretraining_flops(records: Sequence[Record]) -> dict[str, int]:
    """Training FLOPs behind runs, by account; weights that several start from were trained once."""
    behind = {origin.sha256: origin.train_flops for record in records if (origin := record.started_from) is not None}
    return _added(behind.values())


def pretraining_of_size(committees: Subsets, members: Sequence[Member]) -> dict[str, float]:
    """Pre-training FLOPs behind one of these committees, by account: the mean over them."""
    each = [pretraining_flops([members[number].record for number in chosen]) for chosen in committees.chosen]
    return {account: fmean(cost[account] for cost in each) for account in ACCOUNTS}


def _added(parts: Iterable[dict[str, int]]) -> dict[str, int]:
    listed = list(parts)
    return {account: sum(part.get(account, 0) for part in listed) for account in ACCOUNTS}
