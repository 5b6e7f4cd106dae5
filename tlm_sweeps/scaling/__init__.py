"""Scaling laws: from runs of several sizes and budgets to what the next budget will bring."""
