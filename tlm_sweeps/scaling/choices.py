"""What one may choose of a fit. It loads nothing, so that the command line can name the choices."""

from __future__ import annotations

from typing import Literal

Sizes = Literal["all", "non-embedding"]
"""Which parameters N counts. `all`: embeddings included (Hoffmann); `non-embedding`: without (Kaplan)."""
Tokens = Literal["targets", "positions"]
"""What D counts. `targets`: tokens that were predicted in training; `positions`: that flowed through the model."""
Which = Literal["best", "all"]
"""`best`: of settings of one size at one budget the one of the lowest validation NLL, so that the law is of tuned
models; `all`: every setting."""
