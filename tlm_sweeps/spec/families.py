"""Every model family that can be trained, told apart by its `kind`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from tlm_sweeps.spec.encoders import BertModel
from tlm_sweeps.spec.models import NextTokenModel

ModelSpec = Annotated[NextTokenModel | BertModel, Field(discriminator="kind")]
