"""W&B as the engine: its server proposes, agents on any machine train, and what is spent is read from the runs."""
