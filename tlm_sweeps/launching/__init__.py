"""Sweeps as jobs of a cluster's own scheduler (Slurm): asked for, submitted, looked after. It trains nothing."""
