"""What a Slurm job is asked to have, and as which words `sbatch` is told. Contradictions are refused here."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from tlm_sweeps.errors import InputError

WARNING_SECONDS = 60
"""Before the time limit: then the job is told to leave. Slurm may tell it up to 60 s earlier than asked."""
_SHORTEST_SECONDS = 180
_FORMS = (
    re.compile(r"(?P<minutes>\d{1,9})(?::(?P<seconds>\d{1,2}))?", re.ASCII),
    re.compile(r"(?P<hours>\d{1,6}):(?P<minutes>\d{1,2}):(?P<seconds>\d{1,2})", re.ASCII),
    re.compile(r"(?P<days>\d{1,4})-(?P<hours>\d{1,4})(?::(?P<minutes>\d{1,2})(?::(?P<seconds>\d{1,2}))?)?", re.ASCII),
)
"""As `man sbatch` has them: minutes, minutes:seconds, hours:minutes:seconds, and with days before the hours."""
_UNITS = {"days": 86_400, "hours": 3_600, "minutes": 60, "seconds": 1}
_OWN = {
    "--array": "-a",
    "--chdir": "-D",
    "--comment": "",
    "--error": "-e",
    "--het-group": "",
    "--input": "-i",
    "--job-name": "-J",
    "--no-requeue": "",
    "--nodes": "-N",
    "--ntasks": "-n",
    "--ntasks-per-node": "",
    "--open-mode": "",
    "--output": "-o",
    "--parsable": "",
    "--requeue": "",
    "--signal": "",
    "--test-only": "",
    "--time": "-t",
    "--wait": "-W",
    "--wrap": "",
}
"""Options of `sbatch`, long and short, that are ours to give: the job would not be this sweep's, or not one job."""


@dataclass(frozen=True)
class Asked:
    """A job, as it was asked for on the command line; None where nothing was said."""

    nodes: int = 1
    gpus_per_node: int | None = None
    time: str | None = None
    """The limit, in one of Slurm's forms."""
    partition: str | None = None
    account: str | None = None
    requeue: bool = False
    options: tuple[str, ...] = ()
    """Further options of `sbatch`, each with its value in one word."""

    @property
    def several(self) -> bool:
        """Whether workers are on more than one machine."""
        return self.nodes > 1


def ensure_valid(asked: Asked) -> None:
    """Refuse what Slurm would refuse late, or would take for something else.

    Raises:
        InputError: with the option that it was given to.
    """
    if asked.time is not None and (seconds := seconds_of(asked.time)) < _SHORTEST_SECONDS:
        message = f"{asked.time} is {seconds} s, and the job is told to leave up to two minutes before its limit"
        hint = "ask for 3 minutes or more: --time 3, or as hours --time 0:03:00"
        raise InputError(message, place="--time", hint=hint)
    for option, name in (("--partition", asked.partition), ("--account", asked.account)):
        if name is not None and not _is_one_word(name):
            raise InputError(f"`{name}` cannot be a name", place=option, hint="`sinfo` and `sacctmgr` list the names")
    for each in asked.options:
        _ensure_option(each)


def seconds_of(time: str) -> int:
    """The length of a time limit.

    Raises:
        InputError: it is in none of Slurm's forms.

    >>> [seconds_of(each) for each in ("90", "4:00:00", "2-12", "1:30")]
    [5400, 14400, 216000, 90]
    """
    for form in _FORMS:
        if found := form.fullmatch(time):
            return sum(int(number) * _UNITS[unit] for unit, number in found.groupdict().items() if number)
    hint = "minutes (90), hours:minutes:seconds (4:00:00) or days-hours (2-12)"
    raise InputError(f"`{time}` is no time limit of Slurm's", place="--time", hint=hint)


def sbatch_words(asked: Asked, *, cores: int | None, name: str, comment: str, output: str) -> list[str]:
    """The options of `sbatch`, each in one word, so that no value can be taken for an option.

    Args:
        asked: for.
        cores: of a job on one node; None for whole nodes, 0 where the further options say it.
        name: of the job.
        comment: by which the job is known again.
        output: file of what the job says.
    """
    words = [f"--job-name={name}", f"--nodes={asked.nodes}", "--ntasks-per-node=1"]
    if cores != 0:
        words += ["--exclusive"] if cores is None else [f"--cpus-per-task={cores}"]
    given = {"gpus-per-node": asked.gpus_per_node, "time": asked.time}
    given |= {"partition": asked.partition, "account": asked.account}
    words += [f"--{option}={value}" for option, value in given.items() if value is not None]
    words += ["--no-kill"] if asked.several else []  # a node that dies takes its workers along, not the sweep
    words += asked.options
    words += [f"--signal=B:TERM@{WARNING_SECONDS}", "--requeue" if asked.requeue else "--no-requeue"]
    return [*words, f"--output={output}", "--open-mode=append", f"--comment={comment}", "--parsable"]


def _ensure_option(word: str) -> None:
    name = re.match(r"--[a-z][a-z-]*(?==|$)|-[A-Za-z]", word)
    if name is None or not _is_one_word(word):
        hint = "an option with its value in one word: --slurm-option='--qos=low'"
        raise InputError(f"`{word}` is no option of sbatch", place="--slurm-option", hint=hint)
    if taken := next(_taken(name[0]), None):
        own = ("--nodes", "--time", "--requeue")
        hint = f"write {taken} for itself, without --slurm-option" if taken in own else "leave it out"
        raise InputError(f"{taken} is given to sbatch by tlm-sweeps itself", place="--slurm-option", hint=hint)


def _taken(name: str) -> Iterator[str]:
    """Our own option that a word is, or is short for: `sbatch` takes a long name's beginning for it."""
    for long, short in _OWN.items():
        if name == short or (name.startswith("--") and long.startswith(name)):
            yield long


def _is_one_word(text: str) -> bool:
    return bool(text) and text.isprintable() and not text.startswith("=") and text == text.strip()
