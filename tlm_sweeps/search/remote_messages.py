"""What a worker on another machine and its home say to each other besides orders and reports: plain JSON as well.

A file travels as a `Carrying`, then its content in frames that begin with a zero byte (no JSON does), in order.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from tlm_sweeps.search.messages import AnyOrder, AnyReport, Beat, Message
from tlm_sweeps.spec.experiment import ExperimentSpec


class Summons(Message):
    """What a worker must know to call home. It holds a secret: it goes by Ray's own lines, or by stdin."""

    host: str
    port: int
    key: str
    """Both ends prove that they know it before a message is read; hexadecimal."""
    ticket: str
    """Which worker calls."""
    beat_seconds: float
    """Each end says something at least this often."""
    silence_seconds: float
    """After so long without a word, home gives the worker up. The worker gives up before that."""
    gpu_share: float = 0.0
    """Of a GPU that is granted to this worker; 0 on a CPU."""


class Hello(Message):
    """The first word of a worker."""

    kind: Literal["hello"] = "hello"
    ticket: str
    node: str
    """Of the cluster, where it is."""
    host: str
    versions: dict[str, str]
    """Python and the packages that bear on results, and the commit where there is one."""
    processor: str
    """In words."""


class Welcome(Message):
    """The answer to a hello: what all runs of the sweep have in common."""

    kind: Literal["welcome"] = "welcome"
    token_file: str
    """A worker that finds it under this path, with this content, shares home's runs folder."""
    token: str
    data_dir: str | None
    """Where home looks for named corpora; meant for a machine that has the folder too."""
    work_dir: str
    """From which relative paths count at home."""
    experiment: ExperimentSpec
    """The worker opens its text before it takes orders."""
    fingerprint: str
    """Of that text's tokens."""


class Settled(Message):
    """The worker has the text, and knows where it is."""

    kind: Literal["settled"] = "settled"
    shares_folder: bool
    """Whether it writes into home's runs folder itself."""
    room_bytes: int | None = None
    """Memory of its GPU that it may use; None on a CPU."""


class Unfit(Message):
    """The worker cannot train this sweep, nor could another one on its node."""

    kind: Literal["unfit"] = "unfit"
    reason: str


class Carrying(Message):
    """A file of a run comes next."""

    kind: Literal["carrying"] = "carrying"
    run_id: str
    name: str
    """Within the run's folder."""
    size: int = Field(ge=0)
    sha256: str


class Carried(Message):
    """All files have been sent that the next report speaks of; the worker waits until they are `Kept`."""

    kind: Literal["carried"] = "carried"
    run_id: str
    checkpoints: tuple[str, ...]
    """Checkpoint files that the worker still has; others are dropped at home too."""


class Kept(Message):
    """The files are on home's disk."""

    kind: Literal["kept"] = "kept"
    run_id: str
    reason: str = ""
    """Why they are not, where they are not."""


AnyWordFromAway = Hello | Settled | Unfit | Carrying | Carried | AnyReport
AnyWordFromHome = Welcome | Beat | Carrying | Kept | AnyOrder

FROM_AWAY: TypeAdapter[AnyWordFromAway] = TypeAdapter(Annotated[AnyWordFromAway, Field(discriminator="kind")])
FROM_HOME: TypeAdapter[AnyWordFromHome] = TypeAdapter(Annotated[AnyWordFromHome, Field(discriminator="kind")])
