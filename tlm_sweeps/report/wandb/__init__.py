"""W&B beside our own page: a W&B Report of a sweep, and our page from a W&B sweep. The only part that loads wandb."""
