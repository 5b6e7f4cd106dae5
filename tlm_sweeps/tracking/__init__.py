"""What a run tells the outside while it trains: W&B, or nobody. Training never waits for it."""
