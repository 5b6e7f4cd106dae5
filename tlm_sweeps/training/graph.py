"""A training step recorded once on a GPU and then replayed whole: one launch instead of hundreds of small ones.

The inputs of a recorded step stay where they were when it was recorded; a replay copies the new ones in. It knows
nothing of what the step computes, except that the step draws no random numbers and waits for nothing.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

_WARM_UP = 3
"""Steps that are taken as usual first, on a stream of their own, so that libraries have chosen their kernels."""


class RecordedStep:
    """A step that is taken as usual three times, recorded, and replayed from then on. All its steps count."""

    def __init__(self, step: Callable[[Tensor, Tensor], None]) -> None:
        """Prepare to record `step(rows, rates)`, whose arguments must keep their shapes."""
        self._step = step
        self._taken = 0
        self._stream = torch.cuda.Stream()
        self._graph = torch.cuda.CUDAGraph()
        self._inputs: tuple[Tensor, Tensor] | None = None

    def __call__(self, rows: Tensor, rates: Tensor) -> None:
        """Take one step with these inputs."""
        if self._inputs is None:
            self._inputs = (rows.clone(), rates.to(rows.device))
        held_rows, held_rates = self._inputs
        held_rows.copy_(rows)
        held_rates.copy_(rates)
        if self._taken < _WARM_UP:
            self._stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(self._stream):
                self._step(held_rows, held_rates)
            torch.cuda.current_stream().wait_stream(self._stream)
        else:
            if self._taken == _WARM_UP:
                with torch.cuda.graph(self._graph):
                    self._step(held_rows, held_rates)
            self._graph.replay()
        self._taken += 1
